// A guest may answer anything: a bad answer is an error of that guest alone, limited in time and memory, and never a control sequence for a terminal.
using System.Text;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Measurement.Workloads;
using KvmTune.Tests.Measurement;
using NSubstitute;
using Xunit;

namespace KvmTune.Tests.Guest;

public sealed class HostileGuestTests
{
    private const string Survey = "@kernel\n6.1.0\n@memory\nMemTotal: 1024 kB\nMemAvailable: 512 kB\n@processors\n{0}\n@mounts\n@folder\n@device\n@end\n";

    [Theory]
    [InlineData("a-b")]
    [InlineData("0-")]
    [InlineData("-1")]
    [InlineData("3-0")]
    [InlineData("0-99999999999")]
    [InlineData("0-2147483647")]
    [InlineData("0-8192")]
    [InlineData("0-3-7")]
    [InlineData("0,0,0")]
    [InlineData("0-3,2-5")]
    [InlineData("")]
    [InlineData("\u001b[2J")]
    public async Task Processors_that_make_no_sense_are_an_error_of_this_guest(string processors)
    {
        var output = Survey.Replace("{0}", processors, StringComparison.Ordinal);

        var error = await Assert.ThrowsAsync<GuestChannelException>(() => GuestSurvey.TakeAsync(new Says(output), null, CancellationToken.None));

        Assert.Equal(GuestChannelReason.AgentCommandFailed, error.Reason);
        Assert.DoesNotContain('\u001b', error.Message);
    }

    [Theory]
    [InlineData("0", 1)]
    [InlineData("0-3,6", 5)]
    [InlineData("0-8191", 8192)]
    public async Task Processors_that_make_sense_are_counted(string processors, int count) =>
        Assert.Equal(count, (await GuestSurvey.TakeAsync(new Says(Survey.Replace("{0}", processors, StringComparison.Ordinal)), null, CancellationToken.None)).OnlineProcessors);

    [Fact]
    public void No_reader_of_a_guests_text_fails_otherwise_than_by_saying_so()
    {
        var random = new Random(2026);
        var samples = new[] { "fio-randwrite.json", "fio-sync.json", "fio-randwrite.log", "iperf3-bidir.json", "sysbench-cpu.txt", "sysbench-memory.txt", "survey.txt" }
            .Select(Captured.Text).Append("@stat\ncpu 1 2 3 4 5 6 7 8\n@meminfo\nMemTotal:\n@diskstats\n8 0 vda 1 2 3 4 5 6 7 8 9 10 11\n@snmp\nTcp: OutSegs\nTcp: 1\n").ToArray();
        for (var round = 0; round < 1500; round++)
        {
            var text = Damaged(samples[round % samples.Length], random);
            ReadAll(text);
        }
    }

    [Fact]
    public async Task A_reply_with_control_characters_is_shown_without_them()
    {
        var agent = new ScriptedAgent { OnExec = (_, _) => 7, OnStatus = _ => "{\"exited\": \"\u001b]0;owned\u0007\u009b2J\u202e\"}" };

        var error = await Assert.ThrowsAsync<GuestChannelException>(() =>
            new AgentChannel(agent, new FastTime()).RunAsync(new GuestCommand("tool", []) { HasShortOutput = true }, CancellationToken.None));

        Assert.DoesNotContain(error.Message, character => char.IsControl(character) || character == '\u202e');
    }

