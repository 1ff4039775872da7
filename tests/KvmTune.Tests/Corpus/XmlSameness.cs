// Whether two documents say the same: the order of attributes and white space between elements do not count, all else does.
using System.Xml.Linq;

namespace KvmTune.Tests.Corpus;

/// <summary>Compares XML documents.</summary>
public static class XmlSameness
{
    /// <summary>The document in a form in which the same documents are the same text.</summary>
    public static string Normalised(string xml) => Normalised(XDocument.Parse(xml).Root!).ToString(SaveOptions.None);

    /// <summary>The same where the order of elements does not count either.</summary>
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
