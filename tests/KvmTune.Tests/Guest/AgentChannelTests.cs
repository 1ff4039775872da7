// The agent channel against a scripted agent: behaviour that a real guest does not show on demand.
using System.Text;
using KvmTune.Guest;
using KvmTune.Tests.Measurement;
using Xunit;

namespace KvmTune.Tests.Guest;

public sealed class AgentChannelTests
{
    private static readonly GuestCommand Short = new("tool", ["a"]) { HasShortOutput = true };

    [Fact]
    public async Task A_guest_without_setsid_runs_the_program_by_itself()
    {
        var agent = new ScriptedAgent
        {
            OnExec = (path, _) => path == "setsid" ? throw Failed("Failed to execute child process “setsid” (No such file or directory)") : 7,
            OnStatus = _ => Exited(0, "out"),
        };
        var channel = new AgentChannel(agent, new FastTime());

        var first = await channel.RunAsync(Short, CancellationToken.None);
        await channel.RunAsync(Short, CancellationToken.None);

        Assert.Equal("out", first.StandardOutput);
        Assert.Equal(["setsid", "tool", "tool"], agent.Started);
    }

    [Theory]
    [InlineData("Failed to execute child process “tool” (No such file or directory)", GuestChannelReason.CommandNotFound)]
    [InlineData("The command guest-exec has been disabled for this instance", GuestChannelReason.GuestExecDisabled)]
    [InlineData("Command guest-exec has been disabled: the command is not allowed", GuestChannelReason.GuestExecDisabled)]
    [InlineData("The command guest-exec has not been found", GuestChannelReason.GuestExecDisabled)]
    [InlineData("something else", GuestChannelReason.AgentCommandFailed)]
    public async Task A_refused_start_is_told_apart(string words, GuestChannelReason reason)
    {
        var channel = new AgentChannel(new ScriptedAgent { OnExec = (_, _) => throw Failed(words) }, new FastTime());

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => channel.RunAsync(Short, CancellationToken.None));

