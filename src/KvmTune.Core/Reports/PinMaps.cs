// The host with a VM's pins before and after a change, from the change and its inverse.
using KvmTune.Placement;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Reports;

/// <summary>Creates the two maps of a change of pins.</summary>
internal static class PinMaps
{
    /// <summary>The maps; both null if the change sets and removes no pin, or the host is not known.</summary>
    /// <param name="plan">The plan of the change.</param>
    /// <param name="inverse">The inverse of the change: it has the earlier pins.</param>
    /// <param name="host">The host's CPUs.</param>
    public static (HostMap? Before, HostMap? After) Of(VMTuningPlan plan, IReadOnlyList<VMChange> inverse, VMHostTopology? host)
    {
        var pins = Pins(plan.Change).ToList();
        if (host is null || pins.Count == 0)
        {
            return (null, null);
        }

        // Pins outside the change are known only while the plan's documents are available.
        var others = plan.Snapshot is { Running: null, Persistent: null } ? null : plan.Snapshot.ToFacts().Current;
        return (Map(inverse.SelectMany(Pins)), Map(pins));

        HostMap Map(IEnumerable<PinChange> changed)
        {
            var vcpus = others?.VcpuPins.ToDictionary() ?? [];
            var services = new Dictionary<string, CpuSet>(StringComparer.Ordinal);
            if (others?.EmulatorPin is { } emulator)
            {
                services["the emulator"] = emulator;
            }

            foreach (var (thread, cpus) in others?.IOThreadPins ?? new Dictionary<int, CpuSet>())
            {
                services[FormattableString.Invariant($"I/O thread {thread}")] = cpus;
            }

            foreach (var change in changed)
            {
                foreach (var (number, cpus) in change.Pins)
                {
                    if (change is VcpuPinChange)
                    {
                        Set(vcpus, number, cpus, host);
                    }
                    else
                    {
                        Set(services, change.ThreadName(number), cpus, host);
                    }
                }
            }

            return HostMap.Of(host, [new PlacementNeighbour { Name = plan.VMName, Vcpus = vcpus.Count, VcpuPins = vcpus, ServicePins = services }]);
        }
    }

    private static IEnumerable<PinChange> Pins(VMChange change) => change.Parts.OfType<PinChange>();

    // A pin to all online host CPUs counts as no pin and is not drawn.
    private static void Set<T>(Dictionary<T, CpuSet> pins, T thread, CpuSet? cpus, VMHostTopology host)
        where T : notnull
    {
        if (cpus is null || host.OnlineCpus.Except(cpus).IsEmpty)
        {
            pins.Remove(thread);
        }
        else
        {
            pins[thread] = cpus;
        }
    }
}
