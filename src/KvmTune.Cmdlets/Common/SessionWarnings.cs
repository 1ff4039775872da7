// Remembers what this PowerShell process was warned of already, for warnings that hold for a VM whatever is changed.
using System.Collections.Concurrent;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Warnings that are given once a session and VM.</summary>
internal static class SessionWarnings
{
    private static readonly ConcurrentDictionary<(string ConnectionUri, Guid VMId, string Warning), bool> Given = new();

    /// <summary>Whether the warning is the first of its kind for the plan's VM.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="warning">What is warned of.</param>
    public static bool IsFirst(VMTuningPlan plan, string warning) => Given.TryAdd((plan.ConnectionUri, plan.VMId, warning), true);

    /// <summary>Whether the plan's VM was warned of it already.</summary>
    public static bool IsGiven(VMTuningPlan plan, string warning) => Given.ContainsKey((plan.ConnectionUri, plan.VMId, warning));
}
