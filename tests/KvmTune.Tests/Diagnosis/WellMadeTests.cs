// No false alarm on well-made VMs, and each known fault is found as the only one.
using KvmTune.Diagnosis;
using Xunit;

namespace KvmTune.Tests.Diagnosis;

public sealed class WellMadeTests
{
    public static TheoryData<string> Names => [.. WellMadeVMs.All.Keys];

    public static TheoryData<string> Faults => [.. WellMadeVMs.Faulty.Keys];

    [Fact]
    public void There_are_at_least_twenty_of_each()
    {
        Assert.True(WellMadeVMs.All.Count >= 20);
        Assert.True(WellMadeVMs.Faulty.Count >= 20);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_grave_is_said_of_a_well_made_vm(string name)
    {
        var scene = WellMadeVMs.All[name];
        Assert.Empty(Grave(scene));
        Assert.Empty(Grave(scene with { Running = null }));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_found_and_nothing_else_grave(string name)
    {
        var (scene, finding) = WellMadeVMs.Faulty[name];
        Assert.Equal([finding], Grave(scene).Select(found => found.Split(':')[0]).Distinct());
    }

    // With its evidence, so that a failure shows what was found.
    private static List<string> Grave(FindingScene scene) =>
        [.. scene.Look().Where(found => found.Kind.Severity is FindingSeverity.High or FindingSeverity.Medium).Select(found => $"{found.Kind.Id}: {string.Join("; ", found.Observation.Evidence)}")];
}
