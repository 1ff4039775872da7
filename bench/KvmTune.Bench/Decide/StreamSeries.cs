// A recorded series of one load that ran without a pause: the material that switching inside a run is tried on.
using System.Text.Json;

namespace KvmTune.Bench.Decide;

/// <summary>The rates of one load, with nothing changed meanwhile.</summary>
/// <param name="Name">The series' name, for example <c>cpu-noisy</c>.</param>
/// <param name="Seconds">How much time each value is about.</param>
/// <param name="Values">The values in order, all above 0.</param>
internal sealed record StreamSeries(string Name, double Seconds, double[] Values)
{
    /// <summary>Whether it was recorded beside a neighbour.</summary>
    public bool IsNoisy => Name.EndsWith("-noisy", StringComparison.Ordinal);

    /// <summary>All series of a folder.</summary>
    public static IReadOnlyList<StreamSeries> All(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal).Select(Read)];

    private static StreamSeries Read(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(file));
        var root = document.RootElement;
        return new(
            Path.GetFileNameWithoutExtension(file),
            root.GetProperty("seconds").GetDouble(),
            [.. root.GetProperty("values").EnumerateArray().Select(value => value.GetDouble()).Where(value => value > 0)]);
    }
}
