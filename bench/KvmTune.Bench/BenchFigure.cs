// One figure of a benchmark: printed as a line, stored as JSON.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvmTune.Bench;

/// <summary>A figure.</summary>
/// <param name="Name">The measured quantity.</param>
/// <param name="Value">The value.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Peer">The comparison, for example <c>0.08 of virsh</c>; null without one.</param>
/// <param name="Aim">The promised limit, for example <c>at most 5 %</c>; null for a figure without one.</param>
/// <param name="IsHeld">Whether the promise holds. A bench with a broken promise fails.</param>
internal sealed record BenchFigure(
    string Name,
    double Value,
    string Unit,
    string? Peer = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Aim = null,
    [property: JsonIgnore] bool IsHeld = true)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>A promise that a value is not above an aim.</summary>
    /// <param name="name">The measured quantity.</param>
    /// <param name="value">The value.</param>
    /// <param name="aim">The aim.</param>
    /// <param name="unit">The unit of both.</param>
    /// <param name="peer">Further information about the figure.</param>
    /// <param name="plays">
    /// The number of plays, if the value is a share of them in per cent: it may miss the aim by twice the aim's standard error.
    /// </param>
    public static BenchFigure AtMost(string name, double value, double aim, string unit, string? peer = null, int? plays = null) =>
        new(name, value, unit, peer, string.Create(CultureInfo.InvariantCulture, $"at most {aim:0.###} {unit}"), value <= aim + Slack(aim, plays));

    /// <summary>A promise that a value is not below an aim; the parameters are those of <see cref="AtMost"/>.</summary>
    public static BenchFigure AtLeast(string name, double value, double aim, string unit, string? peer = null, int? plays = null) =>
        new(name, value, unit, peer, string.Create(CultureInfo.InvariantCulture, $"at least {aim:0.###} {unit}"), value >= aim - Slack(aim, plays));

    /// <summary><c>name: value unit [aim: at most 5 %] (ratio to peer)</c>.</summary>
    public override string ToString()
        => string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}: {Value:0.###} {Unit}{(Aim is null ? null : $" [aim: {Aim}{(IsHeld ? null : ", NOT HELD")}]")}{(Peer is null ? null : $" ({Peer})")}");

    private static double Slack(double aim, int? plays) => plays is { } count ? 2 * Math.Sqrt(aim * (100 - aim) / count) : 0;

    /// <summary>Writes the figures of one bench, with date and machine: the same document as that of bench/Figures.ps1.</summary>
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
