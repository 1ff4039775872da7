// Converts a guest's times to the host's clock. It asks the guest for its time before and after a load.
using System.Globalization;
using KvmTune.Guest;

namespace KvmTune.Measurement.Streams;

/// <summary>One query of the guest's time. All times are in seconds; the host's are on its monotonic clock.</summary>
/// <param name="Before">The host's time before it was asked.</param>
/// <param name="After">The host's time after the answer.</param>
/// <param name="Uptime">The guest's time since its start.</param>
internal sealed record ClockProbe(double Before, double After, double Uptime);

/// <summary>The offset between the guest's clock and the host's.</summary>
/// <remarks>
/// The guest reads its time at some moment of the round trip, so the error is half of the round trip (Cristian, "Probabilistic clock
/// synchronization", Distributed Computing 3 (1989) 146–158). Of several queries the one with the shortest round trip counts, one before the
/// load and one after it; between them the clock is assumed to drift evenly.
/// </remarks>
internal sealed record GuestClock(double GuestFirst, double OffsetFirst, double GuestLast, double OffsetLast, double ErrorSeconds)
{
    // /proc/uptime has hundredths of a second, truncated and not rounded.
    private const double UptimeStep = 0.01;

    // The kernel slews a clock by at most 500 parts in a million (adjtimex(2)). A larger difference means that the clock was set.
    private const double LargestDrift = 500e-6;

    private const string Script = "read -r up rest < /proc/uptime; echo \"$up\"";

    /// <summary>Asks the guest a few times.</summary>
    /// <exception cref="GuestChannelException">The guest did not answer, or its answer is not a time.</exception>
    public static async Task<IReadOnlyList<ClockProbe>> AskAsync(IGuestChannel channel, TimeProvider time, CancellationToken cancellationToken)
    {
        const int times = 3;
        var probes = new List<ClockProbe>();
        for (var i = 0; i < times; i++)
        {
            var before = Now(time);
            var result = await channel.RunAsync(GuestScripts.Command(Script), cancellationToken);
            var after = Now(time);
            probes.Add(Parse(result.StandardOutput, before, after) ?? throw new GuestChannelException(
                GuestChannelReason.AgentCommandFailed, $"The guest did not report its time: {result.Describe()}"));
        }

        return probes;
    }

    /// <summary>The host's monotonic clock in seconds.</summary>
    public static double Now(TimeProvider time) => time.GetElapsedTime(0).TotalSeconds;

    /// <summary>Reads an answer; null if it is not a time.</summary>
    public static ClockProbe? Parse(string output, double before, double after) =>
        ReadUptime(output.AsSpan().Trim()) is { } uptime ? new(before, after, uptime) : null;

    /// <summary>Reads a time since the guest's start, as the middle of its possible range; null if the text is not a time.</summary>
    public static double? ReadUptime(ReadOnlySpan<char> text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var uptime) && uptime is >= 0 and < 1e10
            ? uptime + (UptimeStep / 2)
            : null;

    /// <summary>The clock's offset, from queries before a load and queries after it.</summary>
    /// <returns>The clock; or null with the reason why it cannot be used.</returns>
    public static (GuestClock? Clock, string? Failure) Of(IReadOnlyList<ClockProbe> before, IReadOnlyList<ClockProbe> after)
    {
        var (first, last) = (Best(before), Best(after));
        var error = Math.Max(first.Error, last.Error);
        var moved = Math.Abs(last.Offset - first.Offset);
        return moved > first.Error + last.Error + (LargestDrift * Math.Max(0, last.Guest - first.Guest))
            ? (null, string.Create(CultureInfo.InvariantCulture, $"The guest's clock was set while the load ran: it moved by {moved:0.###} s against the host's."))
            : (new GuestClock(first.Guest, first.Offset, last.Guest, last.Offset, error), null);
    }

    /// <summary>A guest's time on the host's clock.</summary>
    public double ToHost(double guest)
    {
        var share = GuestLast > GuestFirst ? Math.Clamp((guest - GuestFirst) / (GuestLast - GuestFirst), 0, 1) : 0;
        return guest + OffsetFirst + (share * (OffsetLast - OffsetFirst));
    }

    // The step of /proc/uptime also affects the lines of a load, by half a hundredth; so the error has a whole one.
    private static (double Guest, double Offset, double Error) Best(IReadOnlyList<ClockProbe> probes)
    {
        var best = probes.MinBy(probe => probe.After - probe.Before)!;
        return (best.Uptime, ((best.Before + best.After) / 2) - best.Uptime, ((best.After - best.Before) / 2) + UptimeStep);
    }
}
