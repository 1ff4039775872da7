// Compares one metric: takes the values, tests them, and writes down all that is reported of it. Guards are judged in a second
// step, once the p-values of all of them are known.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Compares one metric of two measurements.</summary>
internal sealed class MetricComparer
{
    private readonly MetricDefinition _metric;
    private readonly MetricRole _role;
    private readonly MetricSamples _samples;
    private readonly MetricScale _scale;
    private readonly VerdictLimits _limits;
    private readonly ShiftTest? _test;
    private readonly ComparisonOptions _options;
    private readonly string _workload;

    internal MetricComparer(
        MetricDefinition metric, MetricRole role, VMPerformance baseline, VMPerformance candidate, ComparisonOptions options)
    {
        (_metric, _role, _options, _workload) = (metric, role, options, candidate.Workload.Name);
        _samples = MetricSamples.Of(metric, baseline, candidate, options);
        var isProvisional = options.Design != ComparisonDesign.Pairs;
        _limits = VerdictLimits.For(metric.Kind, AlphaAt(_samples.Baseline.Length), isProvisional, options.ThresholdPercent);
        HasValues = _samples.Baseline.Length > 0 && _samples.Candidate.Length > 0;
        _scale = HasValues ? MetricScale.For(_samples.Baseline, _samples.Candidate) : new(true, 1);
        _test = HasValues ? Test() : null;
    }

    /// <summary>Whether both sides have a usable value.</summary>
    internal bool HasValues { get; }

    /// <summary>The p-value; 1 without values.</summary>
    internal double PValue => _test?.PValue ?? 1;

    /// <summary>What a reader must know of these values.</summary>
    internal IEnumerable<string> Notes => HasValues && !_scale.IsLogarithmic
        ? [.. _samples.Notes, $"{_metric.Name} has values of zero or below, which have no logarithm; it was compared by differences in {_metric.Unit}."]
        : _samples.Notes;

    /// <summary>The result.</summary>
    /// <param name="adjustedPValue">The p-value after correction for several metrics; null for the test's own.</param>
    internal MetricComparison Compare(double? adjustedPValue = null)
    {
        var result = new MetricComparison
        {
            Metric = _metric,
            Role = _role,
            BaselineCount = _samples.Baseline.Length,
            CandidateCount = _samples.Candidate.Length,
            ConfidenceLevel = _options.ConfidenceLevel,
            Limits = _limits,
            Verdict = Verdict.Inconclusive,
            Sentence = string.Empty,
        };
        if (_test is null)
        {
            return result with
            {
                BaselineMedian = MedianOrNull(_samples.Baseline),
                CandidateMedian = MedianOrNull(_samples.Candidate),
                Sentence = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{_workload} {ComparisonSentences.NameOf(_metric)}: inconclusive, since the {MissingSide()} no usable run."),
            };
        }

        var verdict = VerdictRule.Judge(_test, _scale, _metric.Direction, _limits, adjustedPValue);
        var interval = _test.Interval(_options.ConfidenceLevel);
        var equivalence = _test.Interval(VerdictRule.EquivalenceLevel);
        var threshold = _scale.FromPercent(_limits.ThresholdPercent);
        var margin = _scale.FromPercent(_limits.MarginPercent);
        result = result with
        {
            BaselineMedian = Estimators.Median(_samples.Baseline),
            CandidateMedian = Estimators.Median(_samples.Candidate),
            ShiftPercent = _scale.ToPercent(_test.Shift),
            ShiftInUnits = _scale.IsLogarithmic ? null : _test.Shift,
            IntervalLowPercent = _scale.ToPercent(interval?.Low),
            IntervalHighPercent = _scale.ToPercent(interval?.High),
            EquivalenceLowPercent = _scale.ToPercent(equivalence?.Low),
            EquivalenceHighPercent = _scale.ToPercent(equivalence?.High),
            PValue = _test.PValue,
            AdjustedPValue = adjustedPValue ?? _test.PValue,
            Verdict = verdict,
            DetectablePercent = _test.Noise.DetectableShift(_limits.Alpha) is { } detectable
                ? _scale.ToPercent(Math.Max(detectable, threshold))
                : null,
            SpreadRatio = SpreadRatio.Of(_test.Baseline, _test.Candidate, _options.ConfidenceLevel),
            FurtherRunsNeeded = verdict == Verdict.Inconclusive
                ? _test.Noise.FurtherRuns(_test.Shift, AlphaAt, threshold, margin)
                : null,
        };
        return result with { Sentence = ComparisonSentences.OfMetric(_workload, result, _test) };
    }

    private ShiftTest Test() => _options.Design switch
    {
        ComparisonDesign.Pairs => ShiftTest.OfPairs(OnScale(_samples.Baseline), OnScale(_samples.Candidate)),
        ComparisonDesign.Blocks => ShiftTest.OfBlocks(
            [.. _samples.Blocks.Select(block => block with { Values = OnScale(block.Values) })], _limits.Alpha),
        _ => ShiftTest.OfSequence(OnScale(_samples.Baseline), OnScale(_samples.Candidate)),
    };

    private double[] OnScale(IReadOnlyList<double> values) => [.. values.Select(_scale.ToScale)];

    // A guard is asked once, when the primary metric is settled, so it has the whole 5 % (with Holm's correction) and not a
    // look's share of it: at 8 pairs no p-value under 0.01 would survive the correction.
    private double AlphaAt(int pairs) => _options.Design != ComparisonDesign.Pairs ? VerdictLimits.ProvisionalAlpha
        : _role == MetricRole.Primary ? _options.Plan.AlphaAt(pairs)
        : LookPlan.FixedAlpha;

    private string MissingSide() => (_samples.Baseline.Length, _samples.Candidate.Length) switch
    {
        (0, 0) => "two sides have",
        (0, _) => "baseline has",
        _ => "candidate has",
    };

    private static double? MedianOrNull(double[] values) => values.Length > 0 ? Estimators.Median(values) : null;
}
