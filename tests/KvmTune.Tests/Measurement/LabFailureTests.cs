// Failures of a measurement, provoked on a real guest of the lab.
using KvmTune.Guest;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Measurement;

[Trait("Category", "Lab")]
[Collection(SecondGuest.Name)]
public sealed class LabFailureTests(ITestOutputHelper output)
{
    private static readonly WorkloadRequest Request = new() { Name = "RandomWrite", Runs = 3, RunTime = TimeSpan.FromSeconds(2), FileSizeMiB = 64 };

    [SkippableTheory]
    [InlineData("filling the file once")]
    [InlineData("warm-up")]
    public async Task Cancelling_ends_fio_in_the_guest_and_removes_its_folder(string activity)
    {
        using var lab = LabGuest.Open();
        await (await lab.ChannelAsync()).DisposeAsync();
        using var cancellation = new CancellationTokenSource();
        var progress = new Reaction(activity, async () =>
        {
            await lab.WaitForFioAsync();
            await cancellation.CancelAsync();
        });

        var exception = await Assert.ThrowsAsync<MeasurementCanceledException>(
            () => lab.Measurer.MeasureAsync(lab.Target, Request with { RunTime = TimeSpan.FromSeconds(60) }, progress, cancellation.Token));

        output.WriteLine(exception.Message);
        Assert.Null(exception.LeftInGuest);
        Assert.NotNull(exception.Partial);
        Assert.Equal("", await lab.LeftoversAsync());
    }

    [SkippableFact]
    public async Task A_guest_powered_off_in_the_middle_of_a_run_is_told_and_the_samples_are_kept()
    {
        using var lab = LabGuest.Open();
        await (await lab.ChannelAsync()).DisposeAsync();
        var progress = new Reaction("run 2 of 3", async () =>
        {
            await lab.WaitForFioAsync();
            lab.Domain.Destroy();
        });

        var exception = await Assert.ThrowsAsync<MeasurementInterruptedException>(
            () => lab.Measurer.MeasureAsync(lab.Target, Request with { RunTime = LabGuest.TimeToReact }, progress, CancellationToken.None));

        output.WriteLine(exception.Message);
        lab.Domain.Start();
        Assert.Equal("GuestLost", exception.ErrorId);
        Assert.Single(exception.Partial!.CountedRuns);
        Assert.StartsWith("/data/.kvmtune-", exception.LeftInGuest, StringComparison.Ordinal);
        Assert.Contains(exception.LeftInGuest!, exception.Message, StringComparison.Ordinal);
        await using var channel = await lab.ChannelAsync();
        await channel.RunAsync(new GuestCommand("/bin/sh", ["-c", "rm -rf /data/.kvmtune-*; sync"]), CancellationToken.None);
    }

    [SkippableFact]
    public async Task A_stopped_VM_is_told_before_anything_is_done()
    {
        using var lab = LabGuest.Open();
        await using (var channel = await lab.ChannelAsync())
        {
            await channel.RunAsync(new GuestCommand("sync", []), CancellationToken.None);
        }

        lab.Domain.Destroy();
        try
        {
            var exception = await Assert.ThrowsAsync<GuestChannelException>(
                () => lab.Measurer.MeasureAsync(lab.Target, Request, null, CancellationToken.None));

            Assert.Equal("GuestNotRunning", exception.ErrorId);
        }
        finally
        {
            lab.Domain.Start();
            await lab.ChannelAsync();
        }
    }

