// The counters of one VM over an interval, as plain values without libvirt, kernel or guest, so that tests can judge any values.
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

    /// <summary>The running configuration, with the limits of disks and NICs.</summary>
    public required VMConfiguration Configuration { get; init; }

    /// <summary>
    /// The growth of the host's counters, and gauges at the end, by the samplers' names. A counter that does not exist, or that was reset
    /// meanwhile, is absent and never 0.
    /// </summary>
    public required IReadOnlyDictionary<string, double> Counters { get; init; }

    /// <summary>The growth of the guest's own counters; null where the guest was not asked or did not answer.</summary>
    public IReadOnlyDictionary<string, double>? Guest { get; init; }

    /// <summary>Why the guest's own counters are missing; null where they are not.</summary>
    public string? GuestUnknownReason { get; init; }

    /// <summary>The node of each host CPU; empty where it is not known or there is one node.</summary>
    public IReadOnlyDictionary<int, int> NodeOfHostCpu { get; init; } = new Dictionary<int, int>();

    /// <summary>The host's online CPUs; null where they are not known.</summary>
    public CpuSet? OnlineHostCpus { get; init; }

    /// <summary>The vCPUs with known times.</summary>
    public IReadOnlyList<int> Vcpus =>
        [.. Enumerable.Range(0, Configuration.MaxVcpus).Where(vcpu => Of($"Vcpu.{vcpu}.TimeNanoseconds", $"Vcpu.{vcpu}.RunNanoseconds") is not null)];

    /// <summary>A counter of the host, by the first of several names that exists; null where none does.</summary>
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

    /// <summary>A time in ns as a share of the interval, in per cent.</summary>
    public double? Share(double? nanoseconds) =>
        nanoseconds is { } time && Interval > TimeSpan.Zero ? 100 * time / Interval.TotalNanoseconds : null;

    /// <summary>A count of the host, per second.</summary>
    public double? Rate(double? count) => count is { } number && Interval > TimeSpan.Zero ? number / Interval.TotalSeconds : null;

    /// <summary>A counter of the guest; null where it is not known.</summary>
    public double? InGuest(string name) => Guest is { } guest && guest.TryGetValue(name, out var value) ? value : null;

    /// <summary>A count of the guest, per second by the guest's own clock.</summary>
    public double? GuestRate(string name) =>
        InGuest(name) is { } count && InGuest("UptimeSeconds") is { } seconds and > 0 ? count / seconds : null;
}
