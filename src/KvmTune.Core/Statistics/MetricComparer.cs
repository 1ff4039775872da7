// Compares one metric: takes the values, tests them, and fills the result. Guards are judged in a second step, when the p-values of all of
// them are known.
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
    private readonly ComparisonUnit _unit;
    private readonly string _workload;

    internal MetricComparer(
        MetricDefinition metric, MetricRole role, VMPerformance baseline, VMPerformance candidate, ComparisonOptions options, ComparisonUnit unit)
    {
        (_metric, _role, _options, _unit, _workload) = (metric, role, options, unit, candidate.Workload.Name);
        _samples = MetricSamples.Of(metric, baseline, candidate, options, unit);
        _limits = LimitsAt(_samples.Baseline.Length);
        HasValues = _samples.Baseline.Length > 0 && _samples.Candidate.Length > 0;
        _scale = HasValues ? MetricScale.For(_samples.Baseline, _samples.Candidate) : new(true, 1);
        _test = HasValues ? Test() : null;
    }

    /// <summary>Whether both sides have a usable value.</summary>
    internal bool HasValues { get; }

    /// <summary>The p-value; 1 without values.</summary>
    internal double PValue => _test?.PValue ?? 1;

    /// <summary>Whether this many values can reach the level at all.</summary>
    internal bool CanShow => _test is { } test && test.SmallestPValue <= _limits.Alpha;

    /// <summary>Facts about these values that a reader needs.</summary>
    internal IEnumerable<string> Notes => HasValues && !_scale.IsLogarithmic
        ? [.. _samples.Notes, $"{_metric.Name} has values of zero or below, which have no logarithm; it was compared by differences in {_metric.Unit}."]
        : _samples.Notes;

    /// <summary>The result.</summary>
    /// <param name="adjustedPValue">The p-value after correction for several metrics; null for the test's own.</param>
    /// <param name="correctedFor">How many metrics it was corrected for.</param>
    internal MetricComparison Compare(double? adjustedPValue = null, int correctedFor = 1)
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

        var interval = _test.Interval(_options.ConfidenceLevel);
        var sameness = _test.Interval(_limits.SamenessLevel);
        result = result with
        {
            BaselineMedian = Estimators.Median(_samples.Baseline),
            CandidateMedian = Estimators.Median(_samples.Candidate),
            ShiftPercent = _scale.ToPercent(_test.Shift),
            ShiftInUnits = _scale.IsLogarithmic ? null : _test.Shift,
            IntervalLowPercent = _scale.ToPercent(interval?.Low),
            IntervalHighPercent = _scale.ToPercent(interval?.High),
            EquivalenceLowPercent = _scale.ToPercent(sameness?.Low),
            EquivalenceHighPercent = _scale.ToPercent(sameness?.High),
            PValue = _test.PValue,
            AdjustedPValue = adjustedPValue ?? _test.PValue,
            Verdict = VerdictRule.Judge(_test, _scale, _metric.Direction, _limits, adjustedPValue),
            DetectablePercent = _options.Forecasts && CanShow ? _scale.ToPercent(Detectable(correctedFor)) : null,
            SpreadRatio = SpreadRatio.Of(_test.Baseline, _test.Candidate, _options.ConfidenceLevel),
        };
        return result with { Sentence = ComparisonSentences.OfMetric(_workload, result, _test, _unit, correctedFor) };
    }

    private double? Detectable(int correctedFor) => Detectability.Shift(
        _test!.Design,
        _test.Baseline,
        _test.Candidate,
        Math.Min(_test.Baseline.Count, _test.Candidate.Count),
        _limits.Alpha / correctedFor,
        _scale.FromPercent(_limits.ThresholdPercent),
        _scale.FromPercent(Detectability.LargestPercent));

    private ShiftTest Test() => _options.Design switch
    {
        ComparisonDesign.Pairs => ShiftTest.OfPairs(OnScale(_samples.Baseline), OnScale(_samples.Candidate)),
        ComparisonDesign.Blocks => ShiftTest.OfBlocks(
            [.. _samples.Blocks.Select(block => block with { Values = OnScale(block.Values) })], _limits.Alpha, _unit),
        _ => ShiftTest.OfSequence(OnScale(_samples.Baseline), OnScale(_samples.Candidate)),
    };

    private double[] OnScale(IReadOnlyList<double> values) => [.. values.Select(_scale.ToScale)];

    // Guards are judged once, after the deciding metric. So they have the whole 5 % (with Holm's correction) and not the share of one look: at 8
    // pairs no p-value under 0.008 would survive the correction.
    private VerdictLimits LimitsAt(int values)
    {
        var isPairs = _options.Design == ComparisonDesign.Pairs;
        var look = isPairs && _role == MetricRole.Primary ? _options.Plan.LookAt(values)
            : new Look(values, isPairs ? LookPlan.FixedAlpha : VerdictLimits.ProvisionalAlpha, LookPlan.FixedSamenessLevel);
        return VerdictLimits.For(_metric.Kind, look.Alpha, !isPairs, _options.ThresholdPercent, look.SamenessLevel);
    }

    private string MissingSide() => (_samples.Baseline.Length, _samples.Candidate.Length) switch
    {
        (0, 0) => "two sides have",
        (0, _) => "baseline has",
        _ => "candidate has",
    };

    private static double? MedianOrNull(double[] values) => values.Length > 0 ? Estimators.Median(values) : null;
}
