// The options of an experiment: the order of its runs, when the change is kept, and how long it may take.
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>In which order the runs of an experiment are made.</summary>
[JsonText(typeof(EnumName))]
public enum ExperimentDesign
{
    /// <summary>
    /// Switchback if the change can be made live and the workload reports while it runs; otherwise pairs; or blocks, if the change needs a
    /// restart and the time limit is too short for pairs.
    /// </summary>
    Auto,

    /// <summary>Runs in pairs, one of each side, the order inside each pair by a coin. If the change needs a restart, a pair is two boots.</summary>
    Pairs,

    /// <summary>
    /// The short form: A B B A, each letter several runs. Its verdict is provisional. If the change needs a restart, these are four boots, and
    /// four boots only give a direction.
    /// </summary>
    Blocks,

    /// <summary>
    /// All runs of the baseline, then all of the candidate. Its verdict is provisional: drift of the host is not excluded. If the change needs a
    /// restart, these are two boots, which only give a direction.
    /// </summary>
    Sequential,

    /// <summary>One load without a pause, while the side changes every second or two, the order inside each pair of slots by a random coin.</summary>
    Switchback,
}

/// <summary>When to keep a change after an experiment.</summary>
[JsonText(typeof(EnumName))]
public enum KeepRule
{
    /// <summary>If the verdict is that it improved.</summary>
    Improved,

    /// <summary>If it improved, or was shown to make no difference; not if another metric got worse, or the verdict is inconclusive.</summary>
    NotWorse,

    /// <summary>Whatever the verdict.</summary>
    Always,

    /// <summary>Never: the experiment is made only to learn the effect.</summary>
    Never,
}

/// <summary>What happened to the change.</summary>
[JsonText(typeof(EnumName))]
public enum ExperimentDecision
{
    /// <summary>The VM has the change.</summary>
    Kept,

    /// <summary>The VM is as it was before.</summary>
    Undone,
}

/// <summary>The settings of an experiment.</summary>
public sealed record ExperimentOptions
{
    /// <summary>The order of the runs.</summary>
    public ExperimentDesign Design { get; init; } = ExperimentDesign.Auto;

    /// <summary>When to keep the change.</summary>
    public KeepRule Keep { get; init; } = KeepRule.Improved;

    /// <summary>Whether the VM may be restarted. Otherwise a change that needs a restart is refused.</summary>
    public bool Restart { get; init; }

    /// <summary>How to restart the VM.</summary>
    public RestartOptions RestartOptions { get; init; } = new();

    /// <summary>
    /// A fixed number of pairs (at least 6), or of counted runs a side for the other designs. Null: for Switchback, as many pairs as the time
    /// allows, with a few looks; for pairs of runs, looks after 8, 12 and 20 of them; for the others, 8 runs a side.
    /// </summary>
    public int? Runs { get; init; }

    /// <summary>
    /// How long the experiment may take; null for no limit, and for Switchback for 60 s of load. At the limit the experiment ends with the runs
    /// so far, and adds a note.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>Whether the user set the length of a run and so wants runs: then Auto does not switch inside one load.</summary>
    public bool InRuns { get; init; }

    /// <summary>The longest time of the switched load, for Switchback; null for the whole time limit, or 60 s without a limit.</summary>
    public TimeSpan? LoadTime { get; init; }

    /// <summary>
    /// The name of the metric that decides, for example a latency to learn whether the guest is steadier; null for the workload's primary one.
    /// </summary>
    public string? Metric { get; init; }

    /// <summary>The smallest rise in per cent that matters, for every metric, at most 50; null for the thresholds of the verdict rule.</summary>
    public double? ThresholdPercent { get; init; }

    /// <summary>The seed of the coin that orders the runs inside each pair; null for a random seed. The result contains it.</summary>
    public int? Seed { get; init; }
}
