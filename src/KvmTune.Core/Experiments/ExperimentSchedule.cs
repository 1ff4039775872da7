// The order of an experiment's runs: which side comes when, how many runs it makes each time, and after how many pairs to look.
using System.Globalization;
using KvmTune.Statistics;

namespace KvmTune.Experiments;

/// <summary>Consecutive runs of one side. The first run is a warm-up if the VM was started or switched for it.</summary>
/// <param name="IsCandidate">Whether the change is in force.</param>
/// <param name="Runs">The number of counted runs.</param>
internal sealed record ExperimentUnit(bool IsCandidate, int Runs)
{
    /// <summary>The side as a word.</summary>
    public string Side => IsCandidate ? "candidate" : "baseline";
}

/// <summary>The part that is made, and repeated, as a whole: a pair, or one block.</summary>
/// <param name="Name">For example <c>pair 3</c>.</param>
/// <param name="Units">Its parts in order.</param>
internal sealed record ExperimentStage(string Name, IReadOnlyList<ExperimentUnit> Units);

/// <summary>The order of an experiment.</summary>
/// <remarks>
/// Pairs: the order inside each pair is random, since a fixed A B B A can follow the host's own rhythm (13 % false verdicts on one recorded
/// series, against 4 %). For a live change a unit is one run. A switch to the other side makes a warm-up run first; if the next pair begins with
/// the present side, nothing is switched and no run is dropped. For a change that needs a restart a unit is a boot, whose value is the median of
/// three runs, since runs of one boot are not independent. Blocks: A B B A once, which cancels a steady drift; with
/// restarts each block is a boot, and four boots give a direction, never a verdict.
/// </remarks>
internal sealed class ExperimentSchedule
{
    /// <summary>Counted runs a side if the design has no pairs and no number was set.</summary>
    public const int DefaultRunsASide = 8;

    /// <summary>The number of runs in one boot that make one value, in pairs of boots.</summary>
    public const int RunsOfABoot = 3;

    private readonly bool[] _candidateFirst;
    private readonly IReadOnlyList<ExperimentStage> _blocks;

    private ExperimentSchedule(ExperimentDesign design, bool needsRestart, int? runs, int seed, bool isResumed)
    {
        (Design, NeedsRestart, IsResumed) = (design, needsRestart, isResumed);
        Looks = runs is { } fixedNumber && design == ExperimentDesign.Pairs ? FixedLooks(fixedNumber) : LookPlan.Planned;
        var chance = new Random(seed);
        _candidateFirst = design == ExperimentDesign.Pairs ? [.. Enumerable.Range(0, Looks.Looks[^1].Pairs).Select(_ => chance.Next(2) == 1)] : [];
        RunsPerUnit = design == ExperimentDesign.Pairs && needsRestart ? RunsOfABoot : 1;
        var aSide = runs ?? DefaultRunsASide;
        _blocks = design switch
        {
            ExperimentDesign.Blocks => [Block(1, "A", aSide), Block(2, "B", aSide), Block(3, "B", aSide), Block(4, "A", aSide)],
            ExperimentDesign.Sequential => [new("baseline", [new(false, aSide)]), new("candidate", [new(true, aSide)])],
            _ => [],
        };
    }

    /// <summary>The design; never Auto.</summary>
    public ExperimentDesign Design { get; }

    /// <summary>Whether a switch needs a restart.</summary>
    public bool NeedsRestart { get; }

    /// <summary>Whether that restart is a suspend: the guest continues, and a unit is a resume.</summary>
    public bool IsResumed { get; }

    /// <summary>After how many pairs to look.</summary>
    public LookPlan Looks { get; }

    /// <summary>How many runs make one value.</summary>
    public int RunsPerUnit { get; }

    /// <summary>Whether every unit gets its own boot, even if the side stays the same.</summary>
    public bool BootsForEachUnit => NeedsRestart && Design != ExperimentDesign.Sequential;

    /// <summary>Whether every unit begins with a warm-up run, even without a switch, to separate a block from the one before.</summary>
    public bool WarmsUpEachUnit => Design == ExperimentDesign.Blocks;

    /// <summary>The largest number of stages.</summary>
    public int MostStages => Design == ExperimentDesign.Pairs ? _candidateFirst.Length : _blocks.Count;

    /// <summary>What one value of the comparison stands for.</summary>
    public ComparisonUnit Unit => !NeedsRestart ? ComparisonUnit.Run : IsResumed ? ComparisonUnit.Resume : ComparisonUnit.Boot;

    /// <summary>Whether there are too few units to show a difference or sameness, so that the result is only a direction.</summary>
    public bool IsDirectionOnly => Unit != ComparisonUnit.Run && Design != ExperimentDesign.Pairs;

    /// <summary>The largest number of pairs, or of counted runs a side.</summary>
    public int MostValues => Design == ExperimentDesign.Pairs ? Looks.Looks[^1].Pairs : _blocks.Where(block => block.Units[0].IsCandidate).Sum(block => block.Units[0].Runs);

    /// <summary>The design that the comparison uses.</summary>
    public ComparisonDesign ComparisonDesign => Design switch
    {
        ExperimentDesign.Pairs => ComparisonDesign.Pairs,
        ExperimentDesign.Blocks => ComparisonDesign.Blocks,
        _ => ComparisonDesign.Sequential,
    };

