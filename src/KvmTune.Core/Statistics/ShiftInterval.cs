// The interval of a shift: all shifts that a test does not reject. Ranks change only when the shift passes a difference between a candidate
// and a baseline value, and are tied when it equals one. So it is enough to test the differences and one shift in each gap between them.
namespace KvmTune.Statistics;

/// <summary>A confidence interval of a shift, on the scale of the samples.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="ConfidenceLevel">Its confidence level, for example 0.95.</param>
public sealed record ShiftInterval(double Low, double High, double ConfidenceLevel)
{
    // Up to this many differences, every place is tried from the outside. With more, the search begins near the place that bisection finds, a fixed
    // number of places further out: the p-value is not quite monotone in the shift, but exceptions lie close by.
    private const int MostTriedAll = 900;
    private const int TriedBeyond = 64;

    /// <summary>
    /// Finds the shortest interval that contains all shifts which a test does not reject at <c>1 − confidenceLevel</c>: the classic inversion
    /// of a test (Lehmann, "Nonparametrics: Statistical Methods Based on Ranks", 1975, section 2.6).
    /// </summary>
    /// <remarks>
    /// With ties, for example of latencies that a program rounds, most of the probability lies at the differences themselves. An inversion over
    /// the gaps alone would give intervals of no width.
    /// </remarks>
    /// <param name="baseline">The baseline's values.</param>
    /// <param name="candidate">The candidate's values.</param>
    /// <param name="pValueAt">The p-value of the hypothesis that the candidate lies above the baseline by exactly this shift.</param>
    /// <param name="confidenceLevel">The level, above 0 and below 1.</param>
    /// <returns>The interval; null if samples this small cannot reject any shift at that level.</returns>
    internal static ShiftInterval? Invert(
        double[] baseline, double[] candidate, Func<double, double> pValueAt, double confidenceLevel)
    {
        CheckLevel(confidenceLevel);
        // In floating point 1 − 0.98 is a little more than 0.02, so the factor makes sure that a p-value equal to the level is always rejected.
        var alpha = (1 - confidenceLevel) * (1 + 1e-9);
        var differences = DistinctDifferences(baseline, candidate);

        // Place 2 i is the gap below difference i, place 2 i + 1 is that difference. Outside of all differences the two sides do not overlap; if
        // the test does not reject there, it rejects nowhere.
        var last = 2 * differences.Length;
        if (!Rejects(0) || !Rejects(last))
        {
            return null;
        }

        var low = FirstNotRejected(place => Rejects(place));
        if (low > last)
        {
            // With so many ties that every place is rejected, only the estimate remains.
            var shift = Estimators.HodgesLehmannShift(baseline, candidate);
            return new ShiftInterval(shift, shift, confidenceLevel);
        }

        var high = last - FirstNotRejected(place => Rejects(last - place));
        // A gap that is not rejected extends the interval to the differences on both sides of it.
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
            // Differences that only rounding separates count as one; the tolerance is far below any measured step.
            if (sorted[i] - sorted[count - 1] > 1e-12 * Math.Max(1, Math.Abs(sorted[i])))
            {
                sorted[count++] = sorted[i];
            }
        }

        return sorted[..count];
    }

    // Assumes that the p-value only rises towards the middle, and returns the first place that is not rejected, or one close to it.
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
