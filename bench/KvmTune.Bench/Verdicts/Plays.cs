// Runs a simulation many times on all processors, each time with its own random source: the same seed gives the same result on any number of
// processors.
namespace KvmTune.Bench.Verdicts;

/// <summary>Repeated simulations.</summary>
internal static class Plays
{
    /// <summary>The result of each play, in order.</summary>
    public static IReadOnlyList<T> Of<T>(int count, int seed, Func<Random, T> play)
    {
        var results = new T[count];
        Parallel.For(0, count, i => results[i] = play(new Random(unchecked((seed * 1_000_003) + i))));
        return results;
    }

    /// <summary>The share of plays that returned true, in per cent.</summary>
    public static double Percent(int count, int seed, Func<Random, bool> play) => 100.0 * Of(count, seed, play).Count(held => held) / count;

    /// <summary>A standard normal value (Box and Muller).</summary>
    public static double Normal(Random chance) => Math.Sqrt(-2 * Math.Log(1 - chance.NextDouble())) * Math.Cos(2 * Math.PI * chance.NextDouble());

    /// <summary>Normal values.</summary>
    public static double[] Normals(Random chance, int count, double deviation, double mean = 0)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = mean + (deviation * Normal(chance));
        }

        return values;
    }
}
