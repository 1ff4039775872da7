// One comparison of two samples for any design: the test, its interval and the shift. The verdict rule and the planning of further runs use
// this class, and need not know the design.
namespace KvmTune.Statistics;

/// <summary>A test of a shift between two samples, for the design of their runs.</summary>
public sealed class ShiftTest
{
    private readonly Func<double, ShiftInterval?> _interval;
    private readonly Func<double, double> _pValueAt;

    private ShiftTest(
        ComparisonDesign design,
        double[] baseline,
        double[] candidate,
        double smallestPValue,
        Func<double, double> pValueAt,
        Func<double, ShiftInterval?> interval)
    {
        Design = design;
        Baseline = baseline;
        Candidate = candidate;
        PValue = pValueAt(0);
        SmallestPValue = smallestPValue;
        _pValueAt = pValueAt;
        _interval = interval;
        Shift = Estimators.HodgesLehmannShift(baseline, candidate);
    }

    /// <summary>The design.</summary>
    public ComparisonDesign Design { get; }

    /// <summary>The baseline's values, on the scale of the test.</summary>
    public IReadOnlyList<double> Baseline { get; }

    /// <summary>The candidate's values, on the scale of the test.</summary>
    public IReadOnlyList<double> Candidate { get; }

    /// <summary>The p-value of "nothing changed".</summary>
    public double PValue { get; }

    /// <summary>The smallest p-value that this many runs can give.</summary>
    public double SmallestPValue { get; }

    /// <summary>The Hodges–Lehmann shift, positive if the candidate is higher.</summary>
    public double Shift { get; }

    /// <summary>All shifts that the test does not reject; null if so few runs reject none at that level.</summary>
    public ShiftInterval? Interval(double confidenceLevel) => _interval(confidenceLevel);

    /// <summary>Whether a shift is rejected: it lies outside the interval at that level.</summary>
    /// <param name="shift">The shift, on the scale of the test.</param>
    /// <param name="confidenceLevel">The level, above 0 and below 1.</param>
    public bool Rejects(double shift, double confidenceLevel) => _pValueAt(shift) <= (1 - confidenceLevel) * (1 + 1e-9);

    /// <summary>A plain sequence: exact Mann–Whitney.</summary>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite.</exception>
    public static ShiftTest OfSequence(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate) => new(
        ComparisonDesign.Sequential,
        [.. baseline],
        [.. candidate],
        RankSumTest.SmallestPValue(baseline.Count, candidate.Count),
        shift => RankSumTest.PValue(baseline, candidate, shift),
        level => RankSumTest.Interval(baseline, candidate, level));

    /// <summary>Pairs: the exact swap test.</summary>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite, or the lengths differ.</exception>
    public static ShiftTest OfPairs(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate) => new(
        ComparisonDesign.Pairs,
        [.. baseline],
        [.. candidate],
        SwapTest.SmallestPValue(baseline.Count),
        shift => SwapTest.PValue(baseline, candidate, shift),
        level => SwapTest.Interval(baseline, candidate, level));

    /// <summary>
    /// Blocks. If there are enough blocks to reach <paramref name="alpha"/>, the exchange test of blocks decides. With fewer (A B B A has 4, and
    /// its smallest p is 1/3), Mann–Whitney over the runs decides, but only if the blocks are as far apart as blocks can be; otherwise the
    /// p-value is that of the exchange test. The interval is then that of the runs, and provisional. If a block is a boot or a resume, the exchange
    /// test always decides, even with few blocks: with boots that differ by 5 % and runs by 3 %, Mann–Whitney over the runs makes 16 to 24 % of the
    /// verdicts on four boots false, because it takes the runs as independent.
    /// </summary>
    /// <param name="blocks">The blocks in order.</param>
    /// <param name="alpha">The level of the verdict.</param>
    /// <param name="unit">What one value stands for.</param>
    /// <exception cref="ArgumentException">A side has no block, a block is empty, or a value is not finite.</exception>
    public static ShiftTest OfBlocks(IReadOnlyList<RunBlock> blocks, double alpha, ComparisonUnit unit = ComparisonUnit.Run)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        var exchange = BlockExchangeTest.PValue(blocks);
        var candidateBlocks = blocks.Count(block => block.IsCandidate);
        var smallest = BlockExchangeTest.SmallestPValue(blocks.Count - candidateBlocks, candidateBlocks);
        double[] baseline = [.. blocks.Where(block => !block.IsCandidate).SelectMany(block => block.Values)];
        double[] candidate = [.. blocks.Where(block => block.IsCandidate).SelectMany(block => block.Values)];
        if (smallest <= alpha || unit != ComparisonUnit.Run)
        {
            return new(ComparisonDesign.Blocks, baseline, candidate, smallest,
                shift => BlockExchangeTest.PValue(blocks, shift),
                level => BlockExchangeTest.Interval(blocks, level));
        }

        var apart = exchange <= smallest * (1 + 1e-9);
        return new(
            ComparisonDesign.Blocks,
            baseline,
            candidate,
            RankSumTest.SmallestPValue(baseline.Length, candidate.Length),
            shift => shift == 0 && !apart ? exchange : RankSumTest.PValue(baseline, candidate, shift),
            level => RankSumTest.Interval(baseline, candidate, level));
    }
}
