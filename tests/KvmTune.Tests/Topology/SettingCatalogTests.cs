// The catalog of settings: each setting is found in documents, has a place in libvirt's order, and differs from everything else.
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Topology;

public sealed class SettingCatalogTests
{
    private const string ThenRun = "Then: dotnet test tests/KvmTune.Tests --filter \"SettingCatalogTests|ChangeKindTests\"";

    [Fact]
    public void The_rich_VM_has_every_tunable_setting_but_those_that_exclude_each_other()
    {
        var found = DomainSettings.Read(RichVM.Full).All.Select(setting => setting.Setting).ToHashSet();
        string[] excluded =
        [
            "numatune/memory/@placement", "cpu/model/@vendor_id", "cpu/topology/@clusters", "devices/disk[target/@dev]/driver/iothreads/iothread[@id]",
            "devices/controller[@type='scsi'][@index]/driver/iothreads/iothread[@id]",
            .. SettingCatalog.DiskLimits.Except(["total_bytes_sec", "total_iops_sec"]).Select(limit => $"devices/disk[target/@dev]/iotune/{limit}"),
        ];
        var missing = SettingCatalog.All.Where(setting => setting.IsTunable && !found.Contains(setting)).Select(setting => setting.Pattern).Except(excluded).ToList();
        Assert.True(
            missing.Count == 0,
            $"tests/KvmTune.Tests/Tuning/RichVM.cs has no {string.Join(", ", missing)}: add it to Full as libvirt writes it. {ThenRun}");
        Assert.All(excluded, pattern => Assert.DoesNotContain(SettingCatalog.Get(pattern.Replace("[#]", string.Empty, StringComparison.Ordinal)), found));
    }

    [Fact]
    public void Names_and_patterns_are_given_once()
    {
        Assert.Equal(SettingCatalog.All.Count, SettingCatalog.All.Select(setting => setting.Pattern).Distinct().Count());
        Assert.Equal(SettingCatalog.All.Count, SettingCatalog.All.Select(setting => setting.Name).Distinct().Count());
    }

    [Fact]
    public void Every_element_of_a_tunable_setting_below_a_device_or_the_domain_has_a_place_in_the_order()
    {
        foreach (var setting in SettingCatalog.All.Where(setting => setting.IsTunable))
        {
            for (var length = 0; length < setting.Elements.Count; length++)
            {
                if (setting.Elements[length] is { KeyChild: null, Type: null })
                {
                    var parent = setting.Elements.Take(length).Select(element => element.Name).ToList();
                    Assert.True(
                        ElementOrder.Of(parent).RankOfSibling(setting.Elements[length].Name) is not null,
                        $"src/KvmTune.Core/Topology/ElementOrder.cs does not say where <{setting.Elements[length].Name}> stands in <{string.Join('/', parent.Prepend("domain"))}>: add it there, where libvirt writes it. {ThenRun}");
                }
            }
        }
    }

    [Fact]
    public void What_the_order_does_not_know_is_never_placed() =>
        Assert.Throws<InvalidOperationException>(() => ElementOrder.Of(["cputune"]).RankOf("vcpupinn"));

    [Fact]
    public void A_path_outside_the_catalog_is_neither_read_nor_written()
    {
        var document = DomainDocument.Parse(RichVM.Full);
        var kernel = SettingPath.Of(new SettingElement("os")).Child("kernel");
        Assert.Throws<InvalidOperationException>(() => document.Get(kernel));
        Assert.Throws<InvalidOperationException>(() => document.Set(kernel, "/evil"));
        Assert.Equal(DomainDocument.Parse(RichVM.Full).ToXml(), document.ToXml());
    }

    [Fact]
    public void A_key_that_is_a_list_is_a_setting_of_each_number_in_it()
    {
        const string Before = "<domain type='kvm'><name>a</name><cputune><shares>9</shares><vcpusched vcpus='0-2' scheduler='fifo' priority='1'/><iothreadsched iothreads='1' scheduler='batch'/></cputune></domain>";
        var (scheduler, priority) = (SettingCatalog.Get("cputune/vcpusched[@vcpus]/@scheduler"), SettingCatalog.Get("cputune/vcpusched[@vcpus]/@priority"));
        Assert.Equal(["fifo", "fifo", "fifo"], DomainSettings.Read(Before).All.Where(setting => setting.Setting == scheduler).Select(setting => setting.Value));

        var document = DomainDocument.Parse(Before);
        var trace = document.Trace([scheduler.At("1"), priority.At("1")]);
        document.Set(priority.At("1"), "5");
        Assert.Contains("vcpus=\"0,2\" scheduler=\"fifo\" priority=\"1\"", document.ToXml(), StringComparison.Ordinal);
        Assert.Contains("vcpus=\"1\"", document.ToXml(), StringComparison.Ordinal);
        Assert.Equal(("fifo", "5"), (document.Get(scheduler.At("1")), document.Get(priority.At("1"))));
        document.Set(priority.At("1"), "1", trace);
        Assert.Equal(DomainDocument.Parse(Before).ToXml().Replace(" ", string.Empty, StringComparison.Ordinal), document.ToXml().Replace(" ", string.Empty, StringComparison.Ordinal));

        foreach (var (setting, number) in new[] { (scheduler, "0"), (priority, "0"), (scheduler, "1"), (priority, "1"), (scheduler, "2"), (priority, "2") })
        {
            document.Set(setting.At(number), null);
        }

        Assert.DoesNotContain("vcpusched", document.ToXml(), StringComparison.Ordinal);
        document.Set(scheduler.At("3"), "rr");
        document.Set(priority.At("3"), "2");
        document.Set(scheduler.At("4"), "rr");
        document.Set(priority.At("4"), "2");
        Assert.Contains("<vcpusched vcpus=\"3-4\" scheduler=\"rr\" priority=\"2\" /><iothreadsched", document.ToXml(), StringComparison.Ordinal);
        Assert.Equal("batch", document.Get(SettingCatalog.Get("cputune/iothreadsched[@iothreads]/@scheduler").At("1")));
    }

