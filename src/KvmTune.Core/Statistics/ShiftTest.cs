// One comparison of two samples, whatever the design: the test, its interval, the shift, and how noisy it was. The verdict rule
// and the planning of further runs see this, and need not know which design it came from.
namespace KvmTune.Statistics;

/// <summary>A test of a shift between two samples, by the design that they were taken in.</summary>
public sealed class ShiftTest
{
    private readonly Func<double, ShiftInterval?> _interval;

    private ShiftTest(
        ComparisonDesign design,
        double[] baseline,
        double[] candidate,
        double pValue,
        double smallestPValue,
        Func<double, ShiftInterval?> interval)
    {
        Design = design;
        Baseline = baseline;
        Candidate = candidate;
        PValue = pValue;
        SmallestPValue = smallestPValue;
        _interval = interval;
        Shift = Estimators.HodgesLehmannShift(baseline, candidate);
        Noise = NoiseLevel.Of(design, baseline, candidate);
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

    /// <summary>How noisy the runs were, as the design sees it.</summary>
    public NoiseLevel Noise { get; }

    /// <summary>All shifts that the test does not reject; null where so few runs reject none at that level.</summary>
    public ShiftInterval? Interval(double confidenceLevel) => _interval(confidenceLevel);

    /// <summary>A plain sequence: exact Mann–Whitney.</summary>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite.</exception>
    public static ShiftTest OfSequence(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate) => new(
        ComparisonDesign.Sequential,
        [.. baseline],
        [.. candidate],
        RankSumTest.PValue(baseline, candidate),
        RankSumTest.SmallestPValue(baseline.Count, candidate.Count),
        level => RankSumTest.Interval(baseline, candidate, level));

    /// <summary>Pairs: the exact swap test.</summary>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite, or the lengths differ.</exception>
    public static ShiftTest OfPairs(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate) => new(
        ComparisonDesign.Pairs,
        [.. baseline],
        [.. candidate],
        SwapTest.PValue(baseline, candidate),
        SwapTest.SmallestPValue(baseline.Count),
        level => SwapTest.Interval(baseline, candidate, level));

    /// <summary>
    /// Blocks. Where there are enough of them to reach <paramref name="alpha"/>, the exchange of blocks alone. Where there are
    /// too few (A B B A has 4, and its smallest p is 1/3), Mann–Whitney over the runs, and only if the blocks are as far apart
    /// as blocks can be; else its p-value is that of the exchange. The interval is then that of the runs, and provisional.
    /// </summary>
    /// <param name="blocks">The blocks in order.</param>
    /// <param name="alpha">The level that the verdict will ask for.</param>
    /// <exception cref="ArgumentException">A side has no block, a block is empty, or a value is not finite.</exception>
    public static ShiftTest OfBlocks(IReadOnlyList<RunBlock> blocks, double alpha)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        var exchange = BlockExchangeTest.PValue(blocks);
        var candidateBlocks = blocks.Count(block => block.IsCandidate);
        var smallest = BlockExchangeTest.SmallestPValue(blocks.Count - candidateBlocks, candidateBlocks);
        double[] baseline = [.. blocks.Where(block => !block.IsCandidate).SelectMany(block => block.Values)];
        double[] candidate = [.. blocks.Where(block => block.IsCandidate).SelectMany(block => block.Values)];
        if (smallest <= alpha)
        {
            return new(ComparisonDesign.Blocks, baseline, candidate, exchange, smallest,
                level => BlockExchangeTest.Interval(blocks, level));
        }

        var apart = exchange <= smallest * (1 + 1e-9);
        return new(
            ComparisonDesign.Blocks,
            baseline,
            candidate,
            apart ? RankSumTest.PValue(baseline, candidate) : exchange,
            RankSumTest.SmallestPValue(baseline.Length, candidate.Length),
            level => RankSumTest.Interval(baseline, candidate, level));
    }
}
