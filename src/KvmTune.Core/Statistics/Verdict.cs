// The possible results of a comparison.
namespace KvmTune.Statistics;

/// <summary>The result of a comparison.</summary>
[JsonText(typeof(EnumName))]
public enum Verdict
{
    /// <summary>Better: significant at the test's level, and by at least the practical threshold.</summary>
    Improved,

    /// <summary>Worse: significant at the test's level, and by at least the practical threshold.</summary>
    Regressed,

    /// <summary>The same: the interval of the shift lies within the margin.</summary>
    NoDifference,

    /// <summary>Neither a difference nor sameness is shown. More or quieter runs are needed, or a design that can show one of them.</summary>
    Inconclusive,

    /// <summary>
    /// A guard got worse and the primary metric did not: it improved, stayed the same, or is inconclusive. A guard is another metric of the
    /// workload, or the share of runs that failed. Where both got worse, that is <see cref="Regressed"/>.
    /// </summary>
    Mixed,
}

/// <summary>In which order the runs of the two sides were made, which limits the conclusions.</summary>
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
/// What one value of a comparison stands for: the unit that may differ by luck as a whole, and so the unit of the comparison. A boot is one
/// random draw of the guest's memory layout and of the host's condition, no matter how many runs it has.
/// </summary>
[JsonText(typeof(EnumName))]
public enum ComparisonUnit
{
    /// <summary>A run, if the side changes while the guest runs.</summary>
    Run,

    /// <summary>A boot of the guest, if the side changes by a reboot.</summary>
    Boot,

    /// <summary>A resume in a new QEMU process, if the side changes by a suspend: the guest is the same, but its memory is placed again.</summary>
    Resume,
}

/// <summary>The role of a metric in a comparison.</summary>
[JsonText(typeof(EnumName))]
public enum MetricRole
{
    /// <summary>The metric that decides.</summary>
    Primary,

    /// <summary>A metric that must not get worse while the primary one gets better.</summary>
    Guard,

    /// <summary>Shown but not judged: it expresses the same as the primary metric.</summary>
    Shown,

    /// <summary>A metric that the change cannot affect: if it shifts, there is another cause.</summary>
    NegativeControl,
}
