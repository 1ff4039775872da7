// Ranks as whole numbers: the mid-rank of a tie can be a half, so all ranks are doubled, and their sums stay exact.
namespace KvmTune.Statistics;

/// <summary>Doubled mid-ranks.</summary>
internal static class Ranks
{
    /// <summary>
    /// Twice the mid-rank of every value among all values of both sides, the baseline's first. Equal values share the mean of
    /// the places they take, which is a whole number once doubled.
    /// </summary>
    /// <param name="baseline">The baseline's values.</param>
    /// <param name="candidate">The candidate's values, with <paramref name="shift"/> subtracted from them already.</param>
    /// <param name="shift">
    /// The subtracted shift. Values that differ only by the rounding of the subtraction are equal. With a shift of 0 only equal values are.
    /// </param>
    internal static int[] Doubled(double[] baseline, double[] candidate, double shift = 0)
    {
        double[] sorted = [.. baseline, .. candidate];
        var order = new int[sorted.Length];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(sorted, order);
        var ranks = new int[sorted.Length];
        for (var first = 0; first < sorted.Length;)
        {
            var last = first;
            while (last + 1 < sorted.Length && sorted[last + 1] - sorted[last] <= Rounding(sorted[last + 1]))
            {
                last++;
            }

            for (var i = first; i <= last; i++)
            {
                ranks[order[i]] = first + last + 2;
            }

            first = last + 1;
        }

        return ranks;

        double Rounding(double value) => shift == 0 ? 0 : 1e-12 * (Math.Abs(value) + Math.Abs(shift));
    }
}
