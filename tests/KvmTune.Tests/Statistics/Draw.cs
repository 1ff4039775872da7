// Seeded samples and published data for the tests of statistics.
namespace KvmTune.Tests.Statistics;

/// <summary>Hollander and Wolfe (1973), table 4.1: permeability constants of the human placenta.</summary>
internal static class Placenta
{
    public static readonly double[] AtTerm = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    public static readonly double[] Early = [1.15, 0.88, 0.90, 0.74, 1.21];
}

/// <summary>Random samples with a seed.</summary>
internal static class Draw
{
    /// <summary>A standard normal value (Box and Muller).</summary>
    public static double Normal(Random random)
        => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    public static double[] Normals(Random random, int count, double mean, double deviation)
        => [.. Enumerable.Range(0, count).Select(_ => mean + (deviation * Normal(random)))];

    /// <summary>Student's t with 3 degrees of freedom: the tails of a host with neighbours.</summary>
    public static double[] HeavyTails(Random random, int count, double mean) =>
    [
        .. Enumerable.Range(0, count).Select(_ =>
        {
            var squares = Math.Pow(Normal(random), 2) + Math.Pow(Normal(random), 2) + Math.Pow(Normal(random), 2);
            return mean + (Normal(random) / Math.Sqrt(squares / 3));
        }),
    ];
}
