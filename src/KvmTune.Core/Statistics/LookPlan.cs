// When a comparison in pairs is looked at, and what p-value each look asks for. Looking whenever one likes makes 15 to 19 % of
// verdicts false; so the looks are planned, and together they spend 5 %.
namespace KvmTune.Statistics;

/// <summary>One planned look.</summary>
/// <param name="Pairs">After how many pairs.</param>
/// <param name="Alpha">The largest p-value that is a difference at this look.</param>
public sealed record Look(int Pairs, double Alpha);

/// <summary>The looks of a comparison in pairs.</summary>
/// <remarks>
/// The levels of all looks add up to 0.05, so by Bonferroni's inequality the chance of a false verdict at any look is at most
/// that. 8 pairs are the fewest that can reach 0.01 (2 flips of 256).
/// </remarks>
public sealed record LookPlan
{
    /// <summary>The fewest pairs that can reach p = 0.05 (2 flips of 64).</summary>
    public const int FewestPairs = 6;

    /// <summary>The largest p-value that is a difference where the number of pairs was fixed beforehand.</summary>
    public const double FixedAlpha = 0.05;

    /// <summary>Looks after 8, 12 and 20 pairs, at 0.01, 0.015 and 0.025.</summary>
    public static LookPlan Planned { get; } = new() { Looks = [new(8, 0.01), new(12, 0.015), new(20, 0.025)] };

    /// <summary>The looks in rising order.</summary>
    public required IReadOnlyList<Look> Looks { get; init; }

    /// <summary>One look, after a number of pairs that was fixed beforehand.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 6 pairs: no p-value under 0.05 exists there.</exception>
    public static LookPlan Fixed(int pairs) => pairs >= FewestPairs
        ? new() { Looks = [new(pairs, FixedAlpha)] }
        : throw new ArgumentOutOfRangeException(
            nameof(pairs), pairs, $"At least {FewestPairs} pairs are needed: with fewer, no p-value under 0.05 exists.");

    /// <summary>
    /// The level at so many pairs: that of the first look not yet passed. A comparison that ends between two looks (its time is
    /// over) holds the next look early; beyond the last look its level stays.
    /// </summary>
    public double AlphaAt(int pairs) => (Looks.FirstOrDefault(look => pairs <= look.Pairs) ?? Looks[^1]).Alpha;

    /// <summary>The next look after so many pairs; null after the last.</summary>
    public Look? NextAfter(int pairs) => Looks.FirstOrDefault(look => look.Pairs > pairs);

    /// <summary>Whether to stop at a look: the verdict is clear, or it was the last.</summary>
    /// <param name="pairs">The pairs so far.</param>
    /// <param name="verdict">The verdict at this look.</param>
    public bool ShouldStop(int pairs, Verdict verdict)
        => NextAfter(pairs) is null || (Looks.Any(look => look.Pairs == pairs) && verdict != Verdict.Inconclusive);
}
