// Both channels to a real guest of the lab: arguments, output, limits, cancellation.
using System.Diagnostics;
using KvmTune.Guest;
using KvmTune.Tests.Measurement;
using Xunit;

namespace KvmTune.Tests.Guest;

[Trait("Category", "Lab")]
[Collection(SecondGuest.Name)]
public sealed class LabChannelTests
{
    // Two children, one of them in its own session; the shell ends with them.
    private static readonly GuestCommand Family = new("/bin/sh", ["-c", "sleep 371 & setsid sleep 372 & sleep 373; wait"]);

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task Arguments_arrive_as_they_were_given(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);
        string[] arguments = ["a b", "", "it's", "\"x\"", "$HOME `id` $(id)", "back\\slash", "*", "-n", "new\nline", "große Ölmühle 日本", "{\"a\": [1]}", ";&|<>"];

        var result = await channel.RunAsync(new GuestCommand("printf", ["<%s>", .. arguments]), CancellationToken.None);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(string.Concat(arguments.Select(argument => $"<{argument}>")), result.StandardOutput);
        Assert.Empty(result.StandardError);
    }

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task Exit_code_signal_input_and_both_outputs_are_told_apart(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);

        var failed = await channel.RunAsync(new GuestCommand("/bin/sh", ["-c", "cat; echo no newline | tr -d '\\n' >&2; exit 3"]) { StandardInput = "in ö\n" }, CancellationToken.None);
        var killed = await channel.RunAsync(new GuestCommand("/bin/sh", ["-c", "kill -9 $$"]), CancellationToken.None);

        Assert.Equal((3, null, "in ö\n", "no newline"), (failed.ExitCode, failed.Signal, failed.StandardOutput, failed.StandardError));
        Assert.Equal((null, 9), (killed.ExitCode, killed.Signal));
    }

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task A_program_that_is_not_there_is_told_as_such(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);

        var exception = await Assert.ThrowsAsync<GuestChannelException>(
            () => channel.RunAsync(new GuestCommand("no-such-program", ["x"]), CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandNotFound, exception.Reason);
        Assert.Contains("no-such-program", exception.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task A_time_limit_ends_the_program_and_all_its_children_in_the_guest(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);

        var exception = await Assert.ThrowsAsync<GuestChannelException>(
            () => channel.RunAsync(Family with { TimeLimit = TimeSpan.FromSeconds(2) }, CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandTimedOut, exception.Reason);
        Assert.Empty(await SleepersAsync(channel));
    }

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task Cancelling_ends_the_program_and_all_its_children_in_the_guest(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);
        using var cancellation = new CancellationTokenSource();
        var running = channel.RunAsync(Family with { ExpectedDuration = TimeSpan.FromMinutes(4), TimeLimit = TimeSpan.FromMinutes(5) }, cancellation.Token);
        while (!(await SleepersAsync(channel)).Contains("373", StringComparison.Ordinal))
        {
            Assert.False(running.IsCompleted);
        }

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Empty(await SleepersAsync(channel));
    }

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task A_program_that_starts_others_without_a_pause_is_ended_in_a_busy_guest_and_leaves_nothing(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => channel.RunAsync(
            new GuestCommand("/bin/sh", ["-c", "(while :; do sleep 0; done) & while :; do sleep 0; echo line; done # sleep 37 restless"]) { TimeLimit = TimeSpan.FromSeconds(3) },
            CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandTimedOut, exception.Reason);
        var left = await channel.RunAsync(
            new GuestCommand("/bin/sh", ["-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep 'restles[s]'; done; ls -d /tmp/kvmtune-*; true"]) { HasShortOutput = true },
            CancellationToken.None);
        Assert.Empty(left.StandardOutput);
    }

    [SkippableTheory]
    [InlineData(GuestChannelKind.Agent)]
    [InlineData(GuestChannelKind.Ssh)]
    public async Task A_long_output_is_collected_whole(GuestChannelKind kind)
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync(kind);
        const int bytes = 8_000_000;

        var result = await channel.RunAsync(
            new GuestCommand("/bin/sh", ["-c", "head -c \"$1\" /dev/zero | tr '\\0' x; echo end", "sh", $"{bytes}"]) { TimeLimit = TimeSpan.FromMinutes(2) },
            CancellationToken.None);

        Assert.Equal(bytes + 4, result.StandardOutput.Length);
        Assert.EndsWith("xend\n", result.StandardOutput, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_folder_that_nobody_renews_is_removed_by_the_guest_itself()
    {
        using var lab = LabGuest.Open();
        await using var channel = await lab.ChannelAsync();
        var folder = await GuestTestFolder.MakeAsync(channel, "/data", TimeSpan.FromSeconds(5), CancellationToken.None);
        await channel.RunAsync(new GuestCommand("touch", [folder.DataFile]), CancellationToken.None);

        var watch = Stopwatch.StartNew();
        while ((await channel.RunAsync(new GuestCommand("ls", ["-d", folder.Path]), CancellationToken.None)).Succeeded)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(3), "The folder is still there after three minutes.");
            await Task.Delay(500);
        }
    }

    [SkippableFact]
    public async Task An_unknown_host_key_is_refused()
    {
        using var lab = LabGuest.Open();
        var empty = Path.GetTempFileName();
        try
        {
            await using var channel = new SshChannel(LabGuest.Ssh() with { KnownHostsFile = empty }, TimeProvider.System);

            var exception = await Assert.ThrowsAsync<GuestChannelException>(() => channel.CheckAsync(CancellationToken.None));

            Assert.Equal(GuestChannelReason.SshHostKeyRefused, exception.Reason);
            Assert.Equal("", await File.ReadAllTextAsync(empty));
        }
        finally
        {
            File.Delete(empty);
        }
    }

    [SkippableFact]
    public async Task A_refused_key_and_an_absent_server_are_told_apart()
    {
        using var lab = LabGuest.Open();
        await using var stranger = new SshChannel(LabGuest.Ssh() with { IdentityFile = "/dev/null" }, TimeProvider.System);
        await using var nobody = new SshChannel(LabGuest.Ssh() with { Port = 9 }, TimeProvider.System);

        var refused = await Assert.ThrowsAsync<GuestChannelException>(() => stranger.CheckAsync(CancellationToken.None));
        var absent = await Assert.ThrowsAsync<GuestChannelException>(() => nobody.CheckAsync(CancellationToken.None));

        Assert.Equal(GuestChannelReason.SshAuthenticationFailed, refused.Reason);
        Assert.Equal(GuestChannelReason.SshUnreachable, absent.Reason);
    }

    private static async Task<string> SleepersAsync(IGuestChannel channel) =>
        (await channel.RunAsync(
            new GuestCommand("/bin/sh", ["-c", "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep '^sleep 37'; done; true"]),
            CancellationToken.None)).StandardOutput;
}