        Assert.Equal(reason, exception.Reason);
    }

    [Fact]
    public async Task Truncated_output_is_an_error()
    {
        var channel = new AgentChannel(new ScriptedAgent { OnStatus = _ => """{"exited": true, "exitcode": 0, "out-data": "eA==", "out-truncated": true}""" }, new FastTime());

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => channel.RunAsync(Short, CancellationToken.None));

        Assert.Equal(GuestChannelReason.OutputTooLarge, exception.Reason);
        Assert.False(exception.IsFatal);
    }

    [Fact]
    public async Task One_silence_of_the_agent_is_forgiven_and_a_second_is_not()
    {
        var silences = 1;
        var agent = new ScriptedAgent { OnStatus = _ => silences-- > 0 ? throw Silent() : Exited(0, "x") };
        var channel = new AgentChannel(agent, new FastTime());
        Assert.Equal("x", (await channel.RunAsync(Short, CancellationToken.None)).StandardOutput);

        silences = 2;
        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => channel.RunAsync(Short, CancellationToken.None));

        Assert.Equal(GuestChannelReason.AgentNotResponding, exception.Reason);
        Assert.True(exception.IsFatal);
    }

    [Fact]
    public async Task A_silence_of_a_guest_that_is_gone_is_a_lost_guest()
    {
        var agent = new ScriptedAgent { OnStatus = _ => throw Silent(), IsRunningNow = () => false };

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, new FastTime()).RunAsync(Short, CancellationToken.None));

        Assert.Equal(GuestChannelReason.GuestLost, exception.Reason);
    }

    [Theory]
    [InlineData(false, GuestChannelReason.GuestLost)]
    [InlineData(true, GuestChannelReason.AgentNotResponding)]
    public async Task A_start_that_gets_no_answer_is_told_apart_from_a_lost_guest_a_moment_later(bool goesOn, GuestChannelReason reason)
    {
        var time = new FastTime();
        var agent = new ScriptedAgent
        {
            OnExec = (_, _) => throw Silent(),
            IsRunningNow = () => goesOn || time.Gone < TimeSpan.FromMilliseconds(500),
        };

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, time).RunAsync(Short, CancellationToken.None));

        Assert.Equal(reason, exception.Reason);
        Assert.Single(agent.Started);
    }

    [Fact]
    public async Task A_restarted_agent_that_does_not_know_the_program_is_a_lost_guest()
    {
        var agent = new ScriptedAgent { OnStatus = _ => throw Failed("Invalid parameter 'pid'") };

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, new FastTime()).RunAsync(Short, CancellationToken.None));

        Assert.Equal(GuestChannelReason.GuestLost, exception.Reason);
    }

    [Fact]
    public async Task The_guest_is_not_asked_before_the_expected_end_and_seldom_after_it()
    {
        var time = new FastTime();
        var asked = new List<TimeSpan>();
        var agent = new ScriptedAgent
        {
            OnStatus = _ =>
            {
                asked.Add(time.Gone);
                return time.Gone > TimeSpan.FromSeconds(6) ? Exited(0, "") : Running;
            },
        };

        await new AgentChannel(agent, time).RunAsync(Short with { ExpectedDuration = TimeSpan.FromSeconds(5) }, CancellationToken.None);

        Assert.True(asked[0] >= TimeSpan.FromSeconds(5));
        Assert.True(asked[^1] < TimeSpan.FromSeconds(6.25), $"{asked[^1]}");
        Assert.InRange(asked.Count, 3, 40);
    }

    [Fact]
    public async Task A_program_that_cannot_be_ended_is_told()
    {
        var time = new FastTime();
        var agent = new ScriptedAgent
        {
            OnExec = (path, arguments) => arguments.Contains("kvmtune") ? 8 : 7,
            OnStatus = id => id == 8 ? """{"exited": true, "exitcode": 1, "out-data": "c3RpbGwgcnVubmluZzogNw=="}""" : Running,
        };

        var exception = await Assert.ThrowsAsync<GuestChannelException>(
            () => new AgentChannel(agent, time).RunAsync(Short with { TimeLimit = TimeSpan.FromSeconds(1) }, CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandStillRunning, exception.Reason);
        Assert.Contains("still running: 7", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silent_agent_is_asked_again_to_end_a_program()
    {
        var (silences, isEnded) = (2, false);
        using var cancellation = new CancellationTokenSource();
        var agent = new ScriptedAgent
        {
            OnExec = (_, arguments) =>
            {
                if (!arguments.Contains("kvmtune"))
                {
                    return 7;
                }

                if (silences-- > 0)
                {
                    throw Silent();
                }

                isEnded = true;
                return 8;
            },
            OnStatus = id =>
            {
                cancellation.Cancel();
                return isEnded ? Exited(0, "") : Running;
            },
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new AgentChannel(agent, new FastTime()).RunAsync(Short, cancellation.Token));

        Assert.True(isEnded);
    }

    [Fact]
    public async Task A_guest_too_busy_to_look_for_a_program_is_told_and_nothing_is_said_to_have_ended()
    {
        var agent = new ScriptedAgent { OnExec = (_, arguments) => arguments.Contains("kvmtune") ? 8 : 7, OnStatus = _ => Running };

        var exception = await Assert.ThrowsAsync<GuestChannelException>(
            () => new AgentChannel(agent, new FastTime()).RunAsync(Short with { TimeLimit = TimeSpan.FromSeconds(1) }, CancellationToken.None));

        Assert.Equal(GuestChannelReason.CommandStillRunning, exception.Reason);
        Assert.Contains("tool (process 7) may still run in vm", exception.Message, StringComparison.Ordinal);
        Assert.Contains("too busy", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("was ended", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"return": {"version": "9.0", "supported_commands": [{"name": "guest-exec", "enabled": false, "success-response": true}, {"name": "guest-exec-status", "enabled": true}]}}""")]
    [InlineData("""{"return": {"version": "9.0", "supported_commands": [{"name": "guest-exec-status", "enabled": true}]}}""")]
    public async Task An_agent_that_may_not_run_programs_is_found_by_asking_it(string info)
    {
        var channel = new AgentChannel(new ScriptedAgent { Info = info }, new FastTime());

        var exception = await Assert.ThrowsAsync<GuestChannelException>(() => channel.CheckAsync(CancellationToken.None));

        Assert.Equal("GuestExecDisabled", exception.ErrorId);
        Assert.Contains("/etc/sysconfig/qemu-ga", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "x")]
    [InlineData(" ", "x")]
    [InlineData("tool", "a\0b")]
    public async Task A_command_that_makes_no_sense_is_refused(string path, string argument)
    {
        var agent = new ScriptedAgent();

        await Assert.ThrowsAsync<ArgumentException>(
            () => new AgentChannel(agent, new FastTime()).RunAsync(new GuestCommand(path, [argument]), CancellationToken.None));

        Assert.Empty(agent.Started);
    }

    [Theory]
    [InlineData("plain", "'plain'")]
    [InlineData("it's $x `y` \\ \"z\"", "'it'\\''s $x `y` \\ \"z\"'")]
    [InlineData("", "''")]
    public void Arguments_are_quoted_for_the_far_shell(string text, string quoted) => Assert.Equal(quoted, SshChannel.Quote(text));

    [Theory]
    [InlineData("-oProxyCommand=x", null, null)]
    [InlineData("", null, null)]
    [InlineData("a b", null, null)]
    [InlineData("host", "-l", null)]
    [InlineData("host", null, 0)]
    public void An_address_that_ssh_would_take_for_an_option_is_refused(string host, string? user, int? port) =>
        Assert.Throws<ArgumentException>(() => new SshChannel(new SshEndpoint { HostName = host, UserName = user, Port = port }, TimeProvider.System));

    private const string Running = """{"exited": false}""";

    private static string Exited(int code, string output) =>
        $$"""{"exited": true, "exitcode": {{code}}, "out-data": "{{Convert.ToBase64String(Encoding.UTF8.GetBytes(output))}}"}""";

    private static GuestChannelException Failed(string words) => new(GuestChannelReason.AgentCommandFailed, $"error was '{words}'");

    private static GuestChannelException Silent() => new(GuestChannelReason.AgentNotResponding, "no answer");
}
