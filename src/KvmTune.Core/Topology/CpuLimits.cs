// A VM's share of CPU time in a document: limits, weights and schedulers (libvirt formatdomain, CPU tuning).
namespace KvmTune.Topology;

/// <summary>Limits and weights of CPU time. A value that the document does not set is null.</summary>
public sealed record CpuLimits
{
    /// <summary>The weight of the VM relative to other VMs (cgroup <c>cpu.shares</c> or <c>cpu.weight</c>).</summary>
    public long? Shares { get; init; }

    /// <summary>The quota of each vCPU.</summary>
    public CpuQuota Vcpu { get; init; } = CpuQuota.None;

    /// <summary>The quota of the emulator threads.</summary>
    public CpuQuota Emulator { get; init; } = CpuQuota.None;

    /// <summary>The quota of each I/O thread.</summary>
    public CpuQuota IOThread { get; init; } = CpuQuota.None;

    /// <summary>The quota of the whole VM.</summary>
    public CpuQuota Global { get; init; } = CpuQuota.None;

    /// <summary>The schedulers that are set, vCPUs first.</summary>
    public IReadOnlyList<ThreadScheduler> Schedulers { get; init => field = Items.Of(value); } = Items<ThreadScheduler>.None;

    /// <summary>The shares and quotas that are set, one per line; empty for none.</summary>
    public IReadOnlyList<string> Lines => new Items<string>(
    [
        .. Shares is { } shares ? [FormattableString.Invariant($"shares {shares}")] : Array.Empty<string>(),
        .. new (string What, CpuQuota Quota)[] { ("each vCPU", Vcpu), ("whole VM", Global), ("emulator", Emulator), ("each I/O thread", IOThread) }
            .Where(entry => entry.Quota.Cpus is not null).Select(entry => $"{entry.What}: {entry.Quota}"),
    ]);

    /// <summary>The vCPUs with a real-time scheduler.</summary>
    public CpuSet RealTimeVcpus => Schedulers.Where(scheduler => scheduler is { IsRealTime: true, Threads: "vcpu" })
        .Aggregate(CpuSet.Empty, (all, scheduler) => all.Union(scheduler.Numbers));

    /// <summary>For example <c>shares 2048; vCPU 0-3: fifo 1</c>; <c>no limits</c> if nothing is set.</summary>
    public override string ToString() =>
        string.Join("; ", Lines.Concat(Schedulers.Select(scheduler => scheduler.ToString())).DefaultIfEmpty("no limits"));
}

/// <summary>The CPU time of threads in each period.</summary>
/// <param name="PeriodMicroseconds">The period; null for libvirt's 100,000.</param>
/// <param name="QuotaMicroseconds">The time in each period; null or negative for no limit.</param>
public sealed record CpuQuota(long? PeriodMicroseconds, long? QuotaMicroseconds)
{
    private const long DefaultPeriod = 100_000;

    /// <summary>No quota.</summary>
    public static CpuQuota None { get; } = new(null, null);

    /// <summary>The number of host CPUs that the quota equals, for example 0.5; null without a limit.</summary>
    public double? Cpus => QuotaMicroseconds is > 0 ? (double)QuotaMicroseconds.Value / (PeriodMicroseconds is > 0 ? PeriodMicroseconds.Value : DefaultPeriod) : null;

    /// <summary>For example <c>50000 of 100000 µs (0.5 host CPUs)</c>; <c>no limit</c> if none is set.</summary>
    public override string ToString() => Cpus is { } cpus
        ? FormattableString.Invariant($"{QuotaMicroseconds} of {PeriodMicroseconds ?? DefaultPeriod} µs ({cpus:0.##} host CPUs)")
        : "no limit";
}

/// <summary>The scheduler of some threads.</summary>
/// <param name="Threads">vcpu, iothread or emulator.</param>
/// <param name="Numbers">The vCPUs or I/O threads; empty for the emulator.</param>
/// <param name="Scheduler">batch, idle, fifo or rr.</param>
/// <param name="Priority">The priority, for fifo and rr.</param>
public sealed record ThreadScheduler(string Threads, CpuSet Numbers, string Scheduler, int? Priority)
{
    /// <summary>Whether a thread with it runs before all ordinary threads until it sleeps (sched(7)).</summary>
    public bool IsRealTime => Scheduler is "fifo" or "rr";

    /// <summary>For example <c>vCPU 0-3: fifo 1</c>.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{(Threads == "vcpu" ? "vCPU " : Threads == "iothread" ? "I/O thread " : "emulator")}{(Numbers.IsEmpty ? null : Numbers)}: {Scheduler}{(Priority is { } priority ? FormattableString.Invariant($" {priority}") : null)}");
}