    [SkippableFact]
    public void The_forward_pass_and_the_document_agree_on_every_setting_of_the_corpus()
    {
        var count = 0;
        foreach (var (name, xml) in LibvirtCorpus.Domains().Select(document => (document.Name, document.Xml)))
        {
            var document = DomainDocument.Parse(xml);
            foreach (var setting in document.Settings.All.DistinctBy(setting => setting.Path))
            {
                count++;
                Assert.True(document.Get(setting.Path) is { } value && value.Trim() == setting.Value.Trim(), $"{name}: {setting.Path}: '{document.Get(setting.Path)}' and '{setting.Value}'");
            }
        }

        Assert.True(count > LibvirtCorpus.Share(5_000), $"The corpus has only {count} settings.");
    }

    [SkippableFact]
    public void The_typed_model_has_what_the_catalog_finds_or_it_is_said_here_that_it_does_not()
    {
        foreach (var (name, xml) in LibvirtCorpus.Domains().Select(document => (document.Name, document.Xml)))
        {
            var settings = DomainSettings.Read(xml);
            var vm = DomainXmlReader.Read(xml);
            foreach (var setting in settings.All.DistinctBy(setting => setting.Path))
            {
                Assert.True(TypedModel.Has(vm, setting), $"{name}: {setting.Path} is '{setting.Value}', and the typed model says otherwise. See src/KvmTune.Core/Topology/DomainXmlReader.cs and tests/KvmTune.Tests/Topology/TypedModel.cs. {ThenRun}");
            }
        }
    }

    [Fact]
    public void The_typed_model_is_asked_about_every_setting() =>
        Assert.All(SettingCatalog.All, setting => Assert.True(TypedModel.Knows(setting), $"{setting.Pattern} is not in tests/KvmTune.Tests/Topology/TypedModel.cs: say there where the model has it, or that it does not. {ThenRun}"));

    [Fact]
    public void What_the_guest_can_see_is_said_by_value_where_that_matters()
    {
        var cache = SettingCatalog.Get("devices/disk[target/@dev]/driver/@cache");
        Assert.False(cache.IsSeenByGuest("none", "writeback"));
        Assert.True(cache.IsSeenByGuest("writethrough", "none"));
        Assert.True(SettingCatalog.Get("devices/interface[mac/@address]/driver/@queues").IsSeenByGuest("2", "4"));
        Assert.False(SettingCatalog.Get("cputune/vcpupin[@vcpu]/@cpuset").IsSeenByGuest("2", "4"));
    }

    // libvirt 10.1 and later write the attribute even if the document omitted it.
    [Fact]
    public void A_topology_without_clusters_and_one_with_a_single_cluster_are_the_same()
    {
        const string Without = "<domain type='kvm'><name>a</name><vcpu>4</vcpu><cpu><topology sockets='1' dies='1' cores='2' threads='2'/></cpu></domain>";
        var one = Without.Replace("cores=", "clusters='1' cores=", StringComparison.Ordinal);
        Assert.Empty(SettingComparer.Compare(DomainSettings.Read(Without), DomainSettings.Read(one)));
        var two = SettingComparer.Compare(DomainSettings.Read(Without), DomainSettings.Read(one.Replace("clusters='1'", "clusters='2'", StringComparison.Ordinal)));
        Assert.Equal("CPU topology: 1 sockets x 2 cores x 2 threads -> 1 sockets x 2 clusters x 2 cores x 2 threads", Assert.Single(two).ToString());
    }

    [Fact]
    public void A_pin_to_what_an_unpinned_thread_may_use_waits_for_no_restart()
    {
        const string Configured = "<domain type='kvm'><name>a</name><vcpu cpuset='0-1'>2</vcpu></domain>";
        const string Running = "<domain type='kvm' id='1'><name>a</name><vcpu cpuset='0-1'>2</vcpu><cputune><vcpupin vcpu='0' cpuset='0,1'/><emulatorpin cpuset='0-1'/></cputune></domain>";
        Assert.Empty(SettingComparer.Pending(DomainSettings.Read(Running), DomainSettings.Read(Configured), new CpuSet("0-7")));
        Assert.Single(SettingComparer.Pending(DomainSettings.Read(Running.Replace("0,1", "1", StringComparison.Ordinal)), DomainSettings.Read(Configured), new CpuSet("0-7")));
    }
}
