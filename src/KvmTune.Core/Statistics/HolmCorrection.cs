// Every metric is another chance of a false claim. Holm's correction keeps the chance of any false claim at the level.
namespace KvmTune.Statistics;

/// <summary>Holm's step-down correction.</summary>
/// <remarks>Source: Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979) 65–70.</remarks>
public static class HolmCorrection
{
    /// <summary>The adjusted p-values, in the given order. A metric differs if its adjusted p-value is at most the level.</summary>
    /// <param name="pValues">The p-values, each from 0 to 1.</param>
    /// <exception cref="ArgumentException">A p-value does not lie between 0 and 1.</exception>
    public static IReadOnlyList<double> Adjust(IReadOnlyList<double> pValues)
    {
        var sorted = Samples.Checked([.. pValues], nameof(pValues), atLeast: 0);
        if (Array.Exists(sorted, p => p is < 0 or > 1))
        {
            throw new ArgumentException("A p-value lies between 0 and 1.", nameof(pValues));
        }

        var order = Enumerable.Range(0, sorted.Length).ToArray();
        Array.Sort(sorted, order);
        var adjusted = new double[sorted.Length];
        var largest = 0.0;
        for (var i = 0; i < sorted.Length; i++)
        {
            largest = Math.Max(largest, Math.Min(1, sorted[i] * (sorted.Length - i)));
            adjusted[order[i]] = largest;
        }

        return adjusted;
    }
}
