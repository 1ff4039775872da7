// Checks whether two measurements may be compared: same VM, same work, same metrics, same conditions. Only the VM's configuration may
// differ, since the change alters it.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Statistics;

/// <summary>Refuses to compare measurements that do not match.</summary>
internal static class LikenessCheck
{
    // Conditions that tuning a VM does not alter. If one of them differs, another experiment was made.
    private static readonly (string Name, Func<MeasurementConditions, string?> Value)[] Conditions =
    [
        ("host", conditions => conditions.HostName),
        ("host kernel", conditions => conditions.HostKernel),
        ("libvirt", conditions => conditions.LibvirtVersion),
        ("hypervisor", conditions => conditions.HypervisorVersion),
        ("domain type", conditions => conditions.DomainType),
        ("CPU governor", conditions => conditions.CpuGovernor),
        ("simultaneous multithreading", conditions => conditions.SimultaneousMultithreading switch
        {
            null => null,
            true => "on",
            false => "off",
        }),
        ("transparent huge pages", conditions => conditions.TransparentHugePages),
        ("channel", conditions => conditions.Channel),
        ("guest kernel", conditions => conditions.GuestKernel),
        ("workload program", conditions => conditions.WorkloadVersion),
        ("guest file", conditions => conditions.GuestFile),
    ];

    /// <summary>Checks that both measurements are of one VM, ran the same work and have the same metrics.</summary>
    /// <exception cref="ComparisonException">They are not.</exception>
    internal static void CheckSameSubject(VMPerformance baseline, VMPerformance candidate)
    {
        if (ReferenceEquals(baseline, candidate) || (baseline.Id is { } id && id == candidate.Id))
        {
            throw new ComparisonException(
                ComparisonRefusal.SameMeasurement,
                $"Baseline and candidate are one measurement of '{candidate.VMName}' ({candidate.Workload.Name}, "
                + string.Create(CultureInfo.InvariantCulture, $"begun {candidate.StartedAt:yyyy-MM-dd HH:mm:ss}): it cannot differ from itself. ")
                + "Measure the VM a second time, after the change.");
        }

        if (baseline.VMId != candidate.VMId)
        {
            throw new ComparisonException(
                ComparisonRefusal.DifferentVM,
                $"The baseline is of VM '{baseline.VMName}' ({baseline.VMId}) and the candidate of VM '{candidate.VMName}' "
                + $"({candidate.VMId}). A change is judged on one VM: measure the same VM before and after.",
                [$"VM '{baseline.VMName}' against '{candidate.VMName}'"]);
        }

        var work = DifferentWork(baseline.Workload, candidate.Workload);
        if (work.Count > 0)
        {
            throw new ComparisonException(
                ComparisonRefusal.DifferentWorkload,
                $"The two measurements of VM '{candidate.VMName}' ran different work: {string.Join("; ", work)}. "
                + "Repeat the baseline's workload with the same settings.",
                work);
        }

        var metrics = DifferentMetrics(baseline.Metrics, candidate.Metrics);
        if (metrics.Count > 0)
        {
            throw new ComparisonException(
                ComparisonRefusal.DifferentMetrics,
                $"The two measurements of VM '{candidate.VMName}' have different metrics: {string.Join("; ", metrics)}. "
                + "Measure both with the same version of KvmTune and the same settings.",
                metrics);
        }

        if (candidate.Metrics.Count(metric => metric.IsPrimary) != 1)
        {
            throw new ComparisonException(
                ComparisonRefusal.DifferentMetrics,
                $"The workload {candidate.Workload.Name} must have exactly one primary metric, since that one decides.");
        }
    }

    /// <summary>Checks that both measurements were made under the same conditions, and returns further facts for the reader.</summary>
    /// <returns>Notes, each a sentence.</returns>
    /// <exception cref="ComparisonException">Conditions differ and <paramref name="force"/> is not set.</exception>
    internal static IEnumerable<string> CheckConditions(VMPerformance baseline, VMPerformance candidate, bool force)
    {
        var (before, after) = (baseline.Conditions, candidate.Conditions);
        var differences = new List<string>();
        var unknown = new List<string>();
        foreach (var (name, value) in Conditions)
        {
            var (b, a) = (value(before), value(after));
            if ((b is null) != (a is null))
            {
                unknown.Add(name);
            }
            else if (!string.Equals(b, a, StringComparison.Ordinal))
            {
                differences.Add($"{name} {b} against {a}");
            }
        }

        if (differences.Count > 0 && !force)
        {
            throw new ComparisonException(
                ComparisonRefusal.DifferentConditions,
                $"The two measurements of VM '{candidate.VMName}' were made under different conditions: "
                + $"{string.Join("; ", differences)}. A shift could come from these and not from the change. "
                + "Measure both under the same conditions, or compare with -Force.",
                differences);
        }

        return Notes(baseline, candidate, differences, unknown);
    }

