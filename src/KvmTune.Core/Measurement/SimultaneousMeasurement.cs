// Several VMs measured at the same time, to see how they disturb each other.
namespace KvmTune.Measurement;

/// <summary>Marks measurements that were made at the same time.</summary>
public static class SimultaneousMeasurement
{
    /// <summary>Returns the measurement with a note that names the VMs that were under load at the same time.</summary>
    /// <param name="performance">The measurement.</param>
    /// <param name="vmNames">All VMs of the call, this one too.</param>
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
