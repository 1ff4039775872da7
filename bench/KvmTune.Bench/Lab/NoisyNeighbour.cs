// A bursty neighbour on the host: one thread that computes and one that writes to the disk with the lab's images, each in bursts of random
// length with pauses between them. Such a neighbour makes a host hard to measure on.
using System.Diagnostics;

namespace KvmTune.Bench.Lab;

/// <summary>Disturbs the host until it is disposed.</summary>
internal sealed class NoisyNeighbour : IDisposable
{
    private const int ChunkBytes = 4 << 20;
    private const long LargestFileBytes = 256L << 20;
    private static readonly TimeSpan LongestSpell = TimeSpan.FromSeconds(6);

    private readonly CancellationTokenSource _end = new();
    private readonly string _file;
    private readonly Thread[] _threads;

    /// <summary>Begins to disturb the host.</summary>
    /// <param name="folder">A folder on the disk to disturb.</param>
    /// <param name="seed">The seed of the bursts' lengths.</param>
    public NoisyNeighbour(string folder, int seed)
    {
        _file = Path.Combine(folder, $"noisy-neighbour-{Environment.ProcessId}");
        _threads =
        [
            new(() => InSpells(new Random(seed), static () => Thread.SpinWait(10_000))) { IsBackground = true },
            new(Write) { IsBackground = true },
        ];
        Array.ForEach(_threads, thread => thread.Start());

        void Write()
        {
            var chunk = new byte[ChunkBytes];
            new Random(seed).NextBytes(chunk);
            using var stream = new FileStream(_file, FileMode.Create, FileAccess.Write, FileShare.None, 0, FileOptions.DeleteOnClose);
            InSpells(new Random(seed + 1), () =>
            {
                if (stream.Position >= LargestFileBytes)
                {
                    stream.Position = 0;
                }

                stream.Write(chunk);
                stream.Flush(flushToDisk: true);
            });
        }
    }

    /// <summary>Ends the disturbance, and removes the file.</summary>
    public void Dispose()
    {
        _end.Cancel();
        Array.ForEach(_threads, thread => thread.Join());
        _end.Dispose();
    }

    private void InSpells(Random chance, Action work)
    {
        var watch = new Stopwatch();
        while (!_end.IsCancellationRequested)
        {
            var spell = LongestSpell * chance.NextDouble();
            watch.Restart();
            while (watch.Elapsed < spell && !_end.IsCancellationRequested)
            {
                work();
            }

            _end.Token.WaitHandle.WaitOne(LongestSpell * chance.NextDouble());
        }
    }
}
