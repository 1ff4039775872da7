// How many pairs it would take to find an effect, simulated from the measured pairs and not computed for an assumed noise.
using KvmTune.Statistics;

namespace KvmTune.Experiments.Switchback;

/// <summary>Computes how many pairs would find an effect.</summary>
internal static class Outlook
{
    private const int Times = 100;
    private const double Power = 0.8;
    private const int MostPairs = 2000;

    /// <summary>
    /// How many pairs like the measured ones find a shift 4 times in 5. Pairs are drawn from the measured ones without their median, with a random
    /// sign and with the shift added, and tested by signed ranks at 4 % (Wilcoxon; normal). Null if more than 2,000 would be needed, or there are
    /// too few measured pairs.
    /// </summary>
    /// <param name="differences">The pairs' differences of logarithms.</param>
    /// <param name="shift">The shift, as a difference of logarithms.</param>
    /// <param name="seed">The seed of the draws.</param>
    public static int? PairsToFind(IReadOnlyList<double> differences, double shift, int seed)
    {
        if (differences.Count < LookPlan.FewestPairs)
        {
            return null;
        }

        var middle = Estimators.Median(differences);
        var noise = differences.Select(value => value - middle).ToArray();
        var chance = new Random(seed);
        for (var pairs = 8; pairs <= MostPairs; pairs = (int)Math.Ceiling(pairs * 1.25))
        {
            var found = 0;
            for (var i = 0; i < Times; i++)
            {
                found += Finds(noise, shift, pairs, chance) ? 1 : 0;
            }

            if (found >= Power * Times)
            {
                return pairs;
            }
        }

        return null;
    }

    private static bool Finds(double[] noise, double shift, int pairs, Random chance)
    {
        const double critical = 2.054;
        var drawn = new double[pairs];
        for (var i = 0; i < pairs; i++)
        {
            drawn[i] = shift + (noise[chance.Next(noise.Length)] * (chance.Next(2) == 0 ? 1 : -1));
        }

        Array.Sort(drawn, (a, b) => Math.Abs(a).CompareTo(Math.Abs(b)));
        var sum = 0.0;
        for (var i = 0; i < pairs; i++)
        {
            sum += (i + 1) * Math.Sign(drawn[i]);
        }

        return Math.Abs(sum) >= critical * Math.Sqrt(pairs * (pairs + 1.0) * ((2.0 * pairs) + 1) / 6);
    }
}
