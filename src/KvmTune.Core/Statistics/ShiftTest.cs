// One comparison of two samples, whatever the design: the test, its interval, the shift, and how noisy it was. The verdict rule
// and the planning of further runs see this, and need not know which design it came from.
namespace KvmTune.Statistics;

/// <summary>A test of a shift between two samples, by the design that they were taken in.</summary>
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

    /// <summary>The baseline's values, on the scale that is tested.</summary>
    public IReadOnlyList<double> Baseline { get; }

    /// <summary>The candidate's values, on the scale that is tested.</summary>
    public IReadOnlyList<double> Candidate { get; }

    /// <summary>The p-value of "nothing changed".</summary>
    public double PValue { get; }

    /// <summary>The smallest p-value that this many runs can give.</summary>
    public double SmallestPValue { get; }

    /// <summary>The Hodges–Lehmann shift, candidate above baseline.</summary>
    public double Shift { get; }

    /// <summary>All shifts that the test does not reject; null where so few runs reject none at that level.</summary>
    public ShiftInterval? Interval(double confidenceLevel) => _interval(confidenceLevel);

    /// <summary>Whether a shift is rejected: it lies outside of the interval at that level.</summary>
    /// <param name="shift">The shift, on the scale that is tested.</param>
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
    /// Blocks. Where there are enough of them to reach <paramref name="alpha"/>, the exchange of blocks alone. Where there are
    /// too few (A B B A has 4, and its smallest p is 1/3), Mann–Whitney over the runs, and only if the blocks are as far apart
    /// as blocks can be; else its p-value is that of the exchange. The interval is then that of the runs, and provisional.
    /// Where a block is a boot, the exchange of blocks alone, however few: boots that differ by 5 % and runs by 3 % make 16 to 24 % of
    /// the verdicts on four of them false where the runs are taken as independent.
    /// </summary>
    /// <param name="blocks">The blocks in order.</param>
    /// <param name="alpha">The level that the verdict will ask for.</param>
    /// <param name="unit">What a value is of.</param>
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
