// What was counted of one VM over an interval: values without libvirt, kernel or guest behind them, so that a verdict can be tried on any.
using KvmTune.Topology;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>The counters of one VM over an interval.</summary>
public sealed record VMObservation
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>When the interval began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The interval between the two readings of the host's counters.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>The running configuration: limits of disks and NICs stand in it.</summary>
    public required VMConfiguration Configuration { get; init; }

    /// <summary>
    /// What the host's counters grew by, and gauges at the end, by the names that the samplers give. A counter that is not kept, or that was
    /// restarted meanwhile, is absent and never 0.
    /// </summary>
    public required IReadOnlyDictionary<string, double> Counters { get; init; }

    /// <summary>What the guest's own counters grew by; null where the guest was not asked or did not answer.</summary>
    public IReadOnlyDictionary<string, double>? Guest { get; init; }

    /// <summary>Why the guest's own counters are not there; null where they are.</summary>
    public string? GuestUnknownReason { get; init; }

    /// <summary>The node of each host CPU; empty where it is not known or there is one node.</summary>
    public IReadOnlyDictionary<int, int> NodeOfHostCpu { get; init; } = new Dictionary<int, int>();

    /// <summary>The host's online CPUs; null where they are not known.</summary>
    public CpuSet? OnlineHostCpus { get; init; }

    /// <summary>The vCPUs that there is something known of.</summary>
    public IReadOnlyList<int> Vcpus =>
        [.. Enumerable.Range(0, Configuration.MaxVcpus).Where(vcpu => Of($"Vcpu.{vcpu}.TimeNanoseconds", $"Vcpu.{vcpu}.RunNanoseconds") is not null)];

    /// <summary>A counter of the host, by the first of several names that is kept; null where none is.</summary>
    public double? Of(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Counters.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return null;
    }

    /// <summary>A time of the host's counters, in ns, as a share of the interval.</summary>
    public double? Share(double? nanoseconds) =>
        nanoseconds is { } time && Interval > TimeSpan.Zero ? 100 * time / Interval.TotalNanoseconds : null;

    /// <summary>A count of the host's counters, a second.</summary>
    public double? Rate(double? count) => count is { } number && Interval > TimeSpan.Zero ? number / Interval.TotalSeconds : null;

    /// <summary>A counter of the guest; null where it is not known.</summary>
    public double? InGuest(string name) => Guest is { } guest && guest.TryGetValue(name, out var value) ? value : null;

    /// <summary>A count of the guest's counters, a second by the guest's own clock.</summary>
    public double? GuestRate(string name) =>
        InGuest(name) is { } count && InGuest("UptimeSeconds") is { } seconds and > 0 ? count / seconds : null;
}
