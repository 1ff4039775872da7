// Records a series of boots on the lab: the guest is restarted again and again with the same settings, and each boot has a few runs of each
// workload. Runs of one boot share the condition of that boot, and its size decides how much a few boots can show.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Tuning;

namespace KvmTune.Bench.Lab;

/// <summary>Records boots.</summary>
internal static class BootRecorder
{
    /// <summary>The counted runs of each workload in a boot; a warm-up run comes before them and is not written.</summary>
    public const int RunsOfABoot = 4;

    private static readonly string[] Workloads = ["Cpu", "RandomWrite"];
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Records boots and rewrites a file for each workload, <c>lab-boots-NAME.json</c>, after every boot.</summary>
    /// <param name="folder">The folder of the series.</param>
    /// <param name="arguments">The number of boots.</param>
    /// <exception cref="ArgumentException">The arguments are wrong.</exception>
    public static async IAsyncEnumerable<BenchFigure> RecordAsync(string folder, IReadOnlyList<string> arguments)
    {
        if (arguments is not [var count] || !int.TryParse(count, CultureInfo.InvariantCulture, out var boots) || boots is < 2 or > 1000)
        {
            throw new ArgumentException("usage: record-boots BOOTS (2 to 1000)", nameof(arguments));
        }

        Directory.CreateDirectory(folder);
        using var vm = LabVM.Open();
        using var target = new LibvirtMeasurementTarget(vm.Domain, TimeProvider.System);
        var restarter = new VMRestarter(TimeProvider.System, new RestartOptions { AllowPowerOff = true });
        var measurer = new VMMeasurer(WorkloadCatalog.CreateDefault(), TimeProvider.System);
        var started = DateTimeOffset.UtcNow;
        var recorded = Workloads.ToDictionary(name => name, _ => new List<(int Boot, VMPerformance Measured)>(), StringComparer.Ordinal);
        for (var boot = 1; boot <= boots; boot++)
        {
            await restarter.RestartAsync(vm.Domain, CancellationToken.None);
            foreach (var workload in Workloads)
            {
                var request = new WorkloadRequest { Name = workload, Runs = RunsOfABoot, RunTime = TimeSpan.FromSeconds(2), Channel = GuestChannelKind.Agent, FileSizeMiB = 64 };
                recorded[workload].Add((boot, await measurer.MeasureAsync(target, request, null, CancellationToken.None)));
                await File.WriteAllTextAsync(Path.Combine(folder, $"lab-boots-{SeriesRecorder.KebabCase(workload)}.json"), Write(recorded[workload], started));
            }

            yield return new($"boot {boot} of {boots}", (DateTimeOffset.UtcNow - started).TotalMinutes, "min");
        }
    }

    // One run per line, as in the series of runs, with its boot.
    private static string Write(List<(int Boot, VMPerformance Measured)> boots, DateTimeOffset started)
    {
        var first = boots[0].Measured;
        var head = new
        {
            Workload = first.Workload.Name,
            Recorded = started.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            RunSeconds = first.Workload.RunTime.TotalSeconds,
            Host = $"{Environment.ProcessorCount} CPUs; {RuntimeInformation.OSDescription}; libvirt {first.Conditions.LibvirtVersion}; {first.Conditions.HypervisorVersion} ({first.Conditions.DomainType})",
            LoadAverages = boots.Select(boot => Math.Round(boot.Measured.Conditions.HostLoadAverage ?? -1, 1)),
        };
        var lines = boots.SelectMany(boot => boot.Measured.CountedRuns.Select(run => "  " + JsonSerializer.Serialize(
            run.Values.Concat(run.Counters.Where(counter => SeriesRecorder.IsOfHost(counter.Key)))
                .Prepend(new("Boot", boot.Boot))
                .Append(new("StartSeconds", (run.StartedAt - started).TotalSeconds))
                .ToDictionary(pair => pair.Key, pair => Math.Round(pair.Value, 3), StringComparer.Ordinal), Plain)));
        return $"{{\n\"Series\": {JsonSerializer.Serialize(head, Plain)},\n\"Runs\": [\n{string.Join(",\n", lines)}\n]\n}}\n";
    }
}
