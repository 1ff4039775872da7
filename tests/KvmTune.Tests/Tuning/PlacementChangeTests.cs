// The change of several kinds: one title, one inverse, live only as a whole, and every rule of its parts is checked.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class PlacementChangeTests
{
    private const string Inside = "<iothreads>1</iothreads>";

    [Fact]
    public void Its_title_says_where_everything_goes() => Assert.Equal(
        "vCPUs on host CPUs 2-3, emulator on host CPU 0, I/O threads on host CPU 0, memory strict from host node 0", Change("0").Title);

    [Fact]
    public void Pins_wait_for_the_memory_unless_that_can_move_live_or_stays()
    {
        Assert.False(Change("0").CanBeLive);
        Assert.True((Change("0") with { NumaPolicy = null }).CanBeLive);
        var restrictive = Change("0").NumaPolicy! with { Mode = "restrictive", RunningIsRestrictive = true };
        Assert.True((Change("0") with { NumaPolicy = restrictive }).CanBeLive);
    }

    [Fact]
    public void The_rules_of_every_part_are_asked_once_about_the_whole_result()
    {
        var host = RuleScene.Grid(2, 4, 1);
        var good = Judge(Change("0"), host);
        Assert.All([CpuRules.PinToOnlineHostCpu, CpuRules.EmulatorOnVcpuHostCpu, CpuRules.PinsWithNumaPolicy, NumaRules.NumaNodeExists],
            rule => Assert.True(Assert.Single(good, finding => finding.RuleId == rule.Id).IsKept));
        Assert.Contains(Judge(Change("1"), host), finding => finding.RuleId == CpuRules.PinsWithNumaPolicy.Id && !finding.IsKept);
        Assert.Contains(Judge(Change("7"), host), finding => finding.RuleId == NumaRules.NumaNodeExists.Id && !finding.IsKept);
        Assert.Contains(Judge(Change("0") with { Scope = ChangeScope.Live }, host), finding => finding.RuleId == NumaRules.NumaModeIsNotLive.Id && !finding.IsKept);
        var onVcpu = Change("0");
        onVcpu = onVcpu with { EmulatorPin = onVcpu.EmulatorPin! with { Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(2) } } };
        Assert.Single(Judge(onVcpu, host), finding => finding.RuleId == CpuRules.EmulatorOnVcpuHostCpu.Id && !finding.IsKept);
    }

    [Fact]
    public void Virsh_pins_by_its_commands_and_edits_where_it_has_none()
    {
        var before = DomainDocument.Parse(RuleScene.Vm(vcpus: 2, inside: Inside));
        var after = before.Copy();
        var pins = Change("0") with { NumaPolicy = null };
        pins.Edit(after);
        Assert.Equal(
            ["virsh -c qemu:///system vcpupin db01 0 2 --live --config", "virsh -c qemu:///system vcpupin db01 1 3 --live --config",
            "virsh -c qemu:///system emulatorpin db01 0 --live --config", "virsh -c qemu:///system iothreadpin db01 1 0 --live --config"],
            pins.VirshCommands(new VMIdentity("db01", Guid.Empty, "qemu:///system"), live: true, config: true, before, after));
        after = before.Copy();
        Change("0").Edit(after);
        var edit = Assert.Single(Change("0").VirshCommands(new VMIdentity("db01", Guid.Empty, "qemu:///system"), live: false, config: true, before, after));
        Assert.Contains("virsh -c qemu:///system define", edit, StringComparison.Ordinal);
        Assert.Contains("<memory mode=\"strict\" nodeset=\"0\" />", edit, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_applied_verified_and_taken_back_without_a_trace()
    {
        using var host = new HostConnection("test:///default");
        var name = $"placement {Guid.NewGuid():N}";
        using var vm = host.Write().DefineXml(
            $"""
            <domain type='test'><name>{name}</name><memory>1024</memory><vcpu>2</vcpu><iothreads>1</iothreads><os><type>hvm</type></os></domain>
            """,
            validate: false);
        try
        {
            var before = vm.GetXml(DomainXmlFlags.Inactive);
            var tuner = new VMTuner(new VMPlanner(host, vm), TimeProvider.System, new NoJournal());
            var change = Change("0") with { NumaPolicy = null };
            var placed = change with { VcpuPins = change.VcpuPins with { Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(0), [1] = new CpuSet(2) } } };
            var result = await tuner.ApplyAsync(tuner.Planner.Plan(placed), new ApplyOptions(), CancellationToken.None);
            Assert.Equal(TuningOutcome.Applied, result.Outcome);
            Assert.All(result.Verifications, verification => Assert.True(verification.IsMet));
            Assert.Equal(4, result.Differences.Count);
            Assert.Contains("<iothreadpin iothread='1' cpuset='0'/>", vm.GetXml(DomainXmlFlags.Inactive), StringComparison.Ordinal);
            foreach (var inverse in result.Inverse)
            {
                await tuner.ApplyAsync(tuner.Planner.Plan(inverse), new ApplyOptions(), CancellationToken.None);
            }

            Assert.Equal(before, vm.GetXml(DomainXmlFlags.Inactive));
        }
        finally
        {
            vm.Undefine();
        }
    }

    private static IReadOnlyList<RuleFinding> Judge(PlacementChange change, VMHostTopology host)
    {
        var xml = RuleScene.Vm(vcpus: 2, inside: Inside);
        var after = DomainDocument.Parse(xml);
        change.Edit(after);
        var before = DomainXmlReader.Read(xml);
        return RuleCatalog.Judge(new RuleContext(change, new VMFacts(true, true, before, before), after.ToConfiguration(), () => host, () => VMNeighbours.None));
    }

    private static PlacementChange Change(string nodes) => new()
    {
        VcpuPins = new VcpuPinChange
        {
            Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(2), [1] = new CpuSet(3) },
        },
        EmulatorPin = new EmulatorPinChange { Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(0) } },
        IOThreadPins = new IOThreadPinChange
        {
            HostCpus = new CpuSet("0-7"),
            Pins = new Dictionary<int, CpuSet?> { [1] = new CpuSet(0) },
        },
        NumaPolicy = new NumaPolicyChange { Mode = "strict", NodeSet = nodes },
    };
}
