// A recorded series of one load that ran without a pause: the data for tests of switching inside a run.
using System.Text.Json;

namespace KvmTune.Bench.Decide;

/// <summary>The rates of one load, without any change.</summary>
/// <param name="Name">The series' name, for example <c>cpu-noisy</c>.</param>
/// <param name="Seconds">The seconds that each value covers.</param>
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
