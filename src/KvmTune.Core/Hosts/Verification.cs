// What was read back from libvirt, the kernel or the guest after something was asked for.
namespace KvmTune.Hosts;

/// <summary>Something that was read back after a change.</summary>
/// <param name="What">What was looked at, for example <c>vCPU 0 affinity</c>.</param>
/// <param name="Source">Where it was read, for example <c>kernel: /proc/812/task/815/status</c>.</param>
/// <param name="Expected">What the change asked for.</param>
/// <param name="Actual">What is there.</param>
public sealed record Verification(string What, string Source, string Expected, string Actual)
{
    /// <summary>Whether what is there is what was asked for.</summary>
    public bool IsMet => string.Equals(Expected, Actual, StringComparison.Ordinal);

    /// <summary>For example <c>vCPU 0 affinity: 2 (kernel: /proc/812/task/815/status)</c>.</summary>
    public override string ToString() => IsMet ? $"{What}: {Actual} ({Source})" : $"{What}: {Actual} instead of {Expected} ({Source})";
}
