// Every kind of finding is found on a VM that has it, not on one that just does not, and disappears after its change.
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Findings;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Measurement.Workloads;
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Diagnosis;

public sealed class FindingTests
{
    public static TheoryData<int, string> Examples
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (var number = 0; number < FindingExamples.All.Count; number++)
            {
                data.Add(number, FindingExamples.All[number].Kind.Id);
            }

            return data;
        }
    }

    [Fact]
    public void Every_kind_has_a_vm_that_shows_it_and_one_that_just_does_not() => Assert.All(FindingCatalog.All, kind => Assert.True(
        FindingExamples.All.Any(example => example.Kind.Id == kind.Id),
        $"tests/KvmTune.Tests/Diagnosis/FindingExamples.cs has no {kind.Id}: add a VM that shows it and one that just does not. Then: KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter \"FindingTests|FindingsPage\""));

    [Theory]
    [MemberData(nameof(Examples))]
    public void A_kind_is_seen_where_it_is_with_its_values_and_their_sources(int number, string id)
    {
        var example = FindingExamples.All[number];
        var found = example.Shows.Look(example.Kind);

        Assert.True(found.Count > 0, $"{id} is not seen.");
        var evidence = string.Join('\n', found.SelectMany(finding => finding.Observation.Evidence));
        Assert.All(example.Evidence, part => Assert.Contains(part, evidence, StringComparison.Ordinal));
        Assert.All(found.SelectMany(finding => finding.Observation.Evidence), value => Assert.Matches("^(libvirt|kernel|guest): ", value.Source));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void A_kind_is_not_seen_where_it_just_is_not(int number, string id)
    {
        var example = FindingExamples.All[number];

        var found = example.JustNot.Look(example.Kind);

        Assert.True(found.Count == 0, $"{id}: {string.Join("; ", found.SelectMany(finding => finding.Observation.Evidence))}");
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void A_finding_is_gone_once_its_change_is_made_or_says_why_there_is_none(int number, string id)
    {
        var example = FindingExamples.All[number];
        foreach (var found in example.Shows.Look(example.Kind))
        {
            var remedy = found.Observation.Remedy;
            if (remedy.MakeChange is null)
            {
                Assert.False(string.IsNullOrEmpty(remedy.NoChangeReason), $"{id} has neither a change nor a reason.");
                continue;
            }

            var left = example.Shows.After(found.Observation).Look(example.Kind);
            Assert.DoesNotContain(left, other => other.Observation.Subject == found.Observation.Subject);
        }
    }

    [Fact]
    public void A_well_set_vm_shows_nothing_running_or_not()
    {
        var host = RuleScene.Grid(2, 4, 2) with { CpuModel = "EPYC" };
        Assert.Empty((FindingScene.Of(FindingExamples.WellSet()) with { Host = host }).Look());
        Assert.Empty(new FindingScene { Running = FindingExamples.WellSet(), Configured = FindingExamples.WellSet(), Host = host }.Look());
        Assert.Empty(new FindingScene { Running = FindingExamples.WellSet(), Host = host }.Look());
    }

    [Fact]
    public void Every_kind_has_a_name_of_its_own_a_reason_a_source_and_workloads_that_exist()
    {
        Assert.Equal(FindingCatalog.All.Count, FindingCatalog.All.Select(kind => kind.Id).Distinct(StringComparer.Ordinal).Count());
        var workloads = WorkloadCatalog.CreateDefault().All.Select(workload => workload.Name).ToList();
        Assert.All(FindingCatalog.All, kind =>
        {
            Assert.Matches(@"\A[A-Z][A-Za-z0-9]+\z", kind.Id);
            Assert.EndsWith(".", kind.Reason, StringComparison.Ordinal);
            Assert.NotEmpty(kind.Source);
            Assert.NotEmpty(kind.Workloads);
            Assert.All(kind.Workloads, workload => Assert.Contains(workload, workloads));
        });
    }

    [Fact]
    public void A_suggestion_says_try_and_never_set() => Assert.All(
        FindingExamples.All.SelectMany(example => example.Shows.Look(example.Kind)),
        found =>
        {
            Assert.StartsWith("Try ", found.Observation.Suggestion, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"\b[Ss]et (a|an|the|it|one|cache|io)\b", found.Observation.Suggestion);
            Assert.DoesNotMatch(@"\bSet\b", string.Join(' ', found.Observation.Evidence));
        });

    [Fact]
    public void The_gravest_comes_first()
    {
        var severities = FindingScene.Of(RuleScene.Vm(inside: "<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='2'/></cputune>")).Look()
            .Select(found => found.Kind.Severity).ToList();

        Assert.Equal(FindingSeverity.High, severities[0]);
        Assert.Equal(severities.Order(), severities);
    }

    [Fact]
    public void Vcpus_that_share_a_host_cpu_are_moved_to_free_whole_cores_of_their_node_that_nobody_is_pinned_to()
    {
        // Node 0 has the CPUs 0-7 in cores of two; vCPU 1 must move, web01 has 2 and 3, so the next whole core is 4.
        var scene = FindingScene.Of(FindingExamples.WellSet(inside: "<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='0'/></cputune>")) with
        {
            Host = RuleScene.Grid(2, 4, 2),
            Neighbours = [DomainXmlReader.Read(RuleScene.Vm("web01", 2, "<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='3'/></cputune>"))],
        };

        var after = scene.After(Assert.Single(scene.Look(CpuFindings.PinSharesHostCpuWithinVM)).Observation);

        Assert.Equal(new CpuSet("4"), DomainXmlReader.Read(after.Configured!).VcpuPins[1]);
        Assert.Equal(new CpuSet("0"), DomainXmlReader.Read(after.Configured!).VcpuPins[0]);
    }

    // Node 0 has the even CPUs and node 1 the odd ones; the second thread of core 1 is 33.
    private static VMHostTopology Interleaved => RuleScene.Grid(2, 1, 1) with
    {
        OnlineCpus = new CpuSet("0-63"),
        Nodes =
        [
            .. Enumerable.Range(0, 2).Select(node => new HostNode
            {
                Id = node,
                MemoryKiB = 16 * 1024 * 1024,
                Cpus = [.. Enumerable.Range(0, 64).Where(cpu => cpu % 2 == node).Select(cpu => new HostCpu(cpu, node, node, 0, cpu % 32, CpuSet.Of([cpu % 32, (cpu % 32) + 32])))],
            }),
        ],
    };

    private static string WithCells(string first, string second, string pins) => FindingExamples.WellSet(
            8, $"<cputune>{string.Concat(pins.Split(' ').Select(pin => $"<vcpupin vcpu='{pin.Split(':')[0]}' cpuset='{pin.Split(':')[1]}'/>"))}</cputune><numatune><memnode cellid='0' mode='strict' nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1'/></numatune>")
        .Replace("<cpu mode='host-passthrough'/>", $"<cpu mode='host-passthrough'><topology sockets='1' dies='1' cores='4' threads='2'/><numa><cell id='0' cpus='{first}' memory='524288'/><cell id='1' cpus='{second}' memory='524288'/></numa></cpu>", StringComparison.Ordinal);

    [Theory]
    [InlineData("0-3", "4-7", "0:0 1:2 2:32 3:34 4:1 5:3 6:33 7:35")]
    [InlineData("0-1,4-5", "2-3,6-7", "0:0 1:2 2:1 3:3 4:32 5:34 6:33 7:35")]
    public void Siblings_are_put_in_order_within_the_node_of_their_cell(string first, string second, string pins)
    {
        var scene = FindingScene.Of(WithCells(first, second, pins)) with { Host = Interleaved };

        var after = scene.After(Assert.Single(scene.Look(CpuFindings.SiblingsMatchGuestTopology)).Observation);

        Assert.Empty(after.Look(CpuFindings.SiblingsMatchGuestTopology));
        Assert.All(DomainXmlReader.Read(after.Configured!).VcpuPins, pin => Assert.Equal(new CpuSet(first).Contains(pin.Key) ? 0 : 1, pin.Value.Numbers[0] % 2));
    }

    [Theory]
    [InlineData("0:0 1:32 2:2 3:34 4:1 5:33 6:3 7:3")]
    [InlineData("0:0 1:32 2:2 3:34")]
    public void A_vcpu_is_moved_to_a_host_cpu_on_the_node_of_its_cell(string pins)
    {
        var scene = FindingScene.Of(WithCells("0-3", "4-7", pins)) with { Host = Interleaved };
        var kind = pins.EndsWith("7:3", StringComparison.Ordinal) ? CpuFindings.PinSharesHostCpuWithinVM : ThreadFindings.VcpusPartlyPinned;

        var moved = DomainXmlReader.Read(scene.After(Assert.Single(scene.Look(kind)).Observation).Configured!).VcpuPins;

        Assert.All(Enumerable.Range(4, 4), vcpu => Assert.Equal(1, moved[vcpu].Numbers[0] % 2));
    }

    [Fact]
    public void A_placement_on_a_neighbours_empty_slots_is_no_finding_of_either()
    {
        static string Pinned(string name, int vcpus, int first, string attributes) => FindingExamples.WellSet(
            vcpus, "<cputune>" + string.Concat(Enumerable.Range(0, vcpus).Select(vcpu => $"<vcpupin vcpu='{vcpu}' cpuset='{vcpu + first}'/>")) + "<emulatorpin cpuset='0'/></cputune>")
            .Replace("db01", name, StringComparison.Ordinal).Replace("<vcpu>", $"<vcpu {attributes}>", StringComparison.Ordinal);
        var (slots, placed) = (Pinned("a", 6, 2, "current='2'"), Pinned("b", 4, 4, string.Empty));
        Assert.Empty((FindingScene.Of(placed) with { Neighbours = [DomainXmlReader.Read(slots)] }).Look(CpuFindings.PinOvercommitsHostCpu));
        Assert.Empty((FindingScene.Of(slots) with { Neighbours = [DomainXmlReader.Read(placed)] }).Look(CpuFindings.PinOvercommitsHostCpu));
    }

    [Fact]
    public void Memory_is_not_bound_to_a_node_that_has_none()
    {
        var scene = FindingScene.Of(FindingExamples.WellSet(inside: "<cputune><vcpupin vcpu='0' cpuset='5'/></cputune>")) with { Host = RuleScene.WithoutMemory(RuleScene.Grid(2, 4, 1), node: 1) };

        var after = scene.After(Assert.Single(scene.Look(CpuFindings.PinsWithNumaPolicy)).Observation);

        Assert.Equal(new CpuSet("0"), DomainXmlReader.Read(after.Configured!).Memory.NumaNodes);
        Assert.Empty(after.Look(CpuFindings.PinsWithNumaPolicy));
    }

    [Fact]
    public void Without_o_direct_a_risky_cache_mode_gives_way_to_writethrough()
    {
        var example = FindingExamples.All.First(example => example.Kind == DiskFindings.WritebackHoldsData && example.Shows.Abilities.ProbeDirectIO(new("file", "/d", "raw")).IsTaken == false);

        var remedy = Assert.Single(example.Shows.Look(example.Kind)).Observation.Remedy;

        Assert.Equal("writethrough", Assert.IsType<DiskDriverChange>(remedy.MakeChange!(KvmTune.Topology.DomainDocument.Parse(example.Shows.Configured!))).Options["cache"]);
    }

    [Fact]
    public void Pages_are_reserved_for_a_huge_guest_only_where_the_host_has_the_memory()
    {
        var example = FindingExamples.All.Single(example => example.Kind == MemoryFindings.HugeGuestWithoutHugePages);
        var poor = example.Shows with { Host = example.Shows.Host with { Nodes = [example.Shows.Host.Nodes[0] with { FreeMemoryKiB = 8L * 1024 * 1024 }] } };

        Assert.Contains("8 GiB of free memory", Assert.Single(poor.Look(example.Kind)).Observation.Remedy.NoChangeReason, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void The_whole_corpus_is_looked_at_on_real_hosts_and_every_change_takes_its_finding_away()
    {
        var hosts = LibvirtCorpus.Capabilities().Select(document => Free(CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name))).ToList();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var (number, removed) = (0, 0);
        VMConfiguration? neighbour = null;
        foreach (var document in LibvirtCorpus.Domains())
        {
            var host = hosts[number++ % hosts.Count];
            var scene = FindingScene.Of(document.Xml) with { Host = host, Neighbours = neighbour is null ? [] : [neighbour] };
            foreach (var view in (FindingScene[])[scene, scene with { Running = document.Xml }, scene with { Running = document.Xml, Configured = null }])
            {
                foreach (var found in view.Look())
                {
                    seen.Add(found.Kind.Id);
                    if (found.Observation.Remedy.MakeChange is not null)
                    {
                        var left = view.After(found.Observation).Look(found.Kind);
                        Assert.True(left.All(other => other.Observation.Subject != found.Observation.Subject), $"{document.Name} on {host.HostName}: {found.Kind.Id} of {found.Observation.Subject} is still there.");
                        removed++;
                    }
                }
            }

            neighbour = DomainXmlReader.Read(document.Xml);
        }

        Assert.True(seen.Count > (Tier.IsAll ? 12 : 9), $"Only {string.Join(", ", seen)} were seen.");
        Assert.True(removed > LibvirtCorpus.Share(1000), $"Only {removed} changes were made.");
    }

    [SkippableFact]
    public void On_every_real_host_of_the_corpus_split_siblings_and_nodes_are_seen_and_mended()
    {
        var mended = 0;
        foreach (var document in LibvirtCorpus.Capabilities())
        {
            var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name);
            foreach (var pair in host.Cpus.Where(cpu => cpu.Siblings.Count > 1).Take(3))
            {
                mended += Mended(host, CpuFindings.SiblingsMatchGuestTopology, pair.Id, pair.Siblings.Numbers.First(cpu => cpu != pair.Id));
            }

            if (host.Nodes.Where(node => node.Cpus.Count > 0).ToList() is { Count: > 1 } nodes)
            {
                mended += Mended(host, CpuFindings.PinsCrossNumaNodes, nodes[0].Cpus[0].Id, nodes[1].Cpus[0].Id);
            }
        }

        Assert.True(mended > 5, $"Only {mended} were mended.");
    }

    private static int Mended(VMHostTopology host, FindingKind kind, int first, int second)
    {
        var scene = FindingScene.Of(FindingExamples.WellSet(2, $"<cputune><vcpupin vcpu='0' cpuset='{first}'/><vcpupin vcpu='1' cpuset='{second}'/></cputune>")) with { Host = host };
        var found = Assert.Single(scene.Look(kind));
        if (found.Observation.Remedy.MakeChange is null)
        {
            return 0;
        }

        Assert.Empty(scene.After(found.Observation).Look(kind));
        return 1;
    }

    // libvirt's capabilities do not report free pages: here all pages are free.
    private static VMHostTopology Free(VMHostTopology host) => host with
    {
        Nodes = [.. host.Nodes.Select(node => node with { FreeMemoryKiB = node.MemoryKiB, PagePools = [.. node.PagePools.Select(pool => pool with { Free = pool.Total })] })],
    };
}