    [SkippableFact]
    public async Task A_full_disk_is_told_with_its_free_space()
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync();
        await channel.RunAsync(
            new GuestCommand("/bin/sh", ["-c", "f=$(df -P -k /data | awk 'NR==2{print $4}'); fallocate -l $(( (f - 100*1024) / 1024 ))M /data/filler"]), CancellationToken.None);
        try
        {
            var asked = await FailAsync<MeasurementException>(lab, Request with { GuestPath = "/data", FileSizeMiB = 200 });
            var chosen = await FailAsync<MeasurementException>(lab, Request with { GuestPath = "/data", FileSizeMiB = null });

            Assert.Equal("GuestDiskFull", asked.ErrorId);
            Assert.Equal("GuestDiskFull", chosen.ErrorId);
            Assert.Matches("has (99|100|101) MiB free", chosen.Message);
            Assert.Equal("", await lab.LeftoversAsync());
        }
        finally
        {
            await channel.RunAsync(new GuestCommand("rm", ["-f", "/data/filler"]), CancellationToken.None);
        }
    }

    [SkippableFact]
    public async Task A_disk_that_fills_up_while_the_file_is_written_is_told()
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync();
        // A quota is noticed only while writing. A small file system with such a folder is not available here, so the test fills the disk in the
        // meantime.
        var progress = new Reaction("filling", () => channel.RunAsync(
            new GuestCommand("/bin/sh", ["-c", "f=$(df -P -k /data | awk 'NR==2{print $4}'); fallocate -l $(( (f - 20*1024) / 1024 ))M /data/filler"]), CancellationToken.None));
        try
        {
            var exception = await Assert.ThrowsAnyAsync<MeasurementException>(
                () => lab.Measurer.MeasureAsync(lab.Target, Request with { FileSizeMiB = 1500 }, progress, CancellationToken.None));

            output.WriteLine(exception.Message);
            Assert.Equal("GuestDiskFull", exception.ErrorId);
            Assert.Equal("", await lab.LeftoversAsync());
        }
        finally
        {
            await channel.RunAsync(new GuestCommand("rm", ["-f", "/data/filler"]), CancellationToken.None);
        }
    }

    [SkippableTheory]
    [InlineData("/no/such/folder", "GuestPathNotFound")]
    [InlineData("/dev/vda", "GuestPathIsDevice")]
    [InlineData("/dev/vdb", "GuestPathIsDevice")]
    [InlineData("/proc", "GuestPathNotWritable")]
    [InlineData("/tmp", "DirectIoUnsupported")]
    public async Task A_folder_that_does_not_do_is_told(string path, string errorId)
    {
        using var lab = LabGuest.Open();
        await using (var channel = await lab.ChannelAsync())
        {
            var kernel = (await channel.RunAsync(new GuestCommand("uname", ["-r"]), CancellationToken.None)).StandardOutput;
            Skip.If(
                errorId == "DirectIoUnsupported" && Version.Parse(string.Join('.', kernel.Split('.').Take(2))) >= new Version(6, 6),
                "A tmpfs takes O_DIRECT from Linux 6.6 on.");
        }

        var exception = await FailAsync<MeasurementException>(lab, Request with { GuestPath = path });

        Assert.Equal(errorId, exception.ErrorId);
        Assert.Contains(path, exception.Message, StringComparison.Ordinal);
        Assert.Equal("", await lab.LeftoversAsync());
    }

    [SkippableFact]
    public async Task A_missing_program_is_told_with_its_packages()
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync();
        const string move = "f=$(command -v \"$1\") && mv \"$f\" \"${f%/*}/$2\"";
        Assert.True((await channel.RunAsync(new GuestCommand("/bin/sh", ["-c", move, "sh", "fio", "fio.away"]), CancellationToken.None)).Succeeded);
        try
        {
            var exception = await FailAsync<MeasurementException>(lab, Request);

            Assert.Equal("WorkloadProgramMissing", exception.ErrorId);
            Assert.Contains("apt install fio", exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            await channel.RunAsync(new GuestCommand("/bin/sh", ["-c", move, "sh", "fio.away", "fio"]), CancellationToken.None);
        }
    }

    [SkippableTheory]
    [InlineData("kvmtune.agent=noexec", "GuestExecDisabled", "/etc/sysconfig/qemu-ga")]
    [InlineData("kvmtune.agent=off", "AgentNotResponding", "qemu-guest-agent")]
    public async Task An_agent_that_does_not_serve_is_told_and_SSH_takes_its_place(string commandLine, string errorId, string advice)
    {
        using (LabGuest.Open())
        {
            LabScript.Run("reset", "lab2", "--cmdline", commandLine);
        }

        try
        {
            using var lab = LabGuest.Open();
            var exception = await FailAsync<GuestChannelException>(lab, Request);
            Assert.Equal(errorId, exception.ErrorId);
            Assert.Contains(advice, exception.Message, StringComparison.Ordinal);

            var result = await lab.Measurer.MeasureAsync(
                lab.Target, new WorkloadRequest { Name = "Cpu", Runs = 1, RunTime = TimeSpan.FromSeconds(2), Ssh = LabGuest.Ssh() }, null, CancellationToken.None);
            Assert.Equal("Ssh", result.Conditions.Channel);
        }
        finally
        {
            LabScript.Run("reset", "lab2");
        }
    }

    [SkippableFact]
    public async Task A_VM_without_an_agent_channel_is_told()
    {
        using var lab = LabGuest.Open();
        var type = Environment.GetEnvironmentVariable("KVMTUNE_LAB_TYPE") ?? "qemu";
        using var bare = lab.Domain.Connection.DefineXml(
            $"<domain type='{type}'><name>kvmtune-bare</name><memory unit='MiB'>16</memory><os><type arch='x86_64'>hvm</type></os></domain>", validate: true);
        try
        {
            bare.Start();
            using var target = new LibvirtMeasurementTarget(bare, TimeProvider.System);

            var exception = await Assert.ThrowsAsync<GuestChannelException>(
                () => lab.Measurer.MeasureAsync(target, Request, null, CancellationToken.None));

            output.WriteLine(exception.Message);
            Assert.Equal("AgentNotConfigured", exception.ErrorId);
        }
        finally
        {
            bare.Destroy();
            bare.Undefine();
        }
    }

    private async Task<T> FailAsync<T>(LabGuest lab, WorkloadRequest request)
        where T : Exception
    {
        var exception = await Assert.ThrowsAnyAsync<T>(() => lab.Measurer.MeasureAsync(lab.Target, request, null, CancellationToken.None));
        output.WriteLine(exception.Message);
        return exception;
    }
}
