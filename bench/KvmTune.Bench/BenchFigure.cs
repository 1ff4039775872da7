// One figure of a benchmark: printed as a line, kept as JSON.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace KvmTune.Bench;

/// <summary>A figure.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The value.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Peer">What it is compared with, for example <c>0.08 of virsh</c>; null without a peer.</param>
/// <param name="Aim">What was promised, for example <c>at most 5 %</c>; null for a figure that promises nothing.</param>
/// <param name="IsHeld">Whether that is so. A bench with a figure that does not hold its promise fails.</param>
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
    /// <param name="name">What was measured.</param>
    /// <param name="value">The value.</param>
    /// <param name="aim">The aim.</param>
    /// <param name="unit">The unit of both.</param>
    /// <param name="peer">What else is to be known of it.</param>
    /// <param name="plays">Where the value is a share of so many plays, in per cent: it may miss the aim by twice the aim's standard error.</param>
    public static BenchFigure AtMost(string name, double value, double aim, string unit, string? peer = null, int? plays = null) =>
        new(name, value, unit, peer, string.Create(CultureInfo.InvariantCulture, $"at most {aim:0.###} {unit}"), value <= aim + Slack(aim, plays));

    /// <summary>A promise that a value is not below an aim; parameters as of <see cref="AtMost"/>.</summary>
    public static BenchFigure AtLeast(string name, double value, double aim, string unit, string? peer = null, int? plays = null) =>
        new(name, value, unit, peer, string.Create(CultureInfo.InvariantCulture, $"at least {aim:0.###} {unit}"), value >= aim - Slack(aim, plays));

    /// <summary><c>name: value unit [aim: at most 5 %] (ratio to peer)</c>.</summary>
    public override string ToString()
        => string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}: {Value:0.###} {Unit}{(Aim is null ? null : $" [aim: {Aim}{(IsHeld ? null : ", NOT HELD")}]")}{(Peer is null ? null : $" ({Peer})")}");

    private static double Slack(double aim, int? plays) => plays is { } count ? 2 * Math.Sqrt(aim * (100 - aim) / count) : 0;

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
