// One figure of a benchmark: printed as a line, kept as JSON.
using System.Globalization;
using System.Runtime.InteropServices;
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

    /// <summary>Writes the figures of one bench, with date and machine: the same document as bench/Figures.ps1 writes.</summary>
    public static void Save(string folder, string bench, IReadOnlyList<BenchFigure> figures)
    {
        Directory.CreateDirectory(folder);
        var document = new
        {
            Bench = bench,
            Date = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            Machine = $"{Environment.ProcessorCount} CPUs; {RuntimeInformation.OSDescription}; {RuntimeInformation.FrameworkDescription}",
            Figures = figures,
        };
        File.WriteAllText(Path.Combine(folder, $"{bench}.json"), JsonSerializer.Serialize(document, Indented) + "\n");
    }
}
