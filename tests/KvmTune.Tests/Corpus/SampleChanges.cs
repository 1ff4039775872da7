// One change of every kind for any VM, for the corpus tests.
using System.Xml.Linq;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tests.Corpus;

/// <summary>Makes changes that fit a configuration.</summary>
public static class SampleChanges
{
    /// <summary>The changes.</summary>
    /// <param name="vm">The configuration.</param>
    /// <param name="document">The same configuration as a document.</param>
    public static IEnumerable<VMChange> For(VMConfiguration vm, DomainDocument document)
    {
        var all = Enumerable.Range(0, Math.Min(vm.MaxVcpus, 4)).ToList();
        yield return Pins(all.ToDictionary(vcpu => vcpu, vcpu => (CpuSet?)new CpuSet(vcpu + 1)));
        yield return Pins(all.ToDictionary(vcpu => vcpu, _ => (CpuSet?)null));
        foreach (var change in HugePages(vm))
        {
            yield return change;
        }

        foreach (var emulator in new[] { new CpuSet(0), null })
        {
            yield return new EmulatorPinChange
            {
                Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = emulator },
            };
            if (vm.IOThreadIds.Count > 0)
            {
                yield return new IOThreadPinChange
                {
                    HostCpus = new CpuSet("0-7"),
                    Pins = vm.IOThreadIds.ToDictionary(thread => thread, _ => emulator),
                };
            }

            yield return new NumaPolicyChange
            {
                Mode = emulator is null ? null : "strict",
                NodeSet = emulator?.ToString(),
            };
        }

        yield return Placement(vm, all, new CpuSet(0));
        yield return Placement(vm, all, null);
        yield return Cpu(CpuModelChange.OfModel("host-passthrough"));
        yield return Cpu(CpuModelChange.OfModel("EPYC"));
        yield return Cpu(CpuModelChange.OfTopology(new CpuTopology(1, 1, vm.MaxVcpus, 1)));
        foreach (var target in vm.Disks.Select(disk => disk.Target).Where(target => target.Length > 0).Distinct(StringComparer.Ordinal))
        {
            yield return Disk(target, "none", "native");
            yield return Disk(target, null, null);
            yield return Throttle(target, ("total_bytes_sec", 1 << 20), ("total_bytes_sec_max", 1 << 21), ("read_iops_sec", 100), ("write_iops_sec", 200), ("size_iops_sec", 4096));
            yield return Throttle(target, [.. DiskThrottleChange.Categories.SelectMany(category => category).Select(name => (name, 0UL))]) with { SetsGroup = true };
        }

        foreach (var change in IOThreads(vm, document).Concat(Queues(vm)))
        {
            yield return change;
        }
    }

    private static IEnumerable<VMChange> IOThreads(VMConfiguration vm, DomainDocument document)
    {
        // libvirt refuses a document that schedules missing threads, and some of its test data demonstrates that.
        if (document.Domain.Elements("cputune").Elements("iothreadsched").Any(schedule =>
            CpuSet.TryParse((string?)schedule.Attribute("iothreads"), out var threads) && threads!.Numbers.Any(id => !vm.IOThreadIds.Contains(id))))
        {
            yield break;
        }

        foreach (var target in vm.Disks.Select(disk => disk.Target).Where(target => target.Length > 0).Distinct(StringComparer.Ordinal))
        {
            yield return new DiskIOThreadRequest(target) { Queues = 2 }.ToChange(document);
            yield return new DiskIOThreadRequest(target) { IOThreads = [7], Queues = 2 }.ToChange(document);
            yield return new DiskIOThreadRequest(target) { IOThreads = [1, 2] }.ToChange(document);
            yield return new DiskIOThreadRequest(target) { IsRelease = true }.ToChange(document);
        }
    }

    private static IEnumerable<NicQueuesChange> Queues(VMConfiguration vm)
    {
        var nics = vm.Nics.Select(nic => nic.Mac).Where(mac => mac.Length > 0).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        string?[][] values = [["2", "vhost", "512", "256"], [null, null, null, null]];
        return nics.Count == 0 ? [] : values.Select(value => new NicQueuesChange
        {
            Nics = nics.ToDictionary(
                mac => mac,
                _ => (IReadOnlyDictionary<string, string?>)new Dictionary<string, string?>(StringComparer.Ordinal)
                {
                    ["queues"] = value[0],
                    ["name"] = value[1],
                    ["rx_queue_size"] = value[2],
                    ["tx_queue_size"] = value[3],
                },
                StringComparer.OrdinalIgnoreCase),
        });
    }

    private static DiskThrottleChange Throttle(string target, params (string Name, ulong Value)[] limits) => new()
    {
        Disk = target,
        Limits = DiskThrottleChange.WholeCategories(limits.ToDictionary(limit => limit.Name, limit => (ulong?)limit.Value, StringComparer.Ordinal)),
    };

    // There are as many places as the document has pages, like in the cmdlets' changes.
    private static IEnumerable<HugePagesChange> HugePages(VMConfiguration vm)
    {
        var existing = Enumerable.Repeat(HugePageElement.Of(4), vm.Memory.HugePages.Count).ToList();
        var on = new HugePagesChange
        {
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

    private static PlacementChange Placement(VMConfiguration vm, List<int> vcpus, CpuSet? place) => new()
    {
        VcpuPins = Pins(vcpus.ToDictionary(vcpu => vcpu, vcpu => place is null ? null : new CpuSet(vcpu + 2))),
        EmulatorPin = new EmulatorPinChange
        {
            Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = place },
        },
        IOThreadPins = vm.IOThreadIds.Count == 0 ? null : new IOThreadPinChange
        {
            HostCpus = new CpuSet("0-7"),
            Pins = vm.IOThreadIds.ToDictionary(thread => thread, _ => place),
        },
        NumaPolicy = new NumaPolicyChange
        {
            Mode = place is null ? null : "strict",
            NodeSet = place?.ToString(),
            CellPolicies =
            [
                .. vm.Cpu.NumaCells.Select(cell => cell.Id).Concat(vm.Memory.CellPolicies.Select(policy => policy.CellId)).Distinct()
                    .Select(cell => new NumaCellPolicy(cell, place is null ? null : "strict", place?.ToString())),
            ],
        },
    };

    private static CpuModelChange Cpu(IReadOnlyList<SettingValue> values) => new()
    {
        Values = values,
    };

    private static VcpuPinChange Pins(Dictionary<int, CpuSet?> pins) => new()
    {
        Pins = pins,
    };

    private static DiskDriverChange Disk(string target, string? cache, string? io) => new()
    {
        Disk = target,
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache, ["io"] = io },
    };
}
