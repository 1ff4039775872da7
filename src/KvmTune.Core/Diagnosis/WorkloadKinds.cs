// The workloads by area, as findings name them.
namespace KvmTune.Diagnosis;

/// <summary>Groups of workload names (<see cref="Measurement.Workloads.WorkloadCatalog"/>).</summary>
public static class WorkloadKinds
{
    /// <summary>Work of the processors.</summary>
    public static IReadOnlyList<string> Cpu { get; } = ["Cpu", "CpuLatency"];

    /// <summary>Work whose speed depends on the place and the page size of memory.</summary>
    public static IReadOnlyList<string> Memory { get; } = ["Memory", "Cpu"];

    /// <summary>Many small requests to a disk.</summary>
    public static IReadOnlyList<string> RandomDisk { get; } = ["RandomRead", "RandomWrite", "RandomMixed"];

    /// <summary>Everything that reads and writes a disk.</summary>
    public static IReadOnlyList<string> Disk { get; } = [.. RandomDisk, "SequentialRead", "SequentialWrite", "SyncWrite"];

    /// <summary>Everything that writes to a disk.</summary>
    public static IReadOnlyList<string> DiskWrite { get; } = ["RandomWrite", "RandomMixed", "SequentialWrite", "SyncWrite"];

    /// <summary>Traffic over a NIC.</summary>
    public static IReadOnlyList<string> Network { get; } = ["Network"];

    /// <summary>Any work of the VM.</summary>
    public static IReadOnlyList<string> Any { get; } = [.. Cpu, "Memory", .. Disk, .. Network];
}
