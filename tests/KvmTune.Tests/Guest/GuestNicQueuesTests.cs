// The step in the guest, on scripted guests of several kinds: modern, old, without ethtool, without an agent that runs programs.
using KvmTune.Guest;
using NSubstitute;
using Xunit;

namespace KvmTune.Tests.Guest;

public sealed class GuestNicQueuesTests
{
    private const string Mac = "52:54:00:6b:76:02";

    [Fact]
    public async Task A_guest_that_uses_all_queues_by_itself_is_only_read()
    {
        var guest = new FakeGuest { Queues = 4, Most = 4 };

        var result = await guest.Step().SetAsync(Mac, 4, CancellationToken.None);

        Assert.Equal(4, result.QueuesInUse);
        Assert.All(result.Verifications, verification => Assert.True(verification.IsMet, verification.ToString()));
        Assert.Equal(2, result.Verifications.Count);
        Assert.Empty(result.Notes);
        Assert.DoesNotContain(guest.Commands, command => command.Contains("-L", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_guest_that_came_up_with_one_is_told_to_use_more_and_the_note_says_how_to_keep_it()
    {
        var guest = new FakeGuest { Queues = 1, Most = 4 };

        var result = await guest.Step().SetAsync(Mac, 4, CancellationToken.None);

        Assert.Contains("ethtool -L eth7 combined 4", guest.Commands);
        Assert.Equal(4, result.QueuesInUse);
        Assert.All(result.Verifications, verification => Assert.True(verification.IsMet));
        Assert.Contains("ethtool -L eth7 combined 4", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_that_refuses_is_reported_with_what_it_said()
    {
        var guest = new FakeGuest { Queues = 1, Most = 1 };

        var result = await guest.Step().SetAsync(Mac, 4, CancellationToken.None);

        Assert.Null(result.QueuesInUse);
        Assert.Contains("Invalid argument", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_ethtool_the_kernel_tells_and_only_what_is_left_to_do_is_noted()
    {
        var enough = await new FakeGuest { Queues = 4, Most = 4, HasEthtool = false }.Step().SetAsync(Mac, 4, CancellationToken.None);
        Assert.Equal(4, enough.QueuesInUse);
        Assert.Empty(enough.Notes);

        var tooFew = await new FakeGuest { Queues = 1, Most = 4, HasEthtool = false }.Step().SetAsync(Mac, 4, CancellationToken.None);
        Assert.Null(tooFew.QueuesInUse);
        Assert.Contains("ethtool -L eth7 combined 4", Assert.Single(tooFew.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_runs_no_programs_still_names_the_interface_for_the_note()
    {
        var guest = new FakeGuest { Refuses = GuestChannelReason.GuestExecDisabled };

        var result = await guest.Step($$"""{"return":[{"name":"lo","hardware-address":"00:00:00:00:00:00"},{"name":"ens3","hardware-address":"{{Mac}}"},{"name":"tun0"}]}""")
            .SetAsync(Mac, 2, CancellationToken.None);

        Assert.Contains("ethtool -L ens3 combined 2", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_agent_the_note_names_the_address()
    {
        var result = await new FakeGuest { Refuses = GuestChannelReason.AgentNotConfigured }.Step().SetAsync(Mac, 2, CancellationToken.None);

        Assert.Contains(Mac, Assert.Single(result.Notes), StringComparison.Ordinal);
        Assert.Empty(result.Verifications);
    }

    [Fact]
    public async Task A_guest_is_asked_how_many_queues_it_uses_and_nothing_is_changed_in_it()
    {
        var guest = new FakeGuest { Queues = 1, Most = 4 };
        Assert.Equal(new GuestNicQueuesReading(1, "eth7", "guest: ethtool -l eth7", null), await guest.Step().ReadAsync(Mac, CancellationToken.None));
        Assert.DoesNotContain(guest.Commands, command => command.Contains("-L", StringComparison.Ordinal));

        var bare = await new FakeGuest { Queues = 2, Most = 4, HasEthtool = false }.Step().ReadAsync(Mac, CancellationToken.None);
        Assert.Equal((2, "guest: /sys/class/net/eth7/queues"), (bare.InUse, bare.Source));

        var silent = await new FakeGuest { Refuses = GuestChannelReason.AgentNotResponding }.Step().ReadAsync(Mac, CancellationToken.None);
        Assert.Null(silent.InUse);
        Assert.Equal("the agent does not do that", silent.Unknown);
    }

    [Fact]
    public void The_current_number_is_read_and_not_the_maximum()
    {
        const string Channels = "Channel parameters for eth0:\nPre-set maximums:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t4\nCurrent hardware settings:\nRX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t2\n";
        Assert.Equal(2, GuestNicQueues.ReadCombined(Channels));
        Assert.Null(GuestNicQueues.ReadCombined("netlink error: Operation not supported\n"));
    }

    private sealed class FakeGuest : IGuestChannel
    {
        public int Queues { get; set; }

        public int Most { get; init; }

        public bool HasEthtool { get; init; } = true;

        public GuestChannelReason? Refuses { get; init; }

        public List<string> Commands { get; } = [];

        public string Name => "Agent";

        public GuestNicQueues Step(string? interfaces = null)
        {
            var agent = Substitute.For<IAgentTransport>();
            agent.VMName.Returns("db01");
            agent.Send(default!, default).ReturnsForAnyArgs(_ => interfaces ?? throw new GuestChannelException(GuestChannelReason.AgentNotResponding, "silent"));
            return new GuestNicQueues(this, agent);
        }

        public Task CheckAsync(CancellationToken cancellationToken) =>
            Refuses is { } reason ? throw new GuestChannelException(reason, "the agent does not do that") : Task.CompletedTask;

        public Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken)
        {
            Commands.Add(command.ToString());
            if (command.Path == "ethtool" && !HasEthtool)
            {
                throw new GuestChannelException(GuestChannelReason.CommandNotFound, "no ethtool");
            }

            return Task.FromResult(command.Path == "ethtool" ? Ethtool(command.Arguments) : command.Arguments[1] == GuestScripts.FindInterface ? Said("eth7\n") : Said($"{Queues}\n"));
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private GuestCommandResult Ethtool(IReadOnlyList<string> arguments)
        {
            if (arguments[0] == "-l")
            {
                return Said($"Channel parameters for eth7:\nPre-set maximums:\nCombined:\t{Most}\nCurrent hardware settings:\nCombined:\t{Queues}\n");
            }

            var wanted = int.Parse(arguments[^1], System.Globalization.CultureInfo.InvariantCulture);
            if (wanted > Most)
            {
                return new GuestCommandResult(1, null, string.Empty, "netlink error: Invalid argument", TimeSpan.Zero);
            }

            Queues = wanted;
            return Said(string.Empty);
        }

        private static GuestCommandResult Said(string output) => new(0, null, output, string.Empty, TimeSpan.Zero);
    }
}
