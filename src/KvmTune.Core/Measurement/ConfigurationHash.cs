// A fingerprint of a VM's running configuration. It ignores the parts that libvirt chooses anew at each start.
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;

namespace KvmTune.Measurement;

/// <summary>Hashes a VM's running XML.</summary>
public static class ConfigurationHash
{
    // libvirt sets these at each start, or other programs keep their own data in them (metadata). None of them changes how fast the VM is.
    private static readonly string[] IgnoredElements = ["alias", "seclabel", "metadata", "title", "description", "resource"];

    /// <summary>SHA-256 over the XML without the parts that differ at each start, in upper-case hex.</summary>
    /// <remarks>
    /// Left out: the domain's id, aliases, security labels, metadata, tap device names and port ids that libvirt chose, automatically chosen
    /// display ports, terminal names, paths and states of channels, and the numbers of block nodes. Attribute order and blanks do not count.
    /// </remarks>
    /// <exception cref="System.Xml.XmlException">The text is not XML.</exception>
    public static string Of(string runningXml)
    {
        var root = new XElement(XElement.Parse(runningXml));
        root.SetAttributeValue("id", null);
        root.Descendants().Where(element => IgnoredElements.Contains(element.Name.LocalName, StringComparer.Ordinal)).Remove();
        foreach (var element in root.Descendants())
        {
            switch (element.Name.LocalName)
            {
                case "interface":
                    element.Element("target")?.SetAttributeValue("dev", null);
                    element.Element("source")?.SetAttributeValue("portid", null);
                    element.Element("actual")?.Remove();
                    break;
                case "graphics" when (string?)element.Attribute("autoport") is "yes":
                    element.SetAttributeValue("port", null);
                    element.SetAttributeValue("tlsPort", null);
                    element.SetAttributeValue("websocket", null);
                    break;
                case "graphics":
                    element.SetAttributeValue("passwd", null);
                    break;
                case "channel":
                    element.Element("source")?.SetAttributeValue("path", null);
                    element.Element("target")?.SetAttributeValue("state", null);
                    break;
                case "serial" or "console" or "parallel":
                    element.SetAttributeValue("tty", null);
                    element.Element("source")?.SetAttributeValue("path", null);
                    break;
                case "source" or "backingStore":
                    element.SetAttributeValue("index", null);
                    break;
                default:
                    break;
            }
        }

        var text = new StringBuilder();
        Write(text, root);
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static void Write(StringBuilder text, XElement element)
    {
        text.Append('<').Append(element.Name);
        foreach (var attribute in element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration)
            .OrderBy(attribute => attribute.Name.ToString(), StringComparer.Ordinal))
        {
            text.Append(' ').Append(attribute.Name).Append("=\"").Append(attribute.Value).Append('"');
        }

        text.Append('>');
        foreach (var node in element.Nodes())
        {
            if (node is XElement child)
            {
                Write(text, child);
            }
            else if (node is XText { Value: var value } && !string.IsNullOrWhiteSpace(value))
            {
                text.Append(value.Trim());
            }
        }

        text.Append("</>");
    }
}
