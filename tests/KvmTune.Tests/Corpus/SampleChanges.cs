// One change of every kind for any VM: what the corpus tests are played with.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tests.Corpus;

/// <summary>Makes changes that fit a configuration.</summary>
public static class SampleChanges
{
    /// <summary>The changes.</summary>
    public static IEnumerable<VMChange> For(VMConfiguration vm)
    {
        var all = Enumerable.Range(0, Math.Min(vm.MaxVcpus, 4)).ToList();
        yield return Pins(vm, all.ToDictionary(vcpu => vcpu, vcpu => (CpuSet?)new CpuSet(vcpu + 1)));
        yield return Pins(vm, all.ToDictionary(vcpu => vcpu, _ => (CpuSet?)null));
        foreach (var target in vm.Disks.Select(disk => disk.Target).Where(target => target.Length > 0).Distinct(StringComparer.Ordinal))
        {
            yield return Disk(vm, target, "none", "native");
            yield return Disk(vm, target, null, null);
        }
    }

    private static VcpuPinChange Pins(VMConfiguration vm, Dictionary<int, CpuSet?> pins) => new()
    {
        VMName = vm.Name,
        VMId = vm.Id ?? Guid.Empty,
        ConnectionUri = "test:///default",
        Pins = pins,
    };

    private static DiskDriverChange Disk(VMConfiguration vm, string target, string? cache, string? io) => new()
    {
        VMName = vm.Name,
        VMId = vm.Id ?? Guid.Empty,
        ConnectionUri = "test:///default",
        Disk = target,
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache, ["io"] = io },
    };
}
