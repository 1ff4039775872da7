// How long slots are, how many pairs there can be of them, in which order the sides come, and when it is looked at.
using KvmTune.Statistics;

namespace KvmTune.Experiments.Switchback;

/// <summary>The plan of an experiment that switches inside one load.</summary>
/// <remarks>
/// Neighbouring slots are a pair, and the order inside each pair is a coin: that is all that the exact swap test asks for, whatever the memory of
/// the noise. Shorter slots are the strongest lever against a host that is not idle: two minutes beside a bursty neighbour find 10 % in 89 % with
/// slots of 1 s, in 52 to 67 % with slots of 2 s, and in 13 % with pairs of runs.
/// </remarks>
internal static class SlotPlan
{
    /// <summary>How long the side changes go on where no time limit is given.</summary>
    public static readonly TimeSpan DefaultTime = TimeSpan.FromSeconds(60);

    /// <summary>The longest slot: a load that does not settle within half of it cannot be switched inside.</summary>
    public static readonly TimeSpan LongestSlot = TimeSpan.FromSeconds(8);

    // A slot has at least two whole samples of a load that reports once a second; five or ten of one that reports more often.
    private static readonly TimeSpan OftenEnough = TimeSpan.FromSeconds(0.25);

    /// <summary>
    /// The length of a slot by how often the load reports: 1 s, else 2 s, else twice the time between two reports; where there are few reports
    /// in a slot, a twentieth more than two of them, so that one lies in it whole wherever it begins.
    /// </summary>
    public static TimeSpan SlotFor(TimeSpan interval) =>
        interval <= OftenEnough ? TimeSpan.FromSeconds(1) : interval * 2.1;

    /// <summary>The sides of the pairs in a random order: whether the candidate comes first in each.</summary>
    public static IEnumerable<bool> Coin(int seed)
    {
        var chance = new Random(seed);
        while (true)
        {
            yield return chance.Next(2) == 1;
        }
    }

    /// <summary>How many pairs fit into a time, after what the load costs beside its slots.</summary>
    /// <param name="time">The time.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="switchTime">How long a switch takes.</param>
    /// <param name="overhead">What starting the load and looking at it costs.</param>
    public static int PairsIn(TimeSpan time, TimeSpan slot, TimeSpan switchTime, TimeSpan overhead) =>
        (int)Math.Max(0, Math.Min(10_000, Math.Floor((time - overhead) / ((slot + switchTime) * 2))));

    /// <summary>
    /// The looks at so many pairs: after two fifths, three fifths and all of them, as for pairs of runs; earlier ones, each after half as many,
    /// as long as there are enough pairs for their level, so that a large effect is known soon however much time there is; one at the end where
    /// there are too few pairs for more.
    /// </summary>
    /// <remarks>
    /// Levels 0.008, 0.016 and 0.04 spend 5.0 % together, since the looks share most of their pairs. Each earlier look takes an eighth of the
    /// level after it, and the last one gives 0.002 for all of them. A test draws experiments without an effect and counts.
    /// </remarks>
    public static LookPlan Looks(int pairs)
    {
        if (pairs < FewestPlannedPairs)
        {
            return LookPlan.Fixed(pairs);
        }

        List<Look> looks = [.. LookPlan.UpTo(pairs).Looks];
        for (var (earlier, alpha) = (pairs / 5, 0.001); earlier >= FewestEarlyPairs; (earlier, alpha) = (earlier / 2, alpha / 8))
        {
            looks.Insert(0, new(earlier, Math.Max(alpha, EarliestAlpha), EarlySamenessLevel));
            looks[^1] = looks[^1] with { Alpha = 0.038 };
        }

        // What is twice or half shows after half a minute, however long there is.
        if (looks[0].Pairs > 3 * FewestEarlyPairs / 2)
        {
            looks.Insert(0, new(FewestEarlyPairs, EarliestAlpha, EarlySamenessLevel));
            looks[^1] = looks[^1] with { Alpha = 0.038 };
        }

        return new() { Looks = looks };
    }

    // 2 flips of 2 ^ 15 are 0.00006.
    private const int FewestEarlyPairs = 15;
    private const double EarliestAlpha = 0.0001;
    private const double EarlySamenessLevel = 0.998;

    // Two fifths of them are the 8 pairs that can reach the first look's level.
    private const int FewestPlannedPairs = 20;
}