    private static IEnumerable<string> Notes(
        VMPerformance baseline, VMPerformance candidate, List<string> differences, List<string> unknown)
    {
        if (differences.Count > 0)
        {
            yield return $"Compared with -Force under different conditions: {string.Join("; ", differences)}. "
                + "A shift could come from these and not from the change.";
        }

        if (unknown.Count > 0)
        {
            yield return $"Known on one side only, so not compared: {string.Join(", ", unknown)}.";
        }

        var (before, after) = (baseline.Conditions, candidate.Conditions);
        var sameConfiguration = string.Equals(before.ConfigurationHash, after.ConfigurationHash, StringComparison.Ordinal);
        if (!sameConfiguration && candidate.Change is null)
        {
            yield return "The VM's running configuration differs between the two measurements, and no change is recorded with them.";
        }

        if (sameConfiguration && candidate.Change is { } change)
        {
            yield return change.Outcome switch
            {
                TuningOutcome.NoChange => "The VM was already as the change asked for: both measurements are of the same configuration.",
                TuningOutcome.RestartPending => "The VM's running configuration is the same in both measurements: the change comes into force "
                    + "with the next start of the VM, and the candidate was measured before that.",
                _ => "The VM's running configuration is the same in both measurements, although a change was applied between them.",
            };
        }

        if (before.OtherRunningVMs is { } others && after.OtherRunningVMs is { } othersAfter && others != othersAfter)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"Other VMs running on the host: {others} for the baseline, {othersAfter} for the candidate.");
        }

        if (before.GuestFreeMiB is { } free && after.GuestFreeMiB is { } freeAfter && Math.Abs(free - freeAfter) > free / 10)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"Free space on the file system of the test file: {free} MiB for the baseline, {freeAfter} MiB for the candidate. The files need not lie alike.");
        }

        if (before.HostLoadAverage is { } load && after.HostLoadAverage is { } loadAfter && Math.Abs(load - loadAfter) >= 0.5)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"Host load when the measurements began: {load:0.0} for the baseline, {loadAfter:0.0} for the candidate.");
        }
    }

    // The number of runs may differ; all other settings define the work.
    private static List<string> DifferentWork(WorkloadRequest before, WorkloadRequest after)
    {
        var differences = new List<string>();
        Add("workload", before.Name, after.Name);
        Add("run time", Seconds(before.RunTime), Seconds(after.RunTime));
        Add("guest path", before.GuestPath, after.GuestPath);
        Add("file size", MiB(before.FileSizeMiB), MiB(after.FileSizeMiB));
        Add("streams", before.Streams.ToString(CultureInfo.InvariantCulture), after.Streams.ToString(CultureInfo.InvariantCulture));
        Add("host address", before.HostAddress, after.HostAddress);
        Add("observed area", before.Area.ToString(), after.Area.ToString());
        if (before.Command != after.Command)
        {
            differences.Add($"command {Line(before.Command)} against {Line(after.Command)}");
        }

        return differences;

        static string Line(CommandSettings? command) => command is null ? "not set" : string.Join(' ', [command.Path, .. command.Arguments]);

        void Add(string name, string? b, string? a)
        {
            if (!string.Equals(b, a, StringComparison.Ordinal))
            {
                differences.Add($"{name} {b ?? "not set"} against {a ?? "not set"}");
            }
        }

        static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");

        static string? MiB(int? size) => size is null ? null : string.Create(CultureInfo.InvariantCulture, $"{size} MiB");
    }

    private static List<string> DifferentMetrics(IReadOnlyList<MetricDefinition> before, IReadOnlyList<MetricDefinition> after)
    {
        var differences = new List<string>();
        differences.AddRange(before.Where(metric => Find(after, metric.Name) is null).Select(metric => $"{metric.Name} in the baseline only"));
        differences.AddRange(after.Where(metric => Find(before, metric.Name) is null).Select(metric => $"{metric.Name} in the candidate only"));
        differences.AddRange(before
            .Where(metric => Find(after, metric.Name) is { } other && other != metric)
            .Select(metric => $"{metric.Name} is defined differently ({metric} against {Find(after, metric.Name)})"));
        return differences;

        static MetricDefinition? Find(IReadOnlyList<MetricDefinition> metrics, string name)
            => metrics.FirstOrDefault(metric => string.Equals(metric.Name, name, StringComparison.Ordinal));
    }
}
