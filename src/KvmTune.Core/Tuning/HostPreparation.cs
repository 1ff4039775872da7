// A step on the host that a change of a VM needs first, and that is taken back when the change fails.
using KvmTune.Hosts;

namespace KvmTune.Tuning;

/// <summary>What is done on the host before a change.</summary>
public abstract class HostPreparation
{
    /// <summary>What it does, in words, for example <c>reserve 256 pages of 2 MiB on node 0</c>.</summary>
    public abstract string Title { get; }

    /// <summary>The virsh command that does the same.</summary>
    public abstract string VirshCommand { get; }

    /// <summary>The pools that it will grow, as they are: what undoing the change gives back. To be read before it is done.</summary>
    /// <exception cref="KvmTuneException">The host cannot be reached.</exception>
    public abstract IReadOnlyList<ReservedPool> Reserves();

    /// <summary>Does it, and reads the result back.</summary>
    /// <exception cref="KvmTuneException">It could not be done; nothing is left of it.</exception>
    public abstract IReadOnlyList<Verification> Apply();

    /// <summary>Takes it back, as far as nobody uses it meanwhile.</summary>
    public abstract void TakeBack();

    /// <inheritdoc/>
    public override string ToString() => Title;
}

/// <summary>A pool of huge pages that a preparation grows.</summary>
/// <param name="Node">The NUMA node.</param>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="Before">How many pages were set before.</param>
/// <param name="Added">How many are added.</param>
public sealed record ReservedPool(int Node, long PageSizeKiB, long Before, long Added);