    [Theory]
    [InlineData("long 9223372036854775807 9223372036854775807 /tmp/x")]
    [InlineData("long -1 5 /tmp/x")]
    [InlineData("long 1e9 0 /tmp/x")]
    [InlineData("\u001b[2J")]
    public async Task An_answer_about_long_output_that_makes_no_sense_is_an_error_of_this_guest(string line)
    {
        var agent = new ScriptedAgent { OnExec = (_, _) => 7, OnStatus = _ => Exited(line + "\n") };

        var error = await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, new FastTime()).RunAsync(new GuestCommand("tool", []), CancellationToken.None));

        Assert.False(error.IsFatal);
        Assert.DoesNotContain('\u001b', error.Message);
    }

    [Fact]
    public async Task Output_that_comes_in_crumbs_for_ever_ends_at_the_first_crumb()
    {
        var questions = 0;
        var agent = new ScriptedAgent
        {
            OnExec = (_, _) => 7,
            OnStatus = _ => questions++ == 0 ? Exited("long 200000000 0 /tmp/x\n") : Exited("x"),
        };

        await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, new FastTime()).RunAsync(new GuestCommand("tool", []), CancellationToken.None));

        Assert.InRange(questions, 2, 10);
    }

    [Fact]
    public async Task Output_of_which_each_piece_comes_late_is_given_up_and_not_read_for_hours()
    {
        var time = new FastTime();
        var questions = 0;
        var agent = new ScriptedAgent
        {
            OnExec = (_, _) => 7,
            OnStatus = _ =>
            {
                time.Pass(TimeSpan.FromSeconds(9));
                return questions++ == 0 ? Exited("long 200000000 0 /tmp/x\n") : Exited(new string('x', 1024 * 1024));
            },
        };

        var error = await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, time).RunAsync(new GuestCommand("tool", []), CancellationToken.None));

        Assert.Equal(GuestChannelReason.AgentCommandFailed, error.Reason);
        Assert.Contains("was given up", error.Message, StringComparison.Ordinal);
        Assert.InRange(time.Gone, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5));
    }

    [Theory]
    [InlineData("eth0; reboot")]
    [InlineData("$(reboot)")]
    [InlineData("`reboot`")]
    [InlineData("--help")]
    [InlineData("\\u001b[2J")]
    [InlineData("eth012345678901234567890")]
    public async Task A_name_that_a_guest_gives_its_interface_stands_in_no_command_that_a_person_is_to_run(string name)
    {
        var agent = Substitute.For<IAgentTransport>();
        agent.VMName.Returns("db01");
        agent.Send(default!, default).ReturnsForAnyArgs($$"""{"return":[{"name":"{{name}}","hardware-address":"52:54:00:00:00:01"}]}""");

        var result = await new GuestNicQueues(new Refuses(), agent).SetAsync("52:54:00:00:00:01", 2, CancellationToken.None);

        Assert.Contains("IF (the interface with the address 52:54:00:00:00:01)", Assert.Single(result.Notes), StringComparison.Ordinal);
        Assert.DoesNotContain(name, result.Notes[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_program_writes_is_kept_up_to_a_bound_and_read_to_its_end()
    {
        await using var process = HostProcess.Start("sh", ["-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo done >&2"], mostOutput: 1000)!;
        await process.TooMuch.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(0, await process.Ended);
        Assert.Equal(1000, (await process.OutputAsync()).Length);
        Assert.Equal("done", await process.ReadErrorLineAsync(100));
    }

    [Fact]
    public async Task A_line_that_never_ends_comes_in_parts()
    {
        var text = new BoundedText(most: 10_000);
        await text.CopyAsync(new MemoryStream(Encoding.UTF8.GetBytes(new string('x', 250) + "\nnext")), CancellationToken.None);

        foreach (var length in new[] { 100, 100, 50 })
        {
            Assert.Equal(length, (await text.ReadLineAsync(100))!.Length);
        }

        Assert.Equal("next", await text.ReadLineAsync(100));
        Assert.Null(await text.ReadLineAsync(100));
    }

    [Fact]
    public async Task A_lost_guest_names_the_program_and_not_the_shell_that_ran_it()
    {
        var agent = new ScriptedAgent { OnExec = (_, _) => 7, OnStatus = _ => throw new GuestChannelException(GuestChannelReason.AgentNotResponding, "silent"), IsRunningNow = () => false };

        var error = await Assert.ThrowsAsync<GuestChannelException>(() => new AgentChannel(agent, new FastTime()).RunAsync(new GuestCommand("fio", []), CancellationToken.None));

        Assert.Equal(GuestChannelReason.GuestLost, error.Reason);
        Assert.Contains("while fio ran", error.Message, StringComparison.Ordinal);
    }

    private static void ReadAll(string text)
    {
        _ = FioReport.Parse(text, "write");
        _ = PerSecond.Reported(FioReport.ParseLog(text), 0.5, 1000, double.MaxValue);
        _ = IperfReport.Parse(text);
        _ = JsonPath.Find(text, "$.jobs[0].write.iops");
        _ = GuestSurvey.Parse(text);
        _ = GuestFileSystem.Parse(text, []);
        _ = GuestCounters.Parse(text);
        _ = GuestNicQueues.ReadCombined(text);
        try
        {
            _ = SysbenchReport.Parse(text).Report?.PercentileNanoseconds(0.99);
            _ = AgentProtocol.ReadInfo(text);
        }
        catch (Exception exception) when (exception is GuestChannelException || GuestText.IsUnreadable(exception))
        {
            // Reported as an error of the guest, or converted to one by the caller that runs the workload.
        }
    }

    private static string Damaged(string text, Random random)
    {
        var damaged = new StringBuilder(text);
        for (var i = random.Next(1, 12); i > 0 && damaged.Length > 0; i--)
        {
            var at = random.Next(damaged.Length);
            switch (random.Next(6))
            {
                case 0:
                    damaged.Remove(at, Math.Min(random.Next(1, 200), damaged.Length - at));
                    break;
                case 1:
                    damaged.Insert(at, "99999999999999999999999999");
                    break;
                case 2:
                    damaged.Insert(at, "1e999");
                    break;
                case 3:
                    damaged.Insert(at, '-');
                    break;
                case 4:
                    damaged[at] = (char)random.Next(1, 256);
                    break;
                default:
                    damaged.Insert(at, "\n@");
                    break;
            }
        }

        return damaged.ToString();
    }

    private static string Exited(string output) =>
        $$"""{"exited": true, "exitcode": 0, "out-data": "{{Convert.ToBase64String(Encoding.UTF8.GetBytes(output))}}"}""";

    private sealed class Refuses : IGuestChannel
    {
        public string Name => "Test";

        public Task CheckAsync(CancellationToken cancellationToken) => throw new GuestChannelException(GuestChannelReason.GuestExecDisabled, "no");

        public Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Says(string output) : IGuestChannel
    {
        public string Name => "Test";

        public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken) =>
            Task.FromResult(new GuestCommandResult(0, null, output, string.Empty, TimeSpan.Zero));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
