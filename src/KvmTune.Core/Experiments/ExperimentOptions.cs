// What a caller may choose about an experiment: the order of its runs, what is kept, and what it may cost.
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>In which order the runs of an experiment are made.</summary>
[JsonText(typeof(EnumName))]
public enum ExperimentDesign
{
    /// <summary>
    /// Switchback, where the change can be made live and the workload reports while it runs; else pairs; and blocks, where the change needs a
    /// restart and the time limit is too short for pairs.
    /// </summary>
    Auto,

    /// <summary>Runs in pairs, one of each side, the order inside each pair by a random coin; where the change needs a restart, a pair is two boots.</summary>
    Pairs,

    /// <summary>
    /// The express form: A B B A, each letter some runs. Its verdict is provisional; where the change needs a restart these are four boots, and
    /// four boots give a direction only.
    /// </summary>
    Blocks,

    /// <summary>
    /// All runs of the baseline, then all of the candidate. Its verdict is provisional: drift of the host is not excluded. Where the change needs a
    /// restart these are two boots, and give a direction only.
    /// </summary>
    Sequential,

    /// <summary>One load that runs without a pause, while the side changes every second or two, the order inside each pair of slots by a random coin.</summary>
    Switchback,
}

/// <summary>When a change that was tried is kept.</summary>
[JsonText(typeof(EnumName))]
public enum KeepRule
{
    /// <summary>When the verdict is that it improved.</summary>
    Improved,

    /// <summary>When it improved, or was shown to make no difference; neither is so where another metric got worse. What is inconclusive is not kept.</summary>
    NotWorse,

    /// <summary>Whatever the verdict.</summary>
    Always,

    /// <summary>Never: the experiment is made to know.</summary>
    Never,
}

/// <summary>What became of the change.</summary>
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

    /// <summary>When the change is kept.</summary>
    public KeepRule Keep { get; init; } = KeepRule.Improved;

    /// <summary>Whether the VM may be restarted. A change that needs it is refused without.</summary>
    public bool Restart { get; init; }

    /// <summary>How a restart is done.</summary>
    public RestartOptions RestartOptions { get; init; } = new();

    /// <summary>
    /// A fixed number: of pairs (at least 6), or of counted runs a side for the other designs. Null: for Switchback, as many pairs as the time
    /// allows, looked at a few times; for pairs of runs, looks after 8, 12 and 20 of them; for the others 8 runs a side.
    /// </summary>
    public int? Runs { get; init; }

    /// <summary>
    /// How long the experiment may take; null for as long as it needs, and for Switchback for 60 s of load. It ends with what was measured by
    /// then, and says so.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>Whether runs are asked for, since they were given a length: then Auto does not switch inside one load.</summary>
    public bool InRuns { get; init; }

    /// <summary>How long the side is switched at most, for Switchback; null for the whole of the time limit, or 60 s where there is none.</summary>
    public TimeSpan? LoadTime { get; init; }

    /// <summary>The name of the metric that decides, for example a latency where the question is whether the guest is steadier; null for the workload's primary one.</summary>
    public string? Metric { get; init; }

    /// <summary>The smallest rise in per cent that matters, for every metric, at most 50; null for the thresholds of the verdict rule.</summary>
    public double? ThresholdPercent { get; init; }

    /// <summary>The seed of the coin that orders the runs inside each pair; null lets one be chosen. The result has it.</summary>
    public int? Seed { get; init; }
}
