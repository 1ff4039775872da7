// The lab's libvirtd is killed in the middle of a measurement. Alone, since every other test of the lab needs it.
using KvmTune.Measurement;
using KvmTune.Tests.Libvirt;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Measurement;

[Trait("Category", "Lab")]
[Collection(Alone.Name)]
public sealed class LabDaemonTests(ITestOutputHelper output)
{
    private static readonly WorkloadRequest Request = new() { Name = "RandomWrite", Runs = 3, RunTime = LabGuest.TimeToReact, FileSizeMiB = 64 };

    [SkippableFact]
    public async Task A_killed_daemon_is_told_the_samples_are_kept_and_the_folder_goes_once_it_is_back()
    {
        Skip.If(Environment.GetEnvironmentVariable("KVMTUNE_LAB_MAY_KILL_DAEMON") != "1", "KVMTUNE_LAB_MAY_KILL_DAEMON is not 1: others may use the daemon.");
        using var lab = LabGuest.Open();
        await (await lab.ChannelAsync()).DisposeAsync();
        var progress = new Reaction("run 2 of 3", () => Task.Run(async () =>
        {
            await lab.WaitForFioAsync();
            LabScript.Run("daemon", "kill");
            LabScript.Run("daemon", "start");
        }));

        var exception = await Assert.ThrowsAsync<MeasurementInterruptedException>(
            () => lab.Measurer.MeasureAsync(lab.Target, Request, progress, CancellationToken.None));

        output.WriteLine(exception.Message);
        Assert.Equal("ConnectionLost", exception.ErrorId);
        Assert.Single(exception.Partial!.CountedRuns);
        using var again = LabGuest.Open();
        Assert.Null(exception.LeftInGuest);
        Assert.Equal("", await again.LeftoversAsync());
    }
}
