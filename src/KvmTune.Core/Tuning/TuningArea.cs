// The four areas of a VM that can hold it back, and the two places where a change can be made.
namespace KvmTune.Tuning;

/// <summary>The area of a change, a rule or a finding.</summary>
[JsonText(typeof(EnumName))]
public enum TuningArea
{
    /// <summary>vCPUs, emulator and I/O threads, and where they run.</summary>
    Cpu,

    /// <summary>Disks.</summary>
    Disk,

    /// <summary>Memory, its pages and its place.</summary>
    Memory,

    /// <summary>Network interfaces.</summary>
    Network,

    /// <summary>All of them.</summary>
    General,
}

/// <summary>Where a change is made.</summary>
[JsonText(typeof(EnumName))]
public enum ChangeScope
{
    /// <summary>Wherever the VM has it: running, persistent, or both; only the persistent part where the running one cannot be changed.</summary>
    Auto,

    /// <summary>Only in the running VM; lost at the next start.</summary>
    Live,

    /// <summary>Only in the persistent configuration; in force from the next start on.</summary>
    Config,

    /// <summary>In both.</summary>
    Both,
}
