// Input checks of every estimator and test here, so that no result can be NaN.
using System.Globalization;

namespace KvmTune.Statistics;

/// <summary>Checks of samples.</summary>
internal static class Samples
{
    /// <summary>Copies a sample, after a check that it is long enough and every value is finite.</summary>
    /// <param name="values">The sample.</param>
    /// <param name="name">The parameter's name, for the message.</param>
    /// <param name="atLeast">How many values are needed.</param>
    /// <exception cref="ArgumentException">There are fewer values, or one of them is NaN or infinite.</exception>
    internal static double[] Checked(IReadOnlyList<double> values, string name, int atLeast = 1)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        if (values.Count < atLeast)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"The sample has {values.Count} values; at least {atLeast} are needed."),
                name);
        }

        var copy = new double[values.Count];
        for (var i = 0; i < copy.Length; i++)
        {
            copy[i] = double.IsFinite(values[i])
                ? values[i]
                : throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Value {i + 1} of the sample is {values[i]}: leave out what a broken run gave."),
                    name);
        }

        return copy;
    }

    /// <summary>Copies two samples that belong together value by value, after the checks.</summary>
    /// <exception cref="ArgumentException">A value is not finite, or the lengths differ.</exception>
    internal static (double[] Baseline, double[] Candidate) CheckedPairs(
        IReadOnlyList<double> baseline, IReadOnlyList<double> candidate)
    {
        var b = Checked(baseline, nameof(baseline));
        var c = Checked(candidate, nameof(candidate));
        return b.Length == c.Length
            ? (b, c)
            : throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{b.Length} baseline values cannot be paired with {c.Length} candidate values."),
                nameof(candidate));
    }

    /// <summary>The sample with the same amount added to every value.</summary>
    internal static double[] Shifted(double[] values, double by)
        => by == 0 ? values : Array.ConvertAll(values, value => value + by);
}
