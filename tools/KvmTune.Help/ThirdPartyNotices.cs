// The licences of the packages that the module ships, collected from the packages themselves.
using System.Reflection;
using System.Text;
using System.Xml.Linq;

namespace KvmTune.Help;

/// <summary>Writes THIRD-PARTY-NOTICES.</summary>
public static class ThirdPartyNotices
{
    /// <summary>The notices of some packages: name, version, authors, copyright, where it comes from, and its licence's whole text.</summary>
    /// <param name="root">The folder where NuGet keeps unpacked packages.</param>
    /// <param name="packages">The packages, each as its id, a slash and its version.</param>
    /// <exception cref="HelpException">A package names no licence, or one whose text is not known here.</exception>
    public static string Render(string root, IEnumerable<string> packages)
    {
        var text = new StringBuilder("KvmTune ships these packages in the folder dependencies/. Each stands under the licence below its name.\n");
        foreach (var package in packages.Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase))
        {
            Append(text, Path.Combine(root, package.ToLowerInvariant()));
        }

        return text.ToString();
    }

    /// <summary>The notices of what is bundled into the script of the report, as its own build collected them.</summary>
    /// <param name="file">The file that it wrote.</param>
    /// <exception cref="HelpException">It wrote none.</exception>
    public static string Bundled(string file) => File.Exists(file)
        ? $"\n{new string('=', 78)}\nThe script in reports (Export-VMTuningReport) has these packages of npm in it:\n\n{File.ReadAllText(file).Trim()}\n"
        : throw new HelpException(file, 1, "The build of the report left no licences of what it bundled.");

    private static void Append(StringBuilder text, string folder)
    {
        var file = (Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.nuspec") : []).SingleOrDefault()
            ?? throw new HelpException(folder, 1, "NuGet has no such package here: there is no .nuspec in this folder.");
        var facts = XDocument.Load(file).Root!.Elements().Single(element => element.Name.LocalName == "metadata").Elements()
            .ToLookup(element => element.Name.LocalName, StringComparer.Ordinal);
        string? Fact(string name) => facts[name].FirstOrDefault()?.Value.Trim();
        text.Append('\n').Append('=', 78).Append('\n').Append(Fact("id")).Append(' ').Append(Fact("version")).Append('\n');
        foreach (var line in new[] { Fact("authors") is { } authors ? $"by {authors}" : null, Fact("copyright"), Fact("projectUrl") })
        {
            if (!string.IsNullOrEmpty(line))
            {
                text.Append(line).Append('\n');
            }
        }

        var licence = facts["license"].FirstOrDefault()
            ?? throw new HelpException(file, 1, "The package names no licence, so it must not be shipped.");
        text.Append('\n').Append(Text(folder, file, licence)).Append('\n');
    }

    private static string Text(string folder, string nuspec, XElement licence)
    {
        if (licence.Attribute("type")?.Value == "file")
        {
            return File.ReadAllText(Path.Combine(folder, licence.Value.Replace('\\', '/'))).Trim();
        }

        using var known = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{licence.Value}.txt")
            ?? throw new HelpException(nuspec, 1, $"The package's licence is {licence.Value}, and tools/KvmTune.Help/licenses has no text of that. Add it.");
        using var reader = new StreamReader(known);
        return $"{licence.Value}\n\n{reader.ReadToEnd().Trim()}";
    }
}
