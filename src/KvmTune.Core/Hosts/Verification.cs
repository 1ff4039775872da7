// What was read back from libvirt, the kernel or the guest after something was asked for.
namespace KvmTune.Hosts;

/// <summary>Where the effect of a change was read back; each is nearer to the guest than the one before it.</summary>
[JsonText(typeof(EnumName))]
public enum VerifiedBy
{
    /// <summary>libvirt.</summary>
    Libvirt,

    /// <summary>The VM's QEMU: its command line, or libvirt asked it.</summary>
    Qemu,

    /// <summary>The kernel of the host.</summary>
    Kernel,

    /// <summary>The guest itself.</summary>
    Guest,
}

/// <summary>Something that was read back after a change.</summary>
/// <param name="What">What was looked at, for example <c>vCPU 0 affinity</c>.</param>
/// <param name="By">Who was asked.</param>
/// <param name="Source">Where it was read, for people, for example <c>kernel: /proc/812/task/815/status</c>.</param>
/// <param name="Expected">What the change asked for.</param>
/// <param name="Actual">The value that was read back.</param>
public sealed record Verification(string What, VerifiedBy By, string Source, string Expected, string Actual)
{
    /// <summary>Whether the value read back is the requested one.</summary>
    public bool IsMet => string.Equals(Expected, Actual, StringComparison.Ordinal);

    /// <summary>For example <c>vCPU 0 affinity: 2 (kernel: /proc/812/task/815/status)</c>.</summary>
    public override string ToString() => IsMet ? $"{What}: {Actual} ({Source})" : $"{What}: {Actual} instead of {Expected} ({Source})";
}
