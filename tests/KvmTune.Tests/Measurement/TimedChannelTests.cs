// The bench `harness` measures the time of the workload's program in the guest: the effect on a command and its result.
using KvmTune.Bench.Harness;
using KvmTune.Guest;
using NSubstitute;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class TimedChannelTests
{
    private readonly IGuestChannel _guest = Substitute.For<IGuestChannel>();

    [Fact]
    public async Task The_programs_time_is_summed_and_its_result_is_as_it_was()
    {
        Says("a warning\nkvmtune-bench 10.00 13.95\n");
        await using var channel = new TimedChannel(_guest, "fio");
        var result = await channel.RunAsync(new GuestCommand("fio", ["--name", "a b"]), CancellationToken.None);
        await channel.RunAsync(new GuestCommand("fio", []), CancellationToken.None);

        Assert.Equal("a warning\n", result.StandardError);
        Assert.Equal("{}", result.StandardOutput);
        Assert.Equal(7.9, channel.ProgramTime.TotalSeconds, 6);
        await _guest.Received().RunAsync(
            Arg.Is<GuestCommand>(command => command.Path == "/bin/sh" && command.Arguments.Skip(2).SequenceEqual(new[] { "sh", "fio", "--name", "a b" })), Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task Other_programs_belong_to_the_harness_and_a_guest_that_tells_no_time_is_an_error()
    {
        Says(string.Empty);
        await using var channel = new TimedChannel(_guest, "fio");
        var other = new GuestCommand("cat", ["/proc/uptime"]);
        await channel.RunAsync(other, CancellationToken.None);
        await _guest.Received().RunAsync(other, CancellationToken.None);
        Assert.Equal(TimeSpan.Zero, channel.ProgramTime);
        await Assert.ThrowsAsync<InvalidOperationException>(() => channel.RunAsync(new GuestCommand("fio", []), CancellationToken.None));
    }

    private void Says(string error) => _guest.RunAsync(default!, default).ReturnsForAnyArgs(new GuestCommandResult(0, null, "{}", error, TimeSpan.Zero));
}
