// Records each report of a load that runs without a pause on the lab, with no change: data of the bench `decide`.
using System.Globalization;
using System.Text.Json;
using KvmTune.Bench.Lab;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;

namespace KvmTune.Bench.Decide;

/// <summary>Records streams.</summary>
internal static class StreamRecorder
{
    private const int Seed = 20261128;

    /// <summary>Records one stream and writes it to <c>lab-NAME-quiet.json</c> or <c>lab-NAME-noisy.json</c>.</summary>
    /// <param name="folder">The folder of the series.</param>
    /// <param name="arguments">The workload, <c>quiet</c> or <c>noisy</c>, and the number of seconds.</param>
    /// <exception cref="ArgumentException">The arguments are wrong, or the workload does not report while it runs.</exception>
    /// <exception cref="InvalidOperationException">The load failed.</exception>
    public static async IAsyncEnumerable<BenchFigure> RecordAsync(string folder, IReadOnlyList<string> arguments)
    {
        if (arguments is not [var name, "quiet" or "noisy", var length] || !int.TryParse(length, CultureInfo.InvariantCulture, out var seconds))
        {
            throw new ArgumentException("usage: record-stream WORKLOAD quiet|noisy SECONDS", nameof(arguments));
        }

        using var vm = LabVM.Open();
        using var target = new LibvirtMeasurementTarget(vm.Domain, TimeProvider.System);
        using var neighbour = arguments[1] is "noisy" ? new NoisyNeighbour(LabVM.Folder, Seed) : null;
        var catalog = WorkloadCatalog.CreateDefault();
        var request = new WorkloadRequest { Name = name, Channel = GuestChannelKind.Agent };
        var shape = catalog.Get(name).StreamOf(request) ?? throw new ArgumentException($"{name} does not report while it runs.", nameof(arguments));
        await using var session = await MeasurementSession.OpenAsync(target, request, catalog, TimeProvider.System, null, CancellationToken.None);
        var recorded = DateTimeOffset.UtcNow;
        var load = session.Stream!.StreamAsync(TimeSpan.FromSeconds(seconds), CancellationToken.None);
        // An occasional read renews the leases of the files in the guest.
        while (await Task.WhenAny(load, Task.Delay(TimeSpan.FromMinutes(2))) != load)
        {
            await session.Stream.SoFarAsync(CancellationToken.None);
        }

        var told = await load;
        if (told.Failure is { } failure)
        {
            throw new InvalidOperationException($"{name} failed: {failure}");
        }

        var values = Even(told.Samples, shape.Primary.Name, shape.Interval.TotalSeconds);
        var file = $"lab-{catalog.Get(name).Name.ToLowerInvariant()}-{arguments[1]}";
        await File.WriteAllTextAsync(Path.Combine(folder, file + ".json"), JsonSerializer.Serialize(new
        {
            metric = shape.Primary.Unit,
            seconds = shape.Interval.TotalSeconds,
            recorded = recorded.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            load = session.ToPerformance()!.Conditions.HostLoadAverage,
            values = values.Select(value => Math.Round(value, 3)),
        }) + "\n");
        yield return new($"{file}: median of {values.Count} values", Estimators.Median(values), shape.Primary.Unit);
        yield return new($"{file}: coefficient of variation", 100 * Estimators.StandardDeviation(values) / values.Average(), "%");
    }

    // Threads and directions report separately and at different times: their rates are added on an even grid.
    private static List<double> Even(IReadOnlyList<StreamSample> samples, string metric, double step)
    {
        var sources = samples.Where(sample => sample.HasRates).GroupBy(sample => sample.Source).Select(source => source.ToList()).ToList();
        var (from, to) = (sources.Max(source => source[0].StartSeconds), sources.Min(source => source[^1].EndSeconds));
        var values = new List<double>();
        for (var at = from; at + step <= to; at += step)
        {
            values.Add(sources.Sum(source => source.Sum(sample =>
                Math.Max(0, Math.Min(sample.EndSeconds, at + step) - Math.Max(sample.StartSeconds, at)) * sample.Rates.GetValueOrDefault(metric)) / step));
        }

        return values;
    }
}
