// The axis of a plot in a terminal: the column of a value, and the round numbers on it.
namespace KvmTune.Statistics;

/// <summary>An axis over values.</summary>
/// <param name="Low">The value at the left end.</param>
/// <param name="High">The value at the right end.</param>
/// <param name="Width">The number of columns.</param>
/// <param name="IsLogarithmic">Whether equal distances mean equal ratios.</param>
internal sealed record PlotAxis(double Low, double High, int Width, bool IsLogarithmic)
{
    // If the largest value is this many times the smallest, a linear axis would put the small values into one heap.
    private const double LogarithmicFrom = 30;
    private const int MostTicks = 6;

    /// <summary>The round numbers on it, rising.</summary>
    public IReadOnlyList<double> Ticks => IsLogarithmic ? OfPowers() : OfSteps();

    /// <summary>An axis that contains all values.</summary>
    /// <param name="values">The values; at least one, all finite.</param>
    /// <param name="width">The number of columns.</param>
    public static PlotAxis Over(IReadOnlyCollection<double> values, int width)
    {
        var (low, high) = (values.Min(), values.Max());
        if (low == high)
        {
            // All values are equal, so the axis gets some room on both sides.
            var around = low == 0 ? 1 : Math.Abs(low) / 10;
            return new(low - around, high + around, width, IsLogarithmic: false);
        }

        return new(low, high, width, low > 0 && high / low >= LogarithmicFrom);
    }

    /// <summary>The column of a value, from 0; values outside the axis get the column at its end.</summary>
    public int Column(double value) => (int)Math.Clamp(Math.Round((Place(value) - Place(Low)) / (Place(High) - Place(Low)) * (Width - 1)), 0, Width - 1);

    private double Place(double value) => IsLogarithmic ? Math.Log(value) : value;

    private List<double> OfSteps()
    {
        var rough = (High - Low) / MostTicks;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = power * new[] { 1.0, 2, 5, 10 }.First(digit => digit * power >= rough);
        var ticks = new List<double>();
        for (var number = Math.Ceiling(Low / step); number * step <= High; number++)
        {
            ticks.Add(number * step);
        }

        return ticks;
    }

    private List<double> OfPowers()
    {
        var ticks = new List<double>();
        for (var power = Math.Pow(10, Math.Floor(Math.Log10(Low))); power <= High; power *= 10)
        {
            ticks.AddRange(new[] { power, 2 * power, 5 * power }.Where(tick => tick >= Low && tick <= High));
        }

        return ticks;
    }
}
