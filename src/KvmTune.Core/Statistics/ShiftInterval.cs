// The interval of a shift: all shifts that a test does not reject. Ranks change only where the shift passes a difference
// between a candidate and a baseline value, so a search through the ordered differences gives the exact ends.
namespace KvmTune.Statistics;

/// <summary>A confidence interval of a shift, on the scale that the samples are on.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="ConfidenceLevel">Its confidence level, for example 0.95.</param>
public sealed record ShiftInterval(double Low, double High, double ConfidenceLevel)
{
    /// <summary>
    /// Finds all shifts that a test does not reject at <c>1 − confidenceLevel</c>: the classic inversion of a test
    /// (Lehmann, "Nonparametrics: Statistical Methods Based on Ranks", 1975, section 2.6).
    /// </summary>
    /// <param name="baseline">The baseline's values.</param>
    /// <param name="candidate">The candidate's values.</param>
    /// <param name="pValueAt">The p-value of the test that the candidate lies above the baseline by exactly this shift.</param>
    /// <param name="confidenceLevel">The level, above 0 and below 1.</param>
    /// <returns>The interval; null where samples this small cannot reject any shift at that level.</returns>
    internal static ShiftInterval? Invert(
        double[] baseline, double[] candidate, Func<double, double> pValueAt, double confidenceLevel)
    {
        CheckLevel(confidenceLevel);
        var alpha = 1 - confidenceLevel;
        var differences = DistinctDifferences(baseline, candidate);
        var last = differences.Length - 1;

        // Outside the differences the two sides are wholly apart. What is not rejected there is not rejected anywhere.
        if (!Rejects(differences[0] - 1) || !Rejects(differences[last] + 1))
        {
            return null;
        }

        // Gap i lies between difference i − 1 and i. The shift is never rejected in the middle, so each end is searched alone.
        var low = differences[Math.Max(FirstNotRejected(last, i => Rejects(InGap(i))) - 1, 0)];
        var high = differences[Math.Min(last + 1 - FirstNotRejected(last, i => Rejects(InGap(last + 1 - i))), last)];
        if (low > high)
        {
            // So tied that every open gap is rejected: what is left is the tie itself.
            low = high = Estimators.HodgesLehmannShift(baseline, candidate);
        }

        return new ShiftInterval(low, high, confidenceLevel);

        bool Rejects(double shift) => pValueAt(shift) <= alpha;

        double InGap(int gap) => gap == 0 ? differences[0] - 1
            : gap > last ? differences[last] + 1
            : differences[gap - 1] + ((differences[gap] - differences[gap - 1]) / 2);
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

    // The p-value rises towards the middle, so the rejected gaps come first.
    private static int FirstNotRejected(int last, Func<int, bool> rejected)
    {
        var (low, high) = (0, last + 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (rejected(middle))
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
