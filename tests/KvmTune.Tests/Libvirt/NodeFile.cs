// A host of libvirt's test driver, described in a file: every connection that opens it has its own state.
using System.Xml.Linq;
using KvmTune.Libvirt;

namespace KvmTune.Tests.Libvirt;

internal sealed class NodeFile : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"kvmtune-node-{Guid.NewGuid():N}.xml");

    /// <summary>A host with running domains of these names.</summary>
    public NodeFile(params string[] names)
        : this(names.Select(name => Domain(name)))
    {
    }

    public NodeFile(IEnumerable<XElement> domains)
        => new XDocument(new XElement("node", domains)).Save(_path);

    public string Uri => $"test://{_path}";

    /// <summary>The smallest domain that the test driver accepts, with two virtual CPUs.</summary>
    public static XElement Domain(string name, Guid? id = null, params object[] content) => new(
        "domain",
        new XAttribute("type", "test"),
        new XElement("name", name),
        new XElement("uuid", id ?? Guid.NewGuid()),
        new XElement("memory", new XAttribute("unit", "MiB"), 64),
        new XElement("vcpu", 2),
        new XElement("os", new XElement("type", "hvm")),
        content);

    public LibvirtConnection Open(ConnectionAccess access = ConnectionAccess.ReadWrite) => LibvirtConnection.Open(Uri, access);

    public void Dispose() => File.Delete(_path);
}
