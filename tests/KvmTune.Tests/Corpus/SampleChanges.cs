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
        foreach (var change in HugePages(vm))
        {
            yield return change;
        }

        foreach (var emulator in new[] { new CpuSet(0), null })
        {
            yield return new EmulatorPinChange
            {
                VMName = vm.Name,
                VMId = vm.Id ?? Guid.Empty,
                ConnectionUri = "test:///default",
                Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = emulator },
            };
            if (vm.IOThreadIds.Count > 0)
            {
                yield return new IOThreadPinChange
                {
                    VMName = vm.Name,
                    VMId = vm.Id ?? Guid.Empty,
                    ConnectionUri = "test:///default",
                    HostCpus = new CpuSet("0-7"),
                    Pins = vm.IOThreadIds.ToDictionary(thread => thread, _ => emulator),
                };
            }

            yield return new NumaPolicyChange
            {
                VMName = vm.Name,
                VMId = vm.Id ?? Guid.Empty,
                ConnectionUri = "test:///default",
                Mode = emulator is null ? null : "strict",
                NodeSet = emulator?.ToString(),
            };
        }

        yield return Cpu(vm, CpuModelChange.OfModel("host-passthrough"));
        yield return Cpu(vm, CpuModelChange.OfModel("EPYC"));
        yield return Cpu(vm, CpuModelChange.OfTopology(new CpuTopology(1, 1, vm.MaxVcpus, 1)));
        foreach (var target in vm.Disks.Select(disk => disk.Target).Where(target => target.Length > 0).Distinct(StringComparer.Ordinal))
        {
            yield return Disk(vm, target, "none", "native");
            yield return Disk(vm, target, null, null);
        }
    }

    // The places are as many as the document's pages, as the cmdlets make them.
    private static IEnumerable<HugePagesChange> HugePages(VMConfiguration vm)
    {
        var existing = Enumerable.Repeat(HugePageElement.Of(4), vm.Memory.HugePages.Count).ToList();
        var on = new HugePagesChange
        {
            VMName = vm.Name,
            VMId = vm.Id ?? Guid.Empty,
            ConnectionUri = "test:///default",
            Enabled = true,
            Pages = HugePagesChange.PagesWith(existing, 2048, null),
            Locked = true,
            NoSharePages = true,
        };
        yield return on;
        yield return on with { Pages = [HugePageElement.Of(1048576, new CpuSet(0)), HugePageElement.Of(2048, new CpuSet(1)), .. HugePagesChange.NoPages([.. existing.Skip(2)])] };
        yield return on with { Pages = HugePagesChange.PagesWith(existing, null, null), Locked = null, NoSharePages = null };
        yield return on with { Enabled = false, Pages = HugePagesChange.NoPages(existing), Locked = false, NoSharePages = false };
    }

    private static CpuModelChange Cpu(VMConfiguration vm, IReadOnlyList<SettingValue> values) => new()
    {
        VMName = vm.Name,
        VMId = vm.Id ?? Guid.Empty,
        ConnectionUri = "test:///default",
        Values = values,
    };

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
