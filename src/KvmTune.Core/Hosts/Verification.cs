// A value that was read back from libvirt, the kernel or the guest after a change.
namespace KvmTune.Hosts;

/// <summary>The place where the effect of a change was read back; each is nearer to the guest than the one before it.</summary>
[JsonText(typeof(EnumName))]
public enum VerifiedBy
{
    /// <summary>libvirt.</summary>
    Libvirt,

    /// <summary>The VM's QEMU: its command line, or its answer to libvirt.</summary>
    Qemu,

    /// <summary>The kernel of the host.</summary>
    Kernel,

    /// <summary>The guest itself.</summary>
    Guest,
}

/// <summary>A value that was read back after a change.</summary>
/// <param name="What">The subject, for example <c>vCPU 0 affinity</c>.</param>
/// <param name="By">The place that was read.</param>
/// <param name="Source">The source in words, for example <c>kernel: /proc/812/task/815/status</c>.</param>
/// <param name="Expected">The value that the change requested.</param>
/// <param name="Actual">The value that was read back.</param>
public sealed record Verification(string What, VerifiedBy By, string Source, string Expected, string Actual)
{
    /// <summary>Whether the actual value is the requested one.</summary>
    public bool IsMet => string.Equals(Expected, Actual, StringComparison.Ordinal);

    /// <summary>For example <c>vCPU 0 affinity: 2 (kernel: /proc/812/task/815/status)</c>.</summary>
    public override string ToString() => IsMet ? $"{What}: {Actual} ({Source})" : $"{What}: {Actual} instead of {Expected} ({Source})";
}
