// Reads iperf3's JSON report of a test in both directions, strictly.
using System.Text.Json;
using KvmTune.Guest;

namespace KvmTune.Measurement.Workloads;

/// <summary>The figures of one iperf3 run, seen from the guest. Rates are measured at the receiver, in Gbit/s.</summary>
internal sealed record IperfReport(
    double SentGbit, double ReceivedGbit, double GuestRetransmits, double HostRetransmits, IReadOnlyList<double> PerSecondGbit)
{
    /// <summary>Reads a report.</summary>
    /// <returns>The report, or the reason why it is not usable.</returns>
    public static (IperfReport? Report, string? Failure) Parse(string output)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            var root = document.RootElement;
            if (root.TryGetProperty("error", out var error))
            {
                return (null, $"iperf3: {error.GetString()}");
            }

            var end = root.GetProperty("end");
            var rates = new List<double>();
            foreach (var interval in root.GetProperty("intervals").EnumerateArray())
            {
                // The seconds of the ramp are marked as omitted, and a shorter interval at the end is not a whole second.
                var sum = interval.GetProperty("sum");
                if (!sum.GetProperty("omitted").GetBoolean() && sum.GetProperty("seconds").GetDouble() > 0.5)
                {
                    rates.Add((Bits(sum) + Bits(interval.GetProperty("sum_bidir_reverse"))) / 1e9);
                }
            }

            return (new IperfReport(
                Bits(end.GetProperty("sum_received")) / 1e9,
                Bits(end.GetProperty("sum_received_bidir_reverse")) / 1e9,
                Retransmits(end.GetProperty("sum_sent")),
                Retransmits(end.GetProperty("sum_sent_bidir_reverse")),
                rates), null);
        }
        catch (Exception exception) when (GuestText.IsUnreadable(exception))
        {
            return (null, $"iperf3's report lacks something: {exception.Message}");
        }
    }

    private static double Bits(JsonElement sum) => sum.GetProperty("bits_per_second").GetDouble();

    private static double Retransmits(JsonElement sum) => sum.TryGetProperty("retransmits", out var count) ? count.GetDouble() : 0;
}
