// The scale of a comparison: the logarithm, so that a shift is a ratio; or the metric's unit, if a value is zero or negative and has no
// logarithm.
namespace KvmTune.Statistics;

/// <summary>The scale of a comparison, with the conversion to per cent.</summary>
/// <param name="IsLogarithmic">Whether the logarithms of the values are compared.</param>
/// <param name="Reference">Without logarithms: the value of 100 %, which is the size of the baseline's median; 0 if that is 0.</param>
public sealed record MetricScale(bool IsLogarithmic, double Reference)
{
    /// <summary>The scale for two samples.</summary>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite.</exception>
    public static MetricScale For(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate)
        => baseline.Concat(candidate).All(value => value > 0)
            ? new(true, 1)
            : new(false, Math.Abs(Estimators.Median(baseline)));

    /// <summary>A measured value on this scale.</summary>
    public double ToScale(double value) => IsLogarithmic ? Math.Log(value) : value;

    /// <summary>
    /// A shift on this scale in per cent of the baseline; null if the result is not finite, for example with a baseline of 0.
    /// </summary>
    public double? ToPercent(double? shift)
    {
        if (shift is null or 0)
        {
            return shift;
        }

        var percent = IsLogarithmic ? 100 * (Math.Exp(shift.Value) - 1) : 100 * shift.Value / Reference;
        return double.IsFinite(percent) ? percent : null;
    }

    /// <summary>A rise in per cent as a shift on this scale; 0 if the baseline is 0.</summary>
    public double FromPercent(double percent) => IsLogarithmic ? Math.Log(1 + (percent / 100)) : percent / 100 * Reference;
}
