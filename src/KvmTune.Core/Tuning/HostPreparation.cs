// A step on the host that a change of a VM needs first. It is taken back if the change fails.
using KvmTune.Hosts;

namespace KvmTune.Tuning;

/// <summary>A preparation of the host for a change.</summary>
public abstract class HostPreparation
{
    /// <summary>The step in words, for example <c>reserve 256 pages of 2 MiB on node 0</c>.</summary>
    public abstract string Title { get; }

    /// <summary>The equivalent virsh command.</summary>
    public abstract string VirshCommand { get; }

    /// <summary>The pools that the step will grow, with their present sizes for undo. Call it before <see cref="Apply"/>.</summary>
    /// <exception cref="KvmTuneException">The host cannot be reached.</exception>
    public abstract IReadOnlyList<ReservedPool> Reserves();

    /// <summary>Makes the preparation and reads the result back.</summary>
    /// <exception cref="KvmTuneException">The preparation failed and was taken back.</exception>
    public abstract IReadOnlyList<Verification> Apply();

    /// <summary>Takes the preparation back, except for the part that is in use by now.</summary>
    public abstract void TakeBack();

    /// <inheritdoc/>
    public override string ToString() => Title;
}

/// <summary>A pool of huge pages that a preparation grows.</summary>
/// <param name="Node">The NUMA node.</param>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="Before">The number of pages before.</param>
/// <param name="Added">The number of added pages.</param>
public sealed record ReservedPool(int Node, long PageSizeKiB, long Before, long Added);
