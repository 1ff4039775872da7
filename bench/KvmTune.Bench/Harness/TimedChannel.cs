// A channel to a guest that also measures the time of the workload's program there, by the guest's own clock.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Statistics;

namespace KvmTune.Bench.Harness;

/// <summary>Passes everything on, and measures the time of one program in the guest.</summary>
/// <param name="channel">The real channel; disposed with this one.</param>
/// <param name="program">The program to measure; all others belong to the harness.</param>
internal sealed class TimedChannel(IGuestChannel channel, string program) : IGuestChannel
{
    // Uses only the shell's built-in commands: another process would count as the harness's time.
    private const string Script = """
        read -r started rest </proc/uptime
        "$@"
        code=$?
        read -r ended rest </proc/uptime
        echo "kvmtune-bench $started $ended" >&2
        exit $code
        """;

    private const string Mark = "kvmtune-bench ";

    private static readonly string[] Taker = ["/bin/sh", "-c", Script, "sh"];

    /// <inheritdoc/>
    public string Name => channel.Name;

    /// <summary>The total time of the program in the guest, since this was last set.</summary>
    public TimeSpan ProgramTime { get; set; }

    /// <inheritdoc/>
    public Task CheckAsync(CancellationToken cancellationToken) => channel.CheckAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        // The program may be an argument of one of the harness's scripts.
        List<string> words = [command.Path, .. command.Arguments];
        var place = words.IndexOf(program);
        if (place < 0)
        {
            return await channel.RunAsync(command, cancellationToken);
        }

        words.InsertRange(place, Taker);
        var result = await channel.RunAsync(command with { Path = words[0], Arguments = words[1..] }, cancellationToken);
        var at = result.StandardError.LastIndexOf(Mark, StringComparison.Ordinal);
        if (at < 0)
        {
            throw new InvalidOperationException($"The guest did not tell how long {program} ran: {result.Describe()}");
        }

        var times = result.StandardError[(at + Mark.Length)..].Split(' ', StringSplitOptions.TrimEntries);
        ProgramTime += TimeSpan.FromSeconds(Seconds(times[1]) - Seconds(times[0]));
        return result with { StandardError = result.StandardError[..at] };
    }

    /// <summary>
    /// The cost of measuring the time itself, which only this bench has: one more shell in the guest. A program that does nothing runs with it
    /// and without it, in turn; the result is the difference of the medians.
    /// </summary>
    public async Task<TimeSpan> OwnTimeAsync(CancellationToken cancellationToken)
    {
        var plain = new GuestCommand("true", []) { HasShortOutput = true };
        var timed = plain with { Path = Taker[0], Arguments = [.. Taker[1..], "true"] };
        var (without, with) = (new List<double>(), new List<double>());
        for (var i = 0; i < 15; i++)
        {
            foreach (var (command, times) in new[] { (plain, without), (timed, with) })
            {
                var started = Stopwatch.GetTimestamp();
                await channel.RunAsync(command, cancellationToken);
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
        }

        return TimeSpan.FromMilliseconds(Math.Max(0, Estimators.Median(with) - Estimators.Median(without)));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => channel.DisposeAsync();

    private static double Seconds(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
