// The four areas of a VM that can be a bottleneck, and the two places where a change can be made.
namespace KvmTune.Tuning;

/// <summary>The area of a change, a rule or a finding.</summary>
[JsonText(typeof(EnumName))]
public enum TuningArea
{
    /// <summary>vCPUs, emulator and I/O threads, and where they run.</summary>
    Cpu,

    /// <summary>Disks.</summary>
    Disk,

    /// <summary>Memory, its pages and its NUMA nodes.</summary>
    Memory,

    /// <summary>Network interfaces.</summary>
    Network,

    /// <summary>All areas.</summary>
    General,
}

/// <summary>Where a change is made.</summary>
[JsonText(typeof(EnumName))]
public enum ChangeScope
{
    /// <summary>In every configuration of the VM, running and persistent; only in the persistent one if a running VM cannot take it.</summary>
    Auto,

    /// <summary>Only in the running VM; lost at the next start.</summary>
    Live,

    /// <summary>Only in the persistent configuration; in force from the next start on.</summary>
    Config,

    /// <summary>In the running VM and in the persistent configuration.</summary>
    Both,
}
