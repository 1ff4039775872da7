// Whether two documents have the same content: the order of attributes and white space between elements do not count, everything else does.
using System.Xml.Linq;

namespace KvmTune.Tests.Corpus;

/// <summary>Compares XML documents.</summary>
public static class XmlSameness
{
    /// <summary>A normal form: documents with the same content have the same text.</summary>
    public static string Normalised(string xml) => Normalised(XDocument.Parse(xml).Root!).ToString(SaveOptions.None);

    /// <summary>A normal form in which the order of elements does not count either.</summary>
    public static string Unordered(string xml) => Unordered(Normalised(XDocument.Parse(xml).Root!)).ToString(SaveOptions.None);

    private static XElement Unordered(XElement element) => new(
        element.Name,
        element.Attributes(),
        element.Nodes().Select(node => node is XElement child ? Unordered(child) : node).OrderBy(node => node.ToString(), StringComparer.Ordinal));

    private static XElement Normalised(XElement element) => new(
        element.Name,
        element.Attributes().OrderBy(attribute => attribute.Name.ToString(), StringComparer.Ordinal),
        element.Nodes().Where(node => node is not XText text || !element.HasElements || !string.IsNullOrWhiteSpace(text.Value))
            .Select(node => node is XElement child ? Normalised(child) : node));
}
