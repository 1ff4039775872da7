// The cells of the module's views. The format file calls these methods; properties stay exact, only views round.
using System.Globalization;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Topology;
using KvmTune.Tuning;
using static System.FormattableString;

namespace KvmTune.Cmdlets;

/// <summary>Formats values for people. For the format file, not for scripts.</summary>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public static class Formatting
{
    /// <summary>A size in KiB, for example <c>512 MiB</c>.</summary>
    public static string KiB(long? kibibytes) => kibibytes switch
    {
        null => "-",
        >= 1024 * 1024 => Invariant($"{kibibytes.Value / 1024.0 / 1024:0.#} GiB"),
        >= 1024 => Invariant($"{kibibytes.Value / 1024.0:0.#} MiB"),
        _ => Invariant($"{kibibytes.Value} KiB"),
    };

    /// <summary>A value in its unit, for example <c>12.3 k IOPS</c>, <c>1.84 ms</c>.</summary>
    public static string Value(double? value, string unit) => MetricText.Value(value, unit);

    /// <summary>A moment in the time zone of this machine.</summary>
    public static string Moment(DateTimeOffset? moment) => moment?.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>A moment in the time zone of this machine, with seconds.</summary>
    public static string Second(DateTimeOffset? moment) => moment?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>The vCPUs and the host CPUs that they ran on when the VM was read, for example <c>0@1 1@0</c>.</summary>
    public static string HostCpus(VMTopology vm) =>
        string.Join(' ', vm.Vcpus.Where(vcpu => vcpu.HostCpu is not null).Select(vcpu => Invariant($"{vcpu.Number}@{vcpu.HostCpu}")));

    /// <summary>The mount point of the hugetlbfs for a pool's pages.</summary>
    public static string Mount(HugePagePool pool) => pool.MountPoint ?? (pool.IsMounted == false ? "not mounted" : "-");

    /// <summary>The pages of pools on each node, for example <c>0:256 1:0</c>.</summary>
    public static string ByNode(IEnumerable<HugePagePool> pools) => string.Join(' ', pools.Select(pool => Invariant($"{pool.Node}:{pool.Total}")));

    /// <summary>A VM's disks with their cache and I/O modes, for example <c>vda vdb(none,native)</c>.</summary>
    public static string Disks(VMTopology vm) => string.Join(' ', vm.Disks.Select(disk =>
        (disk.Cache, disk.IO) is (null, null) ? disk.Target : $"{disk.Target}({string.Join(',', new[] { disk.Cache, disk.IO }.OfType<string>())})"));

    /// <summary>A VM's NICs with their models and queues, for example <c>virtio x2</c>.</summary>
    public static string Nics(VMTopology vm) =>
        string.Join(' ', vm.Nics.Select(nic => nic.Queues is { } queues ? Invariant($"{nic.Model ?? "default"} x{queues}") : nic.Model ?? "default"));

    /// <summary>A disk in a line.</summary>
    public static string Disk(DiskConfiguration disk) =>
        $"{disk.Target}: {disk.Bus} {disk.Format}, cache {disk.Cache ?? "not set"}, io {disk.IO ?? "not set"}{(disk.IOThread is { } thread ? Invariant($", I/O thread {thread}") : null)}{(disk.Throttle.Count > 0 ? $", {Throttle(disk)}" : null)}, {disk.Source ?? "empty"}";

    /// <summary>A NIC in a line.</summary>
    public static string Nic(NicConfiguration nic) =>
        $"{nic.Mac}: {nic.Model ?? "default"} on {nic.InterfaceType} {nic.Source}{(nic.Queues is { } queues ? Invariant($", {queues} queues") : null)}";

    /// <summary>The outcome of a change, in words.</summary>
    public static string Outcome(VMTuningResult result) => result.Outcome switch
    {
        TuningOutcome.RestartPending => "restart pending",
        TuningOutcome.NoChange => "no change",
        _ when result.RestartedBy == RestartBy.Suspend => "applied, suspended",
        _ => result.Restarted ? "applied, restarted" : "applied",
    };

    /// <summary>The kind of restart that a change had, in words.</summary>
    public static string Restart(bool restarted, RestartBy? by, double? pauseSeconds, string? reason) => by switch
    {
        RestartBy.Suspend => Invariant($"by a suspend: the guest stood still for {pauseSeconds:0.0} s and went on"),
        RestartBy.Reboot when reason is not null => $"by a reboot: {reason}",
        RestartBy.Reboot => "by a reboot",
        _ => restarted ? "yes" : "no",
    };

    /// <summary>The limits on a disk, for example <c>TotalIops=500</c>.</summary>
    public static string Throttle(DiskConfiguration disk) => disk.Throttle.Count == 0
        ? "-"
        : string.Join(' ', disk.Throttle.OrderBy(limit => limit.Key, StringComparer.Ordinal).Select(limit => Invariant($"{DiskLimitNames.Of(limit.Key)}={limit.Value}")));

    /// <summary>The I/O threads of a disk.</summary>
    public static string IOThreads(DiskConfiguration disk) =>
        disk.IOThread is { } thread ? Invariant($"{thread}") : disk.IOThreads.Count == 0 ? "-" : string.Join(',', disk.IOThreads);

    /// <summary>The utilisation of an area, with a mark if it is saturated.</summary>
    public static string Use(VMBottleneckReport report, TuningArea area) =>
        report.Of(area) is var found && found.IsSaturated ? $"{Rounded(found.UtilisationPercent)}!" : Rounded(found.UtilisationPercent);

    /// <summary>The statement about an area, and below it its values.</summary>
    public static string AreaLines(VMBottleneckReport report, TuningArea area) =>
        string.Join('\n', [report.Of(area).Verdict, .. report.Of(area).Evidence.Select(evidence => $"  {evidence}")]);

    /// <summary>A number for a narrow column.</summary>
    /// <param name="value">The number.</param>
    /// <param name="wholeFrom">The smallest number that is shown without decimals.</param>
    public static string Rounded(double? value, double wholeFrom = 9.95) => value switch
    {
        null => "-",
        >= 99_950 => Invariant($"{value / 1000:0}k"),
        <= 0 => Invariant($"{value:0}"),
        _ => value >= wholeFrom ? Invariant($"{value:0}") : Invariant($"{value:0.0}"),
    };

    /// <summary>A value with its unit unchanged, for example <c>48 %</c>.</summary>
    public static string Measured(double? value, string unit) => value is null ? "-" : $"{Rounded(value)} {unit}";

    /// <summary>The median of a measurement's primary metric.</summary>
    public static string Primary(VMPerformance performance) => Metric(performance, performance.PrimaryMetric);

    /// <summary>All metrics of a measurement, a line each.</summary>
    public static string Metrics(VMPerformance performance) =>
        string.Join('\n', performance.Metrics.Select(metric => $"{metric.Name}: {Metric(performance, metric)}"));

    /// <summary>The runs of a measurement, in words.</summary>
    public static string Runs(VMPerformance performance)
    {
        var failed = performance.Runs.Count(run => run.Failure is not null);
        return Invariant($"{performance.CountedRuns.Count}{(failed > 0 ? Invariant($" (+{failed} failed)") : null)}");
    }

    /// <summary>A verdict in words.</summary>
    public static string Words(Verdict verdict, bool isProvisional) => VerdictText.Of(verdict, isProvisional);

    /// <summary>The smallest effects that a calibrated VM can show with one design, for example <c>8: 6.1 % in 59.2 s</c>, one per line.</summary>
    public static string Reach(VMCalibration calibration, ComparisonDesign design) => string.Join('\n', calibration.Reach
        .Where(reach => reach.Design == design)
        .Select(reach => Invariant($"{reach.Count}: {(reach.DetectablePercent is { } percent ? Invariant($"{percent:0.#} %") : "nothing")} in {Seconds(reach.TimeSeconds)}")));

    /// <summary>A number as per cent.</summary>
    public static string Percent(double value) => Invariant($"{value:0.#} %");

    /// <summary>The lines of a collection, one below the other.</summary>
    public static string Lines(System.Collections.IEnumerable items) => string.Join('\n', items.Cast<object>());

    /// <summary>A time, for example <c>1.7 s</c>, <c>3 ms</c>.</summary>
    public static string Elapsed(TimeSpan time) => Value(time.TotalNanoseconds, "ns");

    /// <summary>A time in seconds, for example <c>1.7 s</c>, <c>3 ms</c>.</summary>
    public static string Seconds(double? seconds) => Value(seconds * 1e9, "ns");

    /// <summary>A longer time in seconds, for example <c>45 s</c>, <c>4 min 10 s</c>.</summary>
    public static string LongSeconds(double seconds) => Duration(TimeSpan.FromSeconds(seconds));

    /// <summary>A longer time, for example <c>45 s</c>, <c>4 min 10 s</c>.</summary>
    public static string Duration(TimeSpan time) => time.TotalSeconds < 100
        ? Elapsed(time)
        : Invariant($"{(int)time.TotalMinutes} min {time.Seconds} s");

    /// <summary>The design of an experiment, with the number of pairs, for example <c>Pairs 8</c>.</summary>
    public static string Design(VMExperiment experiment) => experiment.PairCount > 0
        ? Invariant($"{experiment.Design} {experiment.PairCount}{(experiment.ScreenedPairCount > 0 ? Invariant($"+{experiment.ScreenedPairCount}") : null)}")
        : experiment.Design.ToString();

    /// <summary>The parts of an experiment's time, for example <c>measuring 2 min 5 s, switching 12 ms</c>.</summary>
    public static string TimeSpent(VMExperiment experiment) => string.Join(", ", new[]
    {
        (ExperimentStepKind.Check, "checking"), (ExperimentStepKind.Prepare, "preparing"), (ExperimentStepKind.Switch, "switching"),
        (ExperimentStepKind.Measure, "measuring"), (ExperimentStepKind.Compare, "comparing"),
    }.Select(entry => $"{entry.Item2} {Duration(experiment.ElapsedOf(entry.Item1))}"));

    private static string Metric(VMPerformance performance, MetricDefinition metric)
    {
        var values = performance.ValuesOf(metric.Name);
        return values.Count == 0 ? "-" : Value(Median(values), metric.Unit);
    }

    private static double Median(IReadOnlyList<double> values) => Estimators.Median(values);
}
