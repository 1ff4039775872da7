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
