// What a comparison can say.
namespace KvmTune.Statistics;

/// <summary>What a comparison says of a change.</summary>
public enum Verdict
{
    /// <summary>Better, beyond doubt and by more than the practical threshold.</summary>
    Improved,

    /// <summary>Worse, beyond doubt and by more than the practical threshold.</summary>
    Regressed,

    /// <summary>Shown to be alike: the 90 % interval lies within the margin of equivalence.</summary>
    NoDifference,

    /// <summary>Neither shown: more or quieter runs are needed.</summary>
    Inconclusive,

    /// <summary>The primary metric improved and another one regressed beyond doubt.</summary>
    Mixed,
}

/// <summary>In which order the runs of two sides were made, which decides what can be said of them.</summary>
public enum ComparisonDesign
{
    /// <summary>All runs of the baseline, then all of the candidate. Drift of the host looks like an effect.</summary>
    Sequential,

    /// <summary>Runs in pairs, one of each side, the order inside each pair by a random coin.</summary>
    Pairs,

    /// <summary>Runs in alternating blocks, such as A B B A.</summary>
    Blocks,
}

/// <summary>The part that a metric plays in a comparison.</summary>
public enum MetricRole
{
    /// <summary>The metric that decides.</summary>
    Primary,

    /// <summary>A metric that must not get worse while the primary one gets better.</summary>
    Guard,

    /// <summary>Shown, and not judged on: it says the same as the primary metric in other words.</summary>
    Shown,

    /// <summary>A metric that the change cannot affect: if it shifts, something else did.</summary>
    NegativeControl,
}
