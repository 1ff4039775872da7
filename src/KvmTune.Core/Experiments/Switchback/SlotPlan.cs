// The length of slots, the number of pairs that fit, the order of the sides, and the planned looks.
using KvmTune.Statistics;

namespace KvmTune.Experiments.Switchback;

/// <summary>The plan of an experiment that switches inside one load.</summary>
/// <remarks>
/// Neighbouring slots are a pair, and a coin decides the order inside each pair. The exact swap test needs nothing more, no matter how the noise
/// is correlated. Short slots help most on a host with other load: next to a bursty neighbour, two minutes find 10 % in 89 % of experiments
/// with slots of 1 s, in 52 to 67 % with slots of 2 s, and in 13 % with pairs of runs.
/// </remarks>
internal static class SlotPlan
{
    /// <summary>How long the side is switched if there is no time limit.</summary>
    public static readonly TimeSpan DefaultTime = TimeSpan.FromSeconds(60);

    /// <summary>The longest slot. A load that does not settle within half of it is not suitable for switching.</summary>
    public static readonly TimeSpan LongestSlot = TimeSpan.FromSeconds(8);

    // Loads that report at least this often have several whole samples in a slot of 1 s.
    private static readonly TimeSpan OftenEnough = TimeSpan.FromSeconds(0.25);

    /// <summary>
    /// The length of a slot: 1 s if the load reports at least every 0.25 s. Otherwise a twentieth more than two intervals between
    /// reports, so that a whole report lies in the slot wherever the slot begins.
    /// </summary>
    public static TimeSpan SlotFor(TimeSpan interval) =>
        interval <= OftenEnough ? TimeSpan.FromSeconds(1) : interval * 2.1;

    /// <summary>The random order of the pairs: whether the candidate comes first in each.</summary>
    public static IEnumerable<bool> Coin(int seed)
    {
        var chance = new Random(seed);
        while (true)
        {
            yield return chance.Next(2) == 1;
        }
    }

    /// <summary>How many pairs fit into a time, besides the time for starting the load and looking at it.</summary>
    /// <param name="time">The available time.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="switchTime">How long a switch takes.</param>
    /// <param name="overhead">How long it takes to start the load and look at it.</param>
    public static int PairsIn(TimeSpan time, TimeSpan slot, TimeSpan switchTime, TimeSpan overhead) =>
        (int)Math.Max(0, Math.Min(10_000, Math.Floor((time - overhead) / ((slot + switchTime) * 2))));

    /// <summary>
    /// The looks for this many pairs: after two fifths, three fifths and all of them, as for pairs of runs. Earlier looks are added, each after half
    /// as many pairs, while there are enough pairs for their level, so that a large effect is found soon in a long experiment too. With too few pairs
    /// there is a single look at the end.
    /// </summary>
    /// <remarks>
    /// The levels 0.008, 0.016 and 0.04 spend 5.0 % together, since the looks share most of their pairs. Each earlier look gets an eighth of the
    /// level after it, at least 0.0001, and for all of them together the last look gives up 0.002. A test counts false verdicts in simulations.
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

        // A factor of two or a half shows after half a minute, so there is a look then even in a long experiment.
        if (looks[0].Pairs > 3 * FewestEarlyPairs / 2)
        {
            looks.Insert(0, new(FewestEarlyPairs, EarliestAlpha, EarlySamenessLevel));
            looks[^1] = looks[^1] with { Alpha = 0.038 };
        }

        return new() { Looks = looks };
    }

    // The smallest p-value of 15 pairs is 2 flips of 2^15, or 0.00006, which is below the earliest level.
    private const int FewestEarlyPairs = 15;
    private const double EarliestAlpha = 0.0001;
    private const double EarlySamenessLevel = 0.998;

    // Two fifths of 20 are 8 pairs, which can reach the first look's level.
    private const int FewestPlannedPairs = 20;
}
