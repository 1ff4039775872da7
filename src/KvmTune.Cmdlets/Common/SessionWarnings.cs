// Remembers the warnings that this PowerShell process has shown, for warnings that hold for a VM independently of the change.
using System.Collections.Concurrent;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Warnings that are shown once per session and VM.</summary>
internal static class SessionWarnings
{
    private static readonly ConcurrentDictionary<(string ConnectionUri, Guid VMId, string Warning), bool> Given = new();

    /// <summary>Whether the warning is the first of its kind for the plan's VM.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="warning">The warning's name.</param>
    public static bool IsFirst(VMTuningPlan plan, string warning) => Given.TryAdd((plan.ConnectionUri, plan.VMId, warning), true);

    /// <summary>Whether the warning is the first of its kind for the VM of one of the plans. It counts as shown for all of them.</summary>
    public static bool IsFirst(IEnumerable<VMTuningPlan> plans, string warning) => plans.Aggregate(false, (isFirst, plan) => IsFirst(plan, warning) || isFirst);

    /// <summary>Whether the warning was already shown for the plan's VM.</summary>
    public static bool IsGiven(VMTuningPlan plan, string warning) => Given.ContainsKey((plan.ConnectionUri, plan.VMId, warning));
}
