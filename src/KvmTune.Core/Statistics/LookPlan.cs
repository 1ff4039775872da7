// When a comparison in pairs is looked at, and the levels of each look. Looking at any time makes 15 to 19 % of verdicts false; so the looks
// are planned, and together they spend 5 %.
namespace KvmTune.Statistics;

/// <summary>One planned look.</summary>
/// <param name="Pairs">After how many pairs.</param>
/// <param name="Alpha">The largest p-value that counts as a difference at this look.</param>
/// <param name="SamenessLevel">The level of the interval that must lie within the margin to show sameness at this look, for example 0.98.</param>
public sealed record Look(int Pairs, double Alpha, double SamenessLevel);

/// <summary>The looks of a comparison in pairs.</summary>
/// <remarks>
/// A difference: 0.008, 0.016 and 0.04 after two fifths, three fifths and all of the pairs. Their sum is 0.064, but the looks share most of their
/// pairs: in simulations they together find a false difference in 5.0 % (<c>bench verdict</c> repeats it). 8 pairs are the fewest that can
/// reach 0.008 (2 flips of 256). Sameness: intervals of 98, 97 and 95 %, with half of the rest at each end, so that the three chances to call
/// a shift exactly at the margin the same add up to 5 % (two one-sided tests: Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657–680).
/// </remarks>
public sealed record LookPlan
{
    /// <summary>The fewest pairs that can reach p = 0.05 (2 flips of 64).</summary>
    public const int FewestPairs = 6;

    /// <summary>The largest p-value that counts as a difference if the number of pairs was fixed beforehand.</summary>
    public const double FixedAlpha = 0.05;

    /// <summary>The level of the interval that shows sameness if there is only one look: two one-sided tests at 5 %.</summary>
    public const double FixedSamenessLevel = 0.9;

    private const int FewestPlannedPairs = 20;

    /// <summary>Looks after 8, 12 and 20 pairs.</summary>
    public static LookPlan Planned { get; } = UpTo(FewestPlannedPairs);

    /// <summary>The looks in rising order.</summary>
    public required IReadOnlyList<Look> Looks { get; init; }

    /// <summary>Three looks, after two fifths, three fifths and all of the pairs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 20 pairs: the first look would have fewer than 8, which cannot reach its level.</exception>
    public static LookPlan UpTo(int pairs) => pairs >= FewestPlannedPairs
        ? new() { Looks = [new(2 * pairs / 5, 0.008, 0.98), new(3 * pairs / 5, 0.016, 0.97), new(pairs, 0.04, 0.95)] }
        : throw new ArgumentOutOfRangeException(nameof(pairs), pairs, $"Three looks need at least {FewestPlannedPairs} pairs.");

    /// <summary>One look after a number of pairs that was fixed beforehand.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 6 pairs: they cannot reach a p-value under 0.05.</exception>
    public static LookPlan Fixed(int pairs) => pairs >= FewestPairs
        ? new() { Looks = [new(pairs, FixedAlpha, FixedSamenessLevel)] }
        : throw new ArgumentOutOfRangeException(
            nameof(pairs), pairs, $"At least {FewestPairs} pairs are needed: with fewer, no p-value under 0.05 exists.");

    /// <summary>
    /// The look that judges this many pairs: the first one not yet passed. A comparison that ends between two looks because its time is over
    /// takes the next look early. After the last look, that one is used.
    /// </summary>
    public Look LookAt(int pairs) => Looks.FirstOrDefault(look => pairs <= look.Pairs) ?? Looks[^1];

    /// <summary>The next look after this many pairs; null after the last.</summary>
    public Look? NextAfter(int pairs) => Looks.FirstOrDefault(look => look.Pairs > pairs);

    /// <summary>Whether to stop at a look: the verdict is clear, or this is the last look.</summary>
    /// <param name="pairs">The pairs so far.</param>
    /// <param name="verdict">The verdict on the primary metric at this look.</param>
    public bool ShouldStop(int pairs, Verdict verdict)
        => NextAfter(pairs) is null || (Looks.Any(look => look.Pairs == pairs) && verdict != Verdict.Inconclusive);
}
