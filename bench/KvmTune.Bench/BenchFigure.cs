// One figure of a benchmark: printed as a line, kept as JSON.
using System.Globalization;
using System.Text.Json;

namespace KvmTune.Bench;

/// <summary>A figure.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The value.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Peer">What it is compared with, for example <c>0.08 of virsh</c>; null without a peer.</param>
internal sealed record BenchFigure(string Name, double Value, string Unit, string? Peer = null)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary><c>name: value unit (ratio to peer)</c>.</summary>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{Name}: {Value:0.###} {Unit}{(Peer is null ? string.Empty : $" ({Peer})")}");

    /// <summary>Writes the figures of one bench.</summary>
    public static void Save(string file, IReadOnlyList<BenchFigure> figures)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, JsonSerializer.Serialize(figures, Indented) + "\n");
    }
}
