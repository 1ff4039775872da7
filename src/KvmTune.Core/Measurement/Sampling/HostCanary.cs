// A little fixed work on all processors of the local host at once. It detects slow phases that no counter shows.
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace KvmTune.Measurement.Sampling;

/// <summary>
/// Times work that takes 35 ms on a quiet host. The work runs on every processor at once, and the slowest one counts. A run gets the
/// slower of the canaries before and after it; consecutive runs share the one between them.
/// </summary>
internal sealed class HostCanary(TimeProvider time) : IRunSampler
{
    /// <summary>The gauge's name.</summary>
    public const string Counter = "HostCanaryNanoseconds";

    private static readonly TimeSpan Length = TimeSpan.FromMilliseconds(35);
    private static readonly TimeSpan StillFresh = TimeSpan.FromMilliseconds(250);
    private static readonly Lazy<long> Steps = new(Calibrate);

    private static ulong _sink;

    private double? _last;
    private long _lastAt;

    /// <inheritdoc/>
    public CounterReading Read()
    {
        var before = _last;
        if (before is not null && time.GetElapsedTime(_lastAt) < StillFresh)
        {
            return Tell(before.Value);
        }

        var now = Fly(Steps.Value);
        (_last, _lastAt) = (now, time.GetTimestamp());
        return Tell(Math.Max(now, before ?? 0));
    }

    /// <summary>Does the steps on every processor, and returns the nanoseconds until the last one has finished.</summary>
    internal static double Fly(long steps)
    {
        var threads = new Thread[Environment.ProcessorCount];
        using var start = new Barrier(threads.Length + 1);
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(() =>
            {
                start.SignalAndWait();
                Work(steps);
            })
            { IsBackground = true };
            threads[i].Start();
        }

        start.SignalAndWait();
        var watch = Stopwatch.GetTimestamp();
        foreach (var thread in threads)
        {
            thread.Join();
        }

        return Stopwatch.GetElapsedTime(watch).TotalNanoseconds;
    }

    private static CounterReading Tell(double nanoseconds) => new(
        new Dictionary<string, double>(StringComparer.Ordinal),
        new Dictionary<string, double>(StringComparer.Ordinal) { [Counter] = nanoseconds });

    // Takes the quickest of several tries, so that load on the host at this moment does not become the reference.
    private static long Calibrate()
    {
        const long probe = 2_000_000;
        var quickest = double.PositiveInfinity;
        for (var i = 0; i < 7; i++)
        {
            var start = Stopwatch.GetTimestamp();
            Work(probe);
            quickest = Math.Min(quickest, Stopwatch.GetElapsedTime(start).TotalNanoseconds);
        }

        return (long)(probe * Length.TotalNanoseconds / quickest);
    }

    // Each step depends on the one before (xorshift: Marsaglia, J. Stat. Softw. 8 (2003) 14), so the compiler and the CPU can skip none.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Work(long steps)
    {
        var x = 88172645463325252UL;
        for (var i = 0L; i < steps; i++)
        {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }

        Volatile.Write(ref _sink, x);
    }
}
