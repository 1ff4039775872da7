// The adapter of the process library with real programs: arguments, input, both outputs, limits, and that no process is left running.
using System.Globalization;
using System.Runtime.Versioning;
using KvmTune.Hosts;
using Xunit;

namespace KvmTune.Tests.Hosts;

[SupportedOSPlatform("linux")]
public sealed class HostProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static TheoryData<string> Arguments => new(
        "a b", "", "it's", "\"x\"", "$HOME `id` $(id)", "back\\slash", "end\\", "\\\"", "\\\\\" x", "*", "-n", "new\nline", "tab\tand  blanks ", "große Ölmühle 日本", "{\"a\": [1]}", ";&|<>", "%s");

    [Theory]
    [MemberData(nameof(Arguments))]
    public async Task Arguments_arrive_as_they_were_given(string argument)
    {
        await using var process = Start("printf", "<%s>", argument, "next");

        Assert.Equal($"<{argument}><next>", await process.OutputAsync().WaitAsync(Patience));
        Assert.Equal(0, await process.Ended.WaitAsync(Patience));
    }

    [Fact]
    public async Task Exit_code_input_and_both_outputs_are_told_apart()
    {
        await using var process = HostProcess.Start("sh", ["-c", "cat; printf 'no newline' >&2; exit 3"], "in ö\n")!;

        Assert.Equal(3, await process.Ended.WaitAsync(Patience));
        Assert.Equal("in ö\n", await process.OutputAsync());
        Assert.Equal("no newline", await process.ReadErrorsAsync());
    }

    [Fact]
    public async Task Without_input_there_is_an_empty_one()
    {
        await using var process = Start("cat");

        Assert.Equal(0, await process.Ended.WaitAsync(Patience));
        Assert.Empty(await process.OutputAsync());
    }

    [Fact]
    public async Task A_program_that_does_not_read_its_input_is_no_error()
    {
        await using var process = HostProcess.Start("true", [], new string('x', 4 << 20))!;

        Assert.Equal(0, await process.Ended.WaitAsync(Patience));
    }

    [Fact]
    public async Task Errors_are_read_by_lines_while_the_program_runs_and_then_to_the_end()
    {
        await using var process = HostProcess.Start("sh", ["-c", "printf 'one\\n\\nthr' >&2; printf 'ee\\r\\nfour' >&2; exec sleep 600"])!;

        Assert.Equal("one", await process.ReadErrorLineAsync(1000).WaitAsync(Patience));
        Assert.Equal("", await process.ReadErrorLineAsync(1000).WaitAsync(Patience));
        Assert.Equal("three\r", await process.ReadErrorLineAsync(1000).WaitAsync(Patience));
        Assert.False(process.Ended.IsCompleted);
        var rest = process.ReadErrorsAsync();
        Assert.False(rest.IsCompleted);

        await process.DisposeAsync();

        Assert.Equal("four", await rest.WaitAsync(Patience));
    }

    [Fact]
    public async Task After_the_last_line_there_is_none()
    {
        await using var process = HostProcess.Start("sh", ["-c", "printf 'one\\ntwo' >&2"])!;

        Assert.Equal("one", await process.ReadErrorLineAsync(1000).WaitAsync(Patience));
        Assert.Equal("two", await process.ReadErrorLineAsync(1000).WaitAsync(Patience));
        Assert.Null(await process.ReadErrorLineAsync(1000).WaitAsync(Patience));
        Assert.Empty(await process.ReadErrorsAsync().WaitAsync(Patience));
    }

    [Fact]
    public async Task Disposing_ends_the_program_and_those_under_it()
    {
        var process = HostProcess.Start("sh", ["-c", "sleep 600 & echo $! >&2; wait"])!;
        var child = int.Parse((await process.ReadErrorLineAsync(1000).WaitAsync(Patience))!, CultureInfo.InvariantCulture);
        Assert.True(IsRunning(process.ProcessId) && IsRunning(child));

        await process.DisposeAsync();

        Assert.False(IsRunning(process.ProcessId));
        // The signal was sent; on a busy machine the kernel takes a moment to end the process.
        Assert.True(SpinWait.SpinUntil(() => !IsRunning(child), Patience));
        Assert.Equal(HostProcess.Killed, await process.Ended);
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("yes >&2")]
    public async Task One_that_writes_without_end_is_told_and_can_be_ended(string command)
    {
        await using var process = HostProcess.Start("sh", ["-c", command], mostOutput: 100_000, mostErrors: 100_000)!;
        var errors = process.ReadErrorsAsync();

        await process.TooMuch.WaitAsync(Patience);
        await process.DisposeAsync();

        Assert.Equal(HostProcess.Killed, await process.Ended);
        Assert.Equal(100_000, Math.Max((await process.OutputAsync()).Length, (await errors).Length));
        Assert.False(IsRunning(process.ProcessId));
    }

    [Fact]
    public async Task Just_as_much_as_is_kept_is_not_too_much()
    {
        await using var process = HostProcess.Start("sh", ["-c", "head -c 100000 /dev/zero | tr '\\0' x"], mostOutput: 100_000)!;

        Assert.Equal(0, await process.Ended.WaitAsync(Patience));
        Assert.False(process.TooMuch.IsCompleted);
        Assert.Equal(100_000, (await process.OutputAsync()).Length);
    }

    [Fact]
    public void A_program_that_is_not_there_is_none() => Assert.Null(HostProcess.Start("kvmtune-no-such-program", []));

    [Fact]
    public void One_in_the_current_folder_is_none_either()
    {
        var file = Path.Combine(Environment.CurrentDirectory, "kvmtune-in-the-current-folder");
        File.WriteAllText(file, "#!/bin/sh\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.Null(HostProcess.Start("kvmtune-in-the-current-folder", []));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static HostProcess Start(string program, params string[] arguments) => HostProcess.Start(program, arguments)!;

    // A child whose parent has ended may remain as a zombie until its new parent collects it.
    private static bool IsRunning(int processId)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{processId}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..][0] is not ('Z' or 'X');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
