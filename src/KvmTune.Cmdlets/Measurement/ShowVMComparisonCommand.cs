// Show-VMComparison: a picture of a comparison in the terminal: each run is a dot, with the median and interval of both sides on the same
// axis.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Serialization;
using KvmTune.Experiments;
using KvmTune.Statistics;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>Draws comparisons.</summary>
[Cmdlet(VerbsCommon.Show, "VMComparison")]
[OutputType(typeof(ComparisonPlot))]
public sealed class ShowVMComparisonCommand : CancellableCmdlet
{
    /// <summary>Comparisons of Compare-VMPerformance, or experiments with a comparison.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public PSObject[] InputObject { get; set; } = [];

    /// <summary>The metrics to draw, with wildcards; by default the deciding one.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(MetricCompleter))]
    public string[] Metric { get; set; } = [];

    /// <summary>Draws with ASCII characters only. This is the default if the output's encoding has no others.</summary>
    [Parameter]
    public SwitchParameter Ascii { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var item in InputObject)
        {
            Try(item.BaseObject, () => Write(item));
        }
    }

    private void Write(PSObject item)
    {
        var (comparison, change) = SerializationTypes.Living(item) switch
        {
            VMComparison compared => (compared, null),
            VMExperiment experiment => (experiment.Comparison, experiment.Title),
            var other => throw new KvmTuneException(
                "ComparisonMissing", KvmTuneErrorCategory.InvalidArgument,
                $"An object of type {other.GetType().Name} is not a comparison. Pipe the output of Compare-VMPerformance or Invoke-VMExperiment."),
        };
        Predicate<MetricComparison>? isShown = null;
        if (Metric.Length > 0)
        {
            var patterns = Metric.Select(name => new WildcardPattern(name, WildcardOptions.IgnoreCase)).ToList();
            isShown = metric => patterns.Exists(pattern => pattern.IsMatch(metric.Metric.Name));
        }

        var plot = ComparisonPlot.Of(comparison, isShown, change);
        if (plot.Metrics.Count == 0)
        {
            throw new KvmTuneException(
                "MetricNotFound", KvmTuneErrorCategory.ObjectNotFound,
                $"The comparison of '{comparison.VMName}' has no metric '{string.Join("', '", Metric)}'. It has: {string.Join(", ", comparison.Metrics.Select(metric => metric.Metric.Name))}.");
        }

        WriteObject(plot with { IsAscii = Ascii || !SessionStyle.CanDraw(ComparisonPicture.UnicodeStrokes + (plot.Timeline is null ? null : ComparisonPicture.TimelineStrokes)) });
    }
}
