// Reads a host's capabilities XML (virConnectGetCapabilities): nodes, CPUs, siblings, caches, page pools.
using System.Globalization;
using System.Xml.Linq;

namespace KvmTune.Topology;

/// <summary>Reads capabilities XML (format: libvirt formatcaps). Elements may be missing; some drivers report little.</summary>
public static class CapabilitiesReader
{
    /// <summary>Reads capabilities into a host topology: all CPUs count as online, and free memory and free pages are unknown.</summary>
    /// <param name="xml">The document from libvirt.</param>
    /// <param name="connectionUri">The connection that it came from.</param>
    /// <param name="hostName">The host's name.</param>
    /// <exception cref="System.Xml.XmlException">The text is not XML.</exception>
    public static VMHostTopology Read(string xml, string connectionUri, string hostName)
    {
        var host = XDocument.Parse(xml).Root?.Element("host");
        var nodes = host?.Element("topology")?.Element("cells")?.Elements("cell").Select(ReadNode).ToList() ?? [];
        return new VMHostTopology
        {
            ConnectionUri = connectionUri,
            HostName = hostName,
            Architecture = host?.Element("cpu")?.Element("arch")?.Value,
            CpuModel = host?.Element("cpu")?.Element("model")?.Value,
            Nodes = nodes,
            Caches = host?.Element("cache")?.Elements("bank").Select(ReadCache).ToList() ?? [],
            OnlineCpus = CpuSet.Of(nodes.SelectMany(node => node.Cpus).Select(cpu => cpu.Id)),
        };
    }

    private static HostNode ReadNode(XElement cell)
    {
        var id = Number(cell, "id") ?? 0;
        return new HostNode
        {
            Id = id,
            MemoryKiB = Size(cell.Element("memory")),
            Cpus = cell.Element("cpus")?.Elements("cpu").Select(cpu => ReadCpu(cpu, id)).ToList() ?? [],
            PagePools = cell.Elements("pages").Select(pages => new PagePool(
                id, XmlReading.ToKiB((string?)pages.Attribute("size"), (string?)pages.Attribute("unit")),
                long.TryParse(pages.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var total) ? total : 0, null)).ToList(),
            Distances = cell.Element("distances")?.Elements("sibling")
                .ToDictionary(sibling => Number(sibling, "id") ?? 0, sibling => Number(sibling, "value") ?? 0) ?? [],
        };
    }

    private static HostCpu ReadCpu(XElement cpu, int node)
    {
        var id = Number(cpu, "id") ?? 0;
        var siblings = CpuSet.TryParse((string?)cpu.Attribute("siblings"), out var set) && !set.IsEmpty ? set : new CpuSet(id);
        return new HostCpu(id, node, Number(cpu, "socket_id"), Number(cpu, "die_id"), Number(cpu, "core_id"), siblings);
    }

    private static HostCache ReadCache(XElement bank) => new(
        Number(bank, "id") ?? 0,
        Number(bank, "level") ?? 0,
        (string?)bank.Attribute("type") ?? "both",
        XmlReading.ToKiB((string?)bank.Attribute("size"), (string?)bank.Attribute("unit")),
        CpuSet.TryParse((string?)bank.Attribute("cpus"), out var cpus) ? cpus : CpuSet.Empty);

    private static long Size(XElement? element) => element is null ? 0 : XmlReading.ToKiB(element.Value.Trim(), (string?)element.Attribute("unit"));

    private static int? Number(XElement element, string attribute) =>
        int.TryParse((string?)element.Attribute(attribute), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;
}
