// What a comparison can say.
namespace KvmTune.Statistics;

/// <summary>What a comparison says of a change.</summary>
[JsonText(typeof(EnumName))]
public enum Verdict
{
    /// <summary>Better: the test shows it at its level, and by at least the practical threshold.</summary>
    Improved,

    /// <summary>Worse: the test shows it at its level, and by at least the practical threshold.</summary>
    Regressed,

    /// <summary>Shown to be the same: the interval of the shift lies within the margin.</summary>
    NoDifference,

    /// <summary>Neither shown: more or quieter runs are needed, or a design that can show something at all.</summary>
    Inconclusive,

    /// <summary>
    /// A guard got worse and the primary metric did not: it improved, stayed the same, or is inconclusive. A guard is another metric of the
    /// workload, or the share of runs that failed. Where both got worse, that is <see cref="Regressed"/>.
    /// </summary>
    Mixed,
}

/// <summary>In which order the runs of two sides were made, which decides what can be said of them.</summary>
[JsonText(typeof(EnumName))]
public enum ComparisonDesign
{
    /// <summary>All runs of the baseline, then all of the candidate. Drift of the host looks like an effect.</summary>
    Sequential,

    /// <summary>Runs in pairs, one of each side, the order inside each pair by a random coin.</summary>
    Pairs,

    /// <summary>Runs in alternating blocks, such as A B B A.</summary>
    Blocks,
}

/// <summary>
/// What one value of a comparison is of: what may differ by luck as a whole, and what the two sides are therefore compared by. However many
/// runs a boot has, it is one draw of the guest's memory layout and of the host's mood.
/// </summary>
[JsonText(typeof(EnumName))]
public enum ComparisonUnit
{
    /// <summary>A run, where the side changes while the guest runs on.</summary>
    Run,

    /// <summary>A boot of the guest, where the side changes by a reboot.</summary>
    Boot,

    /// <summary>A resume of the guest by a new QEMU process, where the side changes by a suspend: the guest is the same, its memory is placed again.</summary>
    Resume,
}

/// <summary>The part that a metric plays in a comparison.</summary>
[JsonText(typeof(EnumName))]
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
