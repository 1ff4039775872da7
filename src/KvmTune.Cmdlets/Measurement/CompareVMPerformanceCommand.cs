// Compare-VMPerformance: tests with statistics whether the second of two measurements differs from the first.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>
/// Compares measurements. A measurement from the pipeline may know its baseline; otherwise -Baseline names it, or the first measurement of each
/// VM on the pipeline is the baseline of the later ones.
/// </summary>
[Cmdlet(VerbsData.Compare, "VMPerformance")]
[OutputType(typeof(VMComparison))]
public sealed class CompareVMPerformanceCommand : CancellableCmdlet
{
    private readonly Dictionary<(Guid VM, string Workload), (VMPerformance Baseline, bool IsUsed)> _first = [];

    /// <summary>The measurement to compare.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public VMPerformance[] Performance { get; set; } = [];

    /// <summary>The measurement to compare with; by default the one before it on the pipeline.</summary>
    [Parameter(Position = 1)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public VMPerformance? Baseline { get; set; }

    /// <summary>
    /// The name of the deciding metric, instead of the workload's primary one: for example LatencyP99, to see whether the guest is steadier.
    /// </summary>
    [Parameter]
    [ArgumentCompleter(typeof(MetricCompleter))]
    public string? DecidingMetric { get; set; }

    /// <summary>
    /// The smallest rise in per cent that counts, instead of the built-in thresholds. The smallest fall that counts is the one that cancels this
    /// rise: 50 means half as much again, or a third less.
    /// </summary>
    [Parameter]
    [ValidateRange(0.1, 50)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public double? Threshold { get; set; }

    /// <summary>Compares measurements although their conditions differ; the result notes it.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var performance in Performance)
        {
            Try(performance, () =>
            {
                if (BaselineOf(performance) is { } baseline)
                {
                    var comparison = VMComparer.Compare(baseline, performance, new ComparisonOptions
                    {
                        Metric = DecidingMetric,
                        ThresholdPercent = Threshold,
                        Force = Force,
                    });
                    Record(comparison);
                    WriteObject(comparison);
                }
            });
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var (baseline, isUsed) in _first.Values)
        {
            if (!isUsed)
            {
                WriteError(ErrorRecords.Make(
                    new KvmTuneException(
                        "BaselineMissing", KvmTuneErrorCategory.InvalidArgument,
                        $"There is one measurement of '{baseline.VMName}' ({baseline.Workload.Name}) and nothing to compare it with. Pipe a second one, or name the other with -Baseline."),
                    baseline));
            }
        }
    }

    // Measurements that this journal does not have, for example of another machine, do not belong to its history.
    private void Record(VMComparison comparison) => Journals.TryRecord(this, $"{comparison.VMName}: the comparison is not in the history.", journal =>
    {
        if (comparison.Candidate.Id is { } id && journal.HasMeasurement(id))
        {
            journal.Record(comparison);
        }
    });

    private VMPerformance? BaselineOf(VMPerformance performance)
    {
        if ((Baseline ?? performance.Baseline) is { } known)
        {
            return known;
        }

        var key = (performance.VMId, performance.Workload.Name);
        var isFirst = !_first.TryGetValue(key, out var first);
        _first[key] = isFirst ? (performance, false) : (first.Baseline, true);
        return isFirst ? null : first.Baseline;
    }
}
