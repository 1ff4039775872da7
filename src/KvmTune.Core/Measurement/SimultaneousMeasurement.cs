// Several VMs at once, for when disturbing each other is the point.
namespace KvmTune.Measurement;

/// <summary>Marks measurements that were made at the same time.</summary>
public static class SimultaneousMeasurement
{
    /// <summary>The same measurement with a note of the VMs that were loaded meanwhile.</summary>
    /// <param name="performance">The measurement.</param>
    /// <param name="vmNames">All VMs of the call, this one among them.</param>
    public static VMPerformance Mark(VMPerformance performance, IEnumerable<string> vmNames)
    {
        var others = vmNames.Where(name => !name.Equals(performance.VMName, StringComparison.Ordinal)).ToList();
        return others.Count == 0
            ? performance
            : performance with
            {
                Notes = [.. performance.Notes, $"Measured at the same time as {string.Join(", ", others)}: they disturbed each other, as requested."],
            };
    }
}
