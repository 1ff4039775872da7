// Records an A/A series on the lab: consecutive runs of one workload without a change between them, on an idle host or beside a noisy
// neighbour. The series are data of the bench `verdict`.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;

namespace KvmTune.Bench.Lab;

/// <summary>Records series.</summary>
internal static class SeriesRecorder
{
    private const int Seed = 20241124;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Records one series and writes it to <c>lab-NAME-quiet.json</c> or <c>lab-NAME-noisy.json</c>.</summary>
    /// <param name="folder">The folder of the series.</param>
    /// <param name="arguments">
    /// The workload, <c>quiet</c> or <c>noisy</c>, and the number of runs, without the warm-up, which is not written.
    /// </param>
    /// <exception cref="ArgumentException">The arguments are wrong.</exception>
    public static async IAsyncEnumerable<BenchFigure> RecordAsync(string folder, IReadOnlyList<string> arguments)
    {
        if (arguments is not [var workload, "quiet" or "noisy", var count] || !int.TryParse(count, CultureInfo.InvariantCulture, out var runs))
        {
            throw new ArgumentException("usage: record WORKLOAD quiet|noisy RUNS", nameof(arguments));
        }

        var isNoisy = arguments[1] is "noisy";
        using var vm = LabVM.Open();
        using var target = new LibvirtMeasurementTarget(vm.Domain, TimeProvider.System);
        using var neighbour = isNoisy ? new NoisyNeighbour(LabVM.Folder, Seed) : null;
        var request = new WorkloadRequest { Name = workload, Runs = runs, RunTime = TimeSpan.FromSeconds(2), Channel = GuestChannelKind.Agent };
        var measured = await new VMMeasurer(WorkloadCatalog.CreateDefault(), TimeProvider.System)
            .MeasureAsync(target, request, null, CancellationToken.None);

        var name = $"lab-{KebabCase(measured.Workload.Name)}-{(isNoisy ? "noisy" : "quiet")}";
        await File.WriteAllTextAsync(Path.Combine(folder, $"{name}.json"), Write(measured, isNoisy));
        var values = measured.ValuesOf(measured.PrimaryMetric.Name);
        var mean = values.Average();
        yield return new($"{name}: mean of {values.Count} runs", mean, measured.PrimaryMetric.Unit);
        yield return new($"{name}: coefficient of variation", 100 * Estimators.StandardDeviation(values) / mean, "%");
    }

    // One run per line, so that a difference between two recordings is readable.
    private static string Write(VMPerformance measured, bool isNoisy)
    {
        var conditions = measured.Conditions;
        var head = new
        {
            Workload = measured.Workload.Name,
            Neighbour = isNoisy ? "noisy" : "none",
            Recorded = measured.StartedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            RunSeconds = measured.Workload.RunTime.TotalSeconds,
            Host = $"{Environment.ProcessorCount} CPUs; {RuntimeInformation.OSDescription}; libvirt {conditions.LibvirtVersion}; {conditions.HypervisorVersion} ({conditions.DomainType})",
            LoadAverage = conditions.HostLoadAverage,
            OtherVMs = conditions.OtherRunningVMs,
        };
        var lines = measured.CountedRuns.Select(run => "  " + JsonSerializer.Serialize(
            run.Values.Concat(run.Counters.Where(counter => IsOfHost(counter.Key)))
                .Append(new("StartSeconds", (run.StartedAt - measured.StartedAt).TotalSeconds))
                .Append(new("DurationSeconds", run.Duration.TotalSeconds))
                .ToDictionary(pair => pair.Key, pair => Math.Round(pair.Value, 3), StringComparer.Ordinal), Plain));
        return $"{{\n\"Series\": {JsonSerializer.Serialize(head, Plain)},\n\"Runs\": [\n{string.Join(",\n", lines)}\n]\n}}\n";
    }

    // The counters that explain noise: the guest's delay and the host's other load. The others would only make the data larger.
    internal static bool IsOfHost(string counter) =>
        counter is "VcpuDelayNanoseconds" or "GuestCpuNanoseconds" || counter.StartsWith("Host", StringComparison.Ordinal);

    internal static string KebabCase(string name) =>
        string.Concat(name.Select((letter, i) => char.IsUpper(letter) && i > 0 ? $"-{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
