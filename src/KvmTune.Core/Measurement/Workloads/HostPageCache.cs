// The effect of the host's page cache on a disk workload. With the cache modes writeback and unsafe the host keeps data in memory: reads may not
// come from the disk, and writes may not have reached it.
using System.Globalization;
using System.Xml.Linq;

namespace KvmTune.Measurement.Workloads;

/// <summary>Writes notes about the host's page cache.</summary>
internal static class HostPageCache
{
    /// <summary>The notes for a reader, each a sentence.</summary>
    /// <param name="runningXml">The VM's running configuration.</param>
    /// <param name="target">The disk that the test file is on.</param>
    /// <param name="job">The fio job on it.</param>
    /// <param name="fileSizeMiB">The size of the file.</param>
    public static IEnumerable<string> Notes(string runningXml, string target, FioJob job, int fileSizeMiB)
    {
        var disk = XDocument.Parse(runningXml).Root?.Element("devices")?.Elements("disk")
            .FirstOrDefault(element => target.Equals((string?)element.Element("target")?.Attribute("dev"), StringComparison.Ordinal));
        var cache = (string?)disk?.Element("driver")?.Attribute("cache");
        if (disk is null || cache is "none" or "directsync")
        {
            yield break;
        }

        var mode = $"Disk {target} has cache mode {(cache is null or "default" ? "writeback (QEMU's default)" : cache)}";
        if (job.Section is not "write")
        {
            yield return $"{mode}: the host may keep the test file in its memory, so that reads come from there and not from the disk.";
        }

        // writethrough flushes each write; an fsync after each does the same, except under unsafe, which ignores flushes.
        if (job.Section is not "read" && cache is not "writethrough" && (!job.IsSync || cache is "unsafe"))
        {
            yield return $"{mode}: the host takes writes into its memory and brings them to the disk later, so that the speed of its memory was measured and "
                + $"not that of the disk, as far as the test file ({fileSizeMiB.ToString(CultureInfo.InvariantCulture)} MiB) fits there.";
        }
    }
}
