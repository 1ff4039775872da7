// The processor workload as a sysbench script: the same prime numbers as sysbench's own test, with more frequent reports.
using System.Globalization;

namespace KvmTune.Measurement.Streams;

/// <summary>A sysbench script that reports its events ten times a second, by thread and by the guest's own clock.</summary>
/// <remarks>
/// sysbench itself reports once a second at most. The script counts the events of its thread and how long each took, in bins an eighth of a
/// doubling wide. It writes a line when a tenth of a second is over and an event has just ended, so that no event counts for two lines. Its
/// loops count in whole numbers, because LuaJIT then divides as sysbench's own test does; fractions take twice as long, and ten times as long
/// under emulation.
/// </remarks>
internal static class CpuScript
{
    /// <summary>The name of the script's file.</summary>
    public const string FileName = "rate_cpu.lua";

    /// <summary>The name of the file that it writes to.</summary>
    public const string LogName = "rate_cpu.log";

    // CLOCK_BOOTTIME (7) is the clock of /proc/uptime.
    public const string Lua = """
        local ffi = require("ffi")
        ffi.cdef[[
        typedef struct { long seconds; long nanoseconds; } kvmtune_time;
        int clock_gettime(int clock, kvmtune_time *time);
        ]]
        local time = ffi.new("kvmtune_time")
        local function now()
          ffi.C.clock_gettime(7, time)
          return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
        end
        local interval, most = 0.1, 10000
        local last, count, bins, found = nil, 0, {}, 0
        function thread_init()
          io.stdout:setvbuf("line")
          last = now()
        end
        function event(thread)
          local began = now()
          local primes = 0
          for c = 3, most - 1 do
            local prime = 1
            for l = 2, math.floor(math.sqrt(c)) do
              if c % l == 0 then prime = 0 break end
            end
            primes = primes + prime
          end
          local ended = now()
          count = count + 1
          local bin = math.floor(math.log(math.max(ended - began, 1e-9) * 1e9) / math.log(2) * 8)
          bins[bin] = (bins[bin] or 0) + 1
          if ended - last >= interval then
            local words = {}
            for k, v in pairs(bins) do words[#words + 1] = k .. ":" .. v end
            io.write(string.format("kvmtune %d %.6f %.6f %d %s\n", sysbench.tid or thread, last, ended, count, table.concat(words, ",")))
            last, count, bins = ended, 0, {}
          end
          found = found + primes
        end
        """;

    /// <summary>Reads the lines.</summary>
    /// <param name="text">The script's output.</param>
    /// <param name="rate">The name of the rate.</param>
    public static IReadOnlyList<StreamSample> Parse(string text, string rate)
    {
        const NumberStyles style = NumberStyles.AllowDecimalPoint;
        ArgumentNullException.ThrowIfNull(text);
        var culture = CultureInfo.InvariantCulture;
        var samples = new List<StreamSample>();
        foreach (var line in text.Split('\n'))
        {
            if (line.Split(' ') is not ["kvmtune", var thread, var from, var to, var events, var bins]
                || !int.TryParse(thread, NumberStyles.None, culture, out var source) || source > 4096
                || !double.TryParse(from, style, culture, out var start) || !double.TryParse(to, style, culture, out var end)
                || !int.TryParse(events, NumberStyles.None, culture, out var count) || count < 1
                || !(end > start) || end > 1e10)
            {
                continue;
            }

            samples.Add(new(start, end, new Dictionary<string, double>(StringComparer.Ordinal) { [rate] = count / (end - start) })
            {
                Source = source,
                Latencies = Bins(bins),
            });
        }

        return [.. samples.OrderBy(sample => sample.StartSeconds)];
    }

    private static List<HistogramBin> Bins(string text)
    {
        var bins = new List<HistogramBin>();
        foreach (var word in text.Split(','))
        {
            if (word.Split(':') is [var bin, var count]
                && int.TryParse(bin, NumberStyles.None, CultureInfo.InvariantCulture, out var k) && k < 512
                && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var events))
            {
                bins.Add(new(Math.Pow(2, k / 8.0), Math.Pow(2, (k + 1) / 8.0), events));
            }
        }

        return bins;
    }
}
