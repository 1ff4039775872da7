// The interval of a shift: all shifts that a test does not reject. Ranks change only where the shift passes a difference
// between a candidate and a baseline value, and are tied where it meets one; so the open gaps between the ordered differences and
// the differences themselves are all that there is to test.
namespace KvmTune.Statistics;

/// <summary>A confidence interval of a shift, on the scale that the samples are on.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="ConfidenceLevel">Its confidence level, for example 0.95.</param>
public sealed record ShiftInterval(double Low, double High, double ConfidenceLevel)
{
    // Up to so many differences every one is tried from the outside; beyond, the search begins near the end that bisection finds, so
    // many places further out: a p-value is not wholly monotone in the shift, but what escapes lies close by.
    private const int MostTriedAll = 900;
    private const int TriedBeyond = 64;

    /// <summary>
    /// Finds the shortest interval that holds all shifts which a test does not reject at <c>1 − confidenceLevel</c>: the classic inversion
    /// of a test (Lehmann, "Nonparametrics: Statistical Methods Based on Ranks", 1975, section 2.6).
    /// </summary>
    /// <remarks>
    /// With ties, as of latencies that a program rounds, the differences themselves carry most of the probability: an inversion over the
    /// gaps alone gives intervals without a width.
    /// </remarks>
    /// <param name="baseline">The baseline's values.</param>
    /// <param name="candidate">The candidate's values.</param>
    /// <param name="pValueAt">The p-value of the test that the candidate lies above the baseline by exactly this shift.</param>
    /// <param name="confidenceLevel">The level, above 0 and below 1.</param>
    /// <returns>The interval; null where samples this small cannot reject any shift at that level.</returns>
    internal static ShiftInterval? Invert(
        double[] baseline, double[] candidate, Func<double, double> pValueAt, double confidenceLevel)
    {
        CheckLevel(confidenceLevel);
        // 1 − 0.98 is a little more than 0.02: a p-value of exactly the level is rejected either way.
        var alpha = (1 - confidenceLevel) * (1 + 1e-9);
        var differences = DistinctDifferences(baseline, candidate);

        // Place 2 i is the gap below difference i, place 2 i + 1 that difference itself. Outside of all differences the two sides are wholly
        // apart: what is not rejected there is not rejected anywhere.
        var last = 2 * differences.Length;
        if (!Rejects(0) || !Rejects(last))
        {
            return null;
        }

        var low = FirstNotRejected(place => Rejects(place));
        if (low > last)
        {
            // So tied that every place is rejected: what is left is the estimate.
            var shift = Estimators.HodgesLehmannShift(baseline, candidate);
            return new ShiftInterval(shift, shift, confidenceLevel);
        }

        var high = last - FirstNotRejected(place => Rejects(last - place));
        // A gap that is not rejected reaches to the differences around it.
        return new ShiftInterval(differences[(low - 1) / 2], differences[Math.Min(high / 2, differences.Length - 1)], confidenceLevel);

        bool Rejects(int place) => pValueAt(At(place)) <= alpha;

        double At(int place) => place == 0 ? differences[0] - 1
            : place == last ? differences[^1] + 1
            : place % 2 == 1 ? differences[place / 2]
            : differences[(place / 2) - 1] + ((differences[place / 2] - differences[(place / 2) - 1]) / 2);

        int FirstNotRejected(Func<int, bool> rejects)
        {
            var place = differences.Length <= MostTriedAll ? 1 : Math.Max(1, Bisect(last, rejects) - TriedBeyond);
            while (place <= last && rejects(place))
            {
                place++;
            }

            return place;
        }
    }

    /// <summary>Checks a confidence level.</summary>
    internal static void CheckLevel(double confidenceLevel)
    {
        if (confidenceLevel is not (> 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(confidenceLevel), confidenceLevel, "A confidence level lies between 0 and 1.");
        }
    }

    /// <summary>All differences candidate − baseline in rising order.</summary>
    internal static double[] Differences(double[] baseline, double[] candidate)
    {
        var differences = new double[baseline.Length * candidate.Length];
        var next = 0;
        foreach (var c in candidate)
        {
            foreach (var b in baseline)
            {
                differences[next++] = c - b;
            }
        }

        Array.Sort(differences);
        return differences;
    }

    private static double[] DistinctDifferences(double[] baseline, double[] candidate)
    {
        var sorted = Differences(baseline, candidate);
        var count = 1;
        for (var i = 1; i < sorted.Length; i++)
        {
            // What subtraction rounds apart is one difference; the tolerance is far below any measured step.
            if (sorted[i] - sorted[count - 1] > 1e-12 * Math.Max(1, Math.Abs(sorted[i])))
            {
                sorted[count++] = sorted[i];
            }
        }

        return sorted[..count];
    }

    // As if the p-value only rose towards the middle: the place where it is first not rejected, or one close to it.
    private static int Bisect(int last, Func<int, bool> rejects)
    {
        var (low, high) = (0, last + 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (rejects(middle))
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
