// The noisy neighbour as a separate program, for benches in PowerShell: it disturbs the host until it is ended.
namespace KvmTune.Bench.Lab;

/// <summary>Runs the neighbour.</summary>
internal static class NeighbourProgram
{
    private const int Seed = 20261128;

    /// <summary>Disturbs the host until standard input is closed.</summary>
    public static async IAsyncEnumerable<BenchFigure> RunAsync()
    {
        using (new NoisyNeighbour(LabVM.Folder, Seed))
        {
            await Console.In.ReadToEndAsync();
        }

        yield break;
    }
}
