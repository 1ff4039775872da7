// Everything that is written into a guest is removed again: the scripts that end programs and remove files, in real shells on this machine.
using KvmTune.Guest;
using KvmTune.Measurement.Streams;
using Xunit;

namespace KvmTune.Tests.Guest;

public sealed class GuestScriptTests : IDisposable
{
    // It never rests: each read of /proc finds another child.
    private const string Restless = "while :; do /bin/sleep 0; done # {0}";

    // Long enough for a load to begin within it, even beside other work.
    private static readonly TimeSpan ShortLease = TimeSpan.FromSeconds(4);

    private readonly string _folder = Directory.CreateTempSubdirectory("tests-of-scripts").FullName;
    private readonly string _mark = Guid.NewGuid().ToString("N");
    private readonly AgentChannel _channel;

    public GuestScriptTests() => _channel = new AgentChannel(new HostAgent(_folder), TimeProvider.System);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_program_that_starts_others_without_a_pause_is_ended_at_its_time_limit()
    {
        var exception = await Assert.ThrowsAsync<GuestChannelException>(
            () => _channel.RunAsync(Shell(Restless) with { TimeLimit = TimeSpan.FromSeconds(1), HasShortOutput = true }, CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandTimedOut, exception.Reason);
        Assert.EndsWith("did not end within 1 s. It was ended there.", exception.Message, StringComparison.Ordinal);
        Assert.Empty(Marked());
    }

    [Fact]
    public async Task Cancelling_ends_a_whole_family_of_them_and_removes_their_output()
    {
        using var cancellation = new CancellationTokenSource();
        var running = _channel.RunAsync(Shell($"({Restless}\n) & setsid sh -c '{Restless}' & while :; do echo line; done"), cancellation.Token);
        await UntilAsync(() => Marked().Count >= 3 && Directory.GetFiles(_folder, "out", SearchOption.AllDirectories).Length == 1, running);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Empty(Marked());
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_program_that_does_not_hear_the_first_signal_gets_the_last_one_and_its_output_is_removed()
    {
        var exception = await Assert.ThrowsAsync<GuestChannelException>(
            () => _channel.RunAsync(Shell("trap '' TERM; while :; do echo line; done # {0}") with { TimeLimit = TimeSpan.FromSeconds(1) }, CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandTimedOut, exception.Reason);
        Assert.Empty(Marked());
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_program_may_clean_up_after_the_first_signal()
    {
        var file = Path.Combine(_folder, "of-the-program");
        using var cancellation = new CancellationTokenSource();
        var running = _channel.RunAsync(Shell($"trap 'sleep 0.3; rm {file}; exit' TERM; : > {file}; while :; do sleep 0.1; done # {{0}}"), cancellation.Token);
        await UntilAsync(() => File.Exists(file), running);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(3_000_000)]
    public async Task An_output_of_any_length_leaves_no_file(int length)
    {
        var result = await _channel.RunAsync(Shell($"head -c {length} /dev/zero; exit 3"), CancellationToken.None);

        Assert.Equal((3, length), (result.ExitCode, result.StandardOutput.Length));
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task An_output_that_nobody_comes_for_is_known_to_the_guest_by_its_folder()
    {
        // The guest's view after the requesting process was killed: the folder has a watcher, and removing the folder ends the watcher.
        var result = await _channel.RunAsync(
            GuestScripts.Command(GuestScripts.RunIntoFiles, "kvmtune-x", "head", "-c", "2000000", "/dev/zero"), CancellationToken.None);

        Assert.StartsWith($"long 2000000 0 {_folder}/kvmtune-x", result.StandardOutput, StringComparison.Ordinal);
        await _channel.RunAsync(GuestScripts.Command(GuestScripts.RemoveFiles, "kvmtune-x"), CancellationToken.None);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task A_load_that_nobody_renews_is_ended_by_the_guest_itself()
    {
        var folder = await GuestTestFolder.MakeAsync(_channel, _folder, ShortLease, CancellationToken.None);
        var script = "folder=$1\n" + GuestTestFolder.NoteProcess + Restless.Replace("{0}", _mark, StringComparison.Ordinal);

        var result = await _channel.RunAsync(GuestScripts.Command(script, folder.Path) with { TimeLimit = TimeSpan.FromMinutes(2) }, CancellationToken.None);

        // 128 and SIGTERM: the guest ended it, not this side.
        Assert.Equal(143, result.ExitCode);
        await UntilAsync(() => !Directory.Exists(folder.Path), null);
        Assert.Empty(Marked());
    }

    [Fact]
    public async Task Another_process_with_the_number_of_the_load_is_left_alone()
    {
        var folder = await GuestTestFolder.MakeAsync(_channel, _folder, ShortLease, CancellationToken.None);
        using var cancellation = new CancellationTokenSource();
        var running = _channel.RunAsync(Shell("echo \"$$ 1\" > \"$1/rate_process\"; while :; do sleep 0.1; done # {0}", folder.Path) with { TimeLimit = TimeSpan.FromMinutes(2) }, cancellation.Token);

        await UntilAsync(() => !Directory.Exists(folder.Path), running);

        Assert.False(running.IsCompleted);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task A_users_own_load_that_never_ends_is_read_and_ended_and_leaves_nothing()
    {
        var program = new StampedProgram(_channel, TimeProvider.System);

        var output = await program.RunAsync(Shell("while :; do echo n=1; /bin/sleep 0; done # {0}"), TimeSpan.FromSeconds(2), endsByItself: false, CancellationToken.None);

        Assert.True(output.WasEnded);
        Assert.False(output.HasFailed);
        Assert.Equal("n=1", output.Lines[0].Text);
        Assert.Empty(Marked());
        var folder = program.Folder!;
        Assert.True(Directory.Exists(folder));
        await program.CleanUpAsync();
        Assert.False(Directory.Exists(folder));
    }

    private GuestCommand Shell(string script, params string[] parameters) =>
        new("/bin/sh", ["-c", script.Replace("{0}", _mark, StringComparison.Ordinal), "sh", .. parameters]);

    // The processes of this test.
    private List<string> Marked()
    {
        var found = new List<string>();
        foreach (var process in Directory.GetDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                if (File.ReadAllText(process + "/cmdline").Contains(_mark, StringComparison.Ordinal))
                {
                    found.Add(process);
                }
            }
            catch (IOException)
            {
                // It has just ended.
            }
        }

        return found;
    }

    private static async Task UntilAsync(Func<bool> condition, Task? running)
    {
        while (!condition())
        {
            Assert.False(running?.IsCompleted == true, $"It ended: {running?.Exception}");
            await Task.Delay(20);
        }
    }
}
