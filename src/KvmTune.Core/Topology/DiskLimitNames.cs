// The names of a disk's limits: libvirt's in the XML, those of the parameters of Set-DiskThrottle in everything else that a person reads.
namespace KvmTune.Topology;

/// <summary>Names the limits of a disk's I/O as the parameters of Set-DiskThrottle do.</summary>
public static class DiskLimitNames
{
    private const string LengthEnding = "_length";

    /// <summary>The parameters for a single limit, with libvirt's name of the limit.</summary>
    public static IReadOnlyDictionary<string, string> Parameters { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["TotalBytesPerSecond"] = "total_bytes_sec",
        ["ReadBytesPerSecond"] = "read_bytes_sec",
        ["WriteBytesPerSecond"] = "write_bytes_sec",
        ["TotalIops"] = "total_iops_sec",
        ["ReadIops"] = "read_iops_sec",
        ["WriteIops"] = "write_iops_sec",
        ["TotalBytesPerSecondMax"] = "total_bytes_sec_max",
        ["ReadBytesPerSecondMax"] = "read_bytes_sec_max",
        ["WriteBytesPerSecondMax"] = "write_bytes_sec_max",
        ["TotalIopsMax"] = "total_iops_sec_max",
        ["ReadIopsMax"] = "read_iops_sec_max",
        ["WriteIopsMax"] = "write_iops_sec_max",
        ["IopsSize"] = "size_iops_sec",
    };

    private static readonly Dictionary<string, string> ByLimit = Parameters.ToDictionary(name => name.Value, name => name.Key, StringComparer.Ordinal);

    /// <summary>The name of a limit, for example <c>TotalIops</c>, or <c>BurstLength of TotalIopsMax</c>: one parameter sets the lengths of all bursts.</summary>
    /// <param name="limit">libvirt's name of the limit.</param>
    public static string Of(string limit)
    {
        ArgumentNullException.ThrowIfNull(limit);
        return limit.EndsWith(LengthEnding, StringComparison.Ordinal)
            ? $"BurstLength of {Of(limit[..^LengthEnding.Length])}"
            : ByLimit.GetValueOrDefault(limit, limit);
    }
}
