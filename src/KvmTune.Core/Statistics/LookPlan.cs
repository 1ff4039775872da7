// When a comparison in pairs is looked at, and what each look asks for. Looking whenever one likes makes 15 to 19 % of verdicts
// false; so the looks are planned, and together they spend 5 %.
namespace KvmTune.Statistics;

/// <summary>One planned look.</summary>
/// <param name="Pairs">After how many pairs.</param>
/// <param name="Alpha">The largest p-value that is a difference at this look.</param>
/// <param name="SamenessLevel">The level of the interval that must lie within the margin to show sameness at this look, for example 0.98.</param>
public sealed record Look(int Pairs, double Alpha, double SamenessLevel);

/// <summary>The looks of a comparison in pairs.</summary>
/// <remarks>
/// A difference: 0.008, 0.016 and 0.04 at two, three and five parts of the pairs. Their sum is 0.064, but the looks share most of their pairs: by
/// simulation together they find a difference where there is none in 5.0 % (<c>bench verdict</c> repeats it). 8 pairs are the fewest that can
/// reach 0.008 (2 flips of 256). Sameness: intervals of 98, 97 and 95 %, each end with half of what is left, so that the three chances to call
/// a shift at the margin itself the same add up to 5 % (two one-sided tests: Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657–680).
/// </remarks>
public sealed record LookPlan
{
    /// <summary>The fewest pairs that can reach p = 0.05 (2 flips of 64).</summary>
    public const int FewestPairs = 6;

    /// <summary>The largest p-value that is a difference where the number of pairs was fixed beforehand.</summary>
    public const double FixedAlpha = 0.05;

    /// <summary>The level of the interval that shows sameness where it is looked at once: two one-sided tests at 5 %.</summary>
    public const double FixedSamenessLevel = 0.9;

    private const int FewestPlannedPairs = 20;

    /// <summary>Looks after 8, 12 and 20 pairs.</summary>
    public static LookPlan Planned { get; } = UpTo(FewestPlannedPairs);

    /// <summary>The looks in rising order.</summary>
    public required IReadOnlyList<Look> Looks { get; init; }

    /// <summary>Three looks, after two fifths, three fifths and all of so many pairs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 20 pairs: the first look would have fewer than 8, which cannot reach its level.</exception>
    public static LookPlan UpTo(int pairs) => pairs >= FewestPlannedPairs
        ? new() { Looks = [new(2 * pairs / 5, 0.008, 0.98), new(3 * pairs / 5, 0.016, 0.97), new(pairs, 0.04, 0.95)] }
        : throw new ArgumentOutOfRangeException(nameof(pairs), pairs, $"Three looks need at least {FewestPlannedPairs} pairs.");

    /// <summary>One look, after a number of pairs that was fixed beforehand.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 6 pairs: no p-value under 0.05 exists there.</exception>
    public static LookPlan Fixed(int pairs) => pairs >= FewestPairs
        ? new() { Looks = [new(pairs, FixedAlpha, FixedSamenessLevel)] }
        : throw new ArgumentOutOfRangeException(
            nameof(pairs), pairs, $"At least {FewestPairs} pairs are needed: with fewer, no p-value under 0.05 exists.");

    /// <summary>
    /// What so many pairs are judged by: the first look not yet passed. A comparison that ends between two looks (its time is over)
    /// holds the next look early; beyond the last look that one stays.
    /// </summary>
    public Look LookAt(int pairs) => Looks.FirstOrDefault(look => pairs <= look.Pairs) ?? Looks[^1];

    /// <summary>The next look after so many pairs; null after the last.</summary>
    public Look? NextAfter(int pairs) => Looks.FirstOrDefault(look => look.Pairs > pairs);

    /// <summary>Whether to stop at a look: the verdict is clear, or it was the last.</summary>
    /// <param name="pairs">The pairs so far.</param>
    /// <param name="verdict">The verdict on the metric that decides, at this look.</param>
    public bool ShouldStop(int pairs, Verdict verdict)
        => NextAfter(pairs) is null || (Looks.Any(look => look.Pairs == pairs) && verdict != Verdict.Inconclusive);
}
