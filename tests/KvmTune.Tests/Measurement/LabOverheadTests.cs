// What measuring costs on a real guest: the harness's own time beside the time that the workload's program runs.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Workloads;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Measurement;

[Trait("Category", "Lab")]
[Collection("Lab guest")]
public sealed class LabOverheadTests(ITestOutputHelper output)
{
    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task The_parts_of_a_run_are_told(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);
        await ShowAsync("true", 20, () => channel.RunAsync(new GuestCommand("true", []) { HasShortOutput = true }, CancellationToken.None));
        await ShowAsync("true, into files", 20, () => channel.RunAsync(new GuestCommand("true", []), CancellationToken.None));
        await ShowAsync("fio --version", 5, () => channel.RunAsync(new GuestCommand("fio", ["--version"]) { HasShortOutput = true }, CancellationToken.None));
        var xml = await lab.Target.ReadRunningXmlAsync(CancellationToken.None);
        var samplers = await lab.Target.OpenSamplersAsync(xml, CancellationToken.None);
        await ShowAsync("samplers, both ends", 20, () => Task.FromResult(RunFrame.Open(samplers, TimeProvider.System).Close()));

        // The program's own time is taken in the guest, around the same command.
        var folder = await GuestTestFolder.MakeAsync(channel, "/data", CancellationToken.None);
        try
        {
            await channel.RunAsync(FioJob.Fill(folder.Path, 64), CancellationToken.None);
            var job = new FioJob("randwrite", "4k", 16, "write").Run(folder.Path, 64, TimeSpan.FromSeconds(3));
            for (var i = 0; i < 4; i++)
            {
                var timed = job with { Path = "/bin/sh", Arguments = ["-c", "s=$(cut -d' ' -f1 /proc/uptime); \"$@\" >/dev/null; echo $s $(cut -d' ' -f1 /proc/uptime)", "sh", job.Path, .. job.Arguments] };
                var watch = Stopwatch.StartNew();
                var result = await channel.RunAsync(i == 0 ? timed : timed with { ExpectedDuration = TimeSpan.FromSeconds(3.95) }, CancellationToken.None);
                var run = watch.Elapsed;
                await folder.TakeFileAsync(FioJob.LogFile, CancellationToken.None);
                var times = result.StandardOutput.Split().Where(word => word.Length > 0).Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToList();
                output.WriteLine(
                    $"{channel.Name} fio ran {times[1] - times[0]:0.00} s in the guest, seen as {run.TotalSeconds:0.00} s, with its log {watch.Elapsed.TotalSeconds:0.00} s");
            }
        }
        finally
        {
            await folder.RemoveAsync();
        }
    }

    private async Task ShowAsync<T>(string what, int times, Func<Task<T>> call)
    {
        await call();
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < times; i++)
        {
            await call();
        }

        output.WriteLine($"{what}: {watch.Elapsed.TotalMilliseconds / times:0.0} ms");
    }
}
