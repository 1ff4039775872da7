// Writes a comparison as text without its two measurements, which are stored separately, and reads it back. So a later reader shows the
// original comparison with its plan and thresholds, and does not compare again.
using System.Text.Json;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Statistics;

/// <summary>The stored part of a comparison.</summary>
internal sealed record ComparisonDocument
{
    public required ComparisonDesign Design { get; init; }

    public ComparisonUnit Unit { get; init; }

    public int RunsPerUnit { get; init; } = 1;

    public bool IsProvisional { get; init; }

    public bool IsDirectionOnly { get; init; }

    public FailedRuns? FailedRuns { get; init; }

    public required IReadOnlyList<MetricComparison> Metrics { get; init; }

    public required Verdict Verdict { get; init; }

    public required string Sentence { get; init; }

    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The comparison as JSON.</summary>
    public static string Write(VMComparison comparison) => JsonSerializer.Serialize(
        new ComparisonDocument
        {
            Design = comparison.Design,
            Unit = comparison.Unit,
            RunsPerUnit = comparison.RunsPerUnit,
            IsProvisional = comparison.IsProvisional,
            IsDirectionOnly = comparison.IsDirectionOnly,
            FailedRuns = comparison.FailedRuns,
            Metrics = comparison.Metrics,
            Verdict = comparison.Verdict,
            Sentence = comparison.Sentence,
            Notes = comparison.Notes,
        },
        TuningJson.Options);

    /// <summary>Reads a comparison back.</summary>
    /// <param name="json">The text.</param>
    /// <param name="baseline">Its baseline.</param>
    /// <param name="candidate">Its candidate.</param>
    /// <exception cref="FormatException">The text was not written by this class.</exception>
    public static VMComparison Read(string json, VMPerformance baseline, VMPerformance candidate)
    {
        try
        {
            var document = JsonSerializer.Deserialize<ComparisonDocument>(json, TuningJson.Options) ?? throw new FormatException("The text holds no comparison.");
            return new()
            {
                VMName = candidate.VMName,
                VMId = candidate.VMId,
                ConnectionUri = candidate.ConnectionUri,
                Baseline = baseline,
                Candidate = candidate,
                Design = document.Design,
                Unit = document.Unit,
                RunsPerUnit = document.RunsPerUnit,
                IsProvisional = document.IsProvisional,
                IsDirectionOnly = document.IsDirectionOnly,
                FailedRuns = document.FailedRuns,
                Metrics = document.Metrics,
                Verdict = document.Verdict,
                Sentence = document.Sentence,
                Notes = document.Notes,
            };
        }
        catch (JsonException exception)
        {
            throw new FormatException($"The text holds no comparison of this version of KvmTune: {exception.Message}", exception);
        }
    }
}