    /// <summary>Makes the schedule for the options.</summary>
    /// <param name="options">The options.</param>
    /// <param name="needsRestart">Whether a switch needs a restart.</param>
    /// <param name="seed">The seed of the coin.</param>
    /// <param name="timeOf">How long the first stages of a schedule, up to a number, are likely to take.</param>
    /// <param name="isResumed">Whether that restart is a suspend.</param>
    /// <exception cref="KvmTuneException">The number of runs does not fit the design (<c>InvalidSetting</c>).</exception>
    public static ExperimentSchedule Create(
        ExperimentOptions options, bool needsRestart, int seed, Func<ExperimentSchedule, int, TimeSpan> timeOf, bool isResumed = false)
    {
        if (options.Design != ExperimentDesign.Auto)
        {
            return Checked(new(options.Design, needsRestart, options.Runs, seed, isResumed));
        }

        // Sixteen boots take long, but fewer show nothing. So pairs are given up only if the time limit is too short for them.
        var pairs = new ExperimentSchedule(ExperimentDesign.Pairs, needsRestart, options.Runs, seed, isResumed);
        return needsRestart && options.TimeLimit is { } limit && timeOf(pairs, pairs.Looks.Looks[0].Pairs) > limit
            ? Checked(new(ExperimentDesign.Blocks, needsRestart, options.Runs, seed, isResumed))
            : pairs;
    }

    // Too few runs to reach the level are refused before the first run. A direction needs no minimum.
    private static ExperimentSchedule Checked(ExperimentSchedule schedule)
    {
        if (schedule.Design == ExperimentDesign.Pairs || schedule.IsDirectionOnly)
        {
            return schedule;
        }

        var fewest = Detectability.FewestToReach(ComparisonDesign.Sequential, VerdictLimits.ProvisionalAlpha);
        return schedule.MostValues >= fewest ? schedule : throw new KvmTuneException(
            "InvalidSetting", KvmTuneErrorCategory.InvalidArgument,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{schedule.MostValues} runs a side cannot show anything: their smallest possible p is {RankSumTest.SmallestPValue(schedule.MostValues, schedule.MostValues):0.###}, and a verdict needs {VerdictLimits.ProvisionalAlpha}. Give at least {fewest} (-Runs), or choose -Design Pairs. Nothing was measured."));
    }

    /// <summary>A stage, counted from 0.</summary>
    public ExperimentStage Stage(int index)
    {
        if (Design != ExperimentDesign.Pairs)
        {
            return _blocks[index];
        }

        var first = _candidateFirst[index];
        return new(
            string.Create(CultureInfo.InvariantCulture, $"pair {index + 1} of {NextLook(index)} ({(first ? "B A" : "A B")})"),
            [new(first, RunsPerUnit), new(!first, RunsPerUnit)]);
    }

    /// <summary>The number of stages at the next planned look after this many.</summary>
    public int NextLook(int stages) => Design == ExperimentDesign.Pairs ? Looks.NextAfter(stages)?.Pairs ?? stages : MostStages;

    /// <summary>The design in words, for a question to the user.</summary>
    public string Describe() => Design switch
    {
        ExperimentDesign.Pairs => (Looks.Looks.Count == 1
            ? string.Create(CultureInfo.InvariantCulture, $"{Looks.Looks[0].Pairs} pairs")
            : $"pairs, looked at after {string.Join(", ", Looks.Looks.Select(look => look.Pairs.ToString(CultureInfo.InvariantCulture)))} of them")
            + ", the order inside each at random"
            + (NeedsRestart ? string.Create(CultureInfo.InvariantCulture, $"; a pair is two {Noun}s with {RunsOfABoot} runs each") : null),
        ExperimentDesign.Blocks => string.Create(CultureInfo.InvariantCulture, $"blocks A B B A of {_blocks[0].Units[0].Runs} runs each")
            + (NeedsRestart ? $", each with its own {Noun}; they give a direction, not a verdict" : "; the verdict is provisional"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{_blocks[0].Units[0].Runs} runs before and {_blocks[1].Units[0].Runs} after")
            + (NeedsRestart ? $", in one {Noun} each; they give a direction, not a verdict" : "; the verdict is provisional, since drift of the host is not excluded"),
    };

    private string Noun => IsResumed ? "resume" : "boot";

    // Each side has two blocks; an odd number is rounded up.
    private static ExperimentStage Block(int number, string letter, int aSide) => new(
        string.Create(CultureInfo.InvariantCulture, $"block {number} of 4 ({letter})"), [new(letter == "B", (aSide + 1) / 2)]);

    private static LookPlan FixedLooks(int pairs)
    {
        try
        {
            return LookPlan.Fixed(pairs);
        }
        catch (ArgumentOutOfRangeException exception)
        {
            throw new KvmTuneException(
                "InvalidSetting", KvmTuneErrorCategory.InvalidArgument,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"-Runs {pairs} is too few pairs: with fewer than {LookPlan.FewestPairs}, no p-value under 0.05 exists. Give more, or choose -Design Blocks or Sequential. Nothing was measured."),
                exception);
        }
    }
}
