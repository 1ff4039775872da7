// libvirt's own test data as test data here: downloaded once by tests/corpus.sh; without it, the tests are skipped with a message.
using System.Diagnostics;
using System.Xml.Linq;
using Xunit;

namespace KvmTune.Tests.Corpus;

/// <summary>A document of the corpus.</summary>
/// <param name="Name">Its path below the corpus folder.</param>
/// <param name="Xml">Its text.</param>
public sealed record CorpusDocument(string Name, string Xml);

/// <summary>Finds documents in libvirt's test data.</summary>
public static class LibvirtCorpus
{
    private static readonly Lazy<(string? Folder, string Message)> Fetched = new(Fetch);

    // With all tests every document, otherwise every tenth of them.
    private static readonly int Step = Tier.IsAll ? 1 : 10;

    private static readonly Lazy<IReadOnlyList<CorpusDocument>> AllDomains = new(() => Documents("domain", "*.xml"));

    /// <summary>The domain documents: all, or a sample unless all tests run.</summary>
    public static IReadOnlyList<CorpusDocument> Domains() => [.. AllDomains.Value.Where((_, index) => index % Step == 0)];

    /// <summary>Converts an expected number for all documents to one for the sample.</summary>
    /// <param name="ofAll">The expected number with all documents.</param>
    public static int Share(int ofAll) => ofAll / Step;

    /// <summary>The capabilities of real hosts.</summary>
    public static IReadOnlyList<CorpusDocument> Capabilities() =>
        [.. Documents("capabilities", "*.xml").Where(document => document.Name.StartsWith("vircaps2xmldata", StringComparison.Ordinal))];

    private static List<CorpusDocument> Documents(string root, string pattern)
    {
        var (folder, message) = Fetched.Value;
        Skip.If(folder is null, $"libvirt's test data could not be fetched: {message}");
        var documents = new List<CorpusDocument>();
        foreach (var file in Directory.EnumerateFiles(folder!, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var xml = File.ReadAllText(file);
            if (IsWellFormed(xml, out var name) && name == root)
            {
                documents.Add(new CorpusDocument(Path.GetRelativePath(folder!, file), xml));
            }
        }

        return documents;
    }

    private static bool IsWellFormed(string xml, out string? root)
    {
        try
        {
            root = XDocument.Parse(xml).Root?.Name.LocalName;
            return true;
        }
        catch (System.Xml.XmlException)
        {
            // Some of libvirt's documents are broken on purpose.
            root = null;
            return false;
        }
    }

    private static (string? Folder, string Message) Fetch()
    {
        var script = Path.Combine(RepositoryRoot(), "tests", "corpus.sh");
        using var process = Process.Start(new ProcessStartInfo(script) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var message = process.StandardError.ReadToEndAsync();
        var folder = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode switch
        {
            0 => (folder, string.Empty),
            3 => (null, message.Result.Trim()),
            _ => throw new InvalidOperationException($"tests/corpus.sh failed: {message.Result}"),
        };
    }

    /// <summary>The folder of the repository.</summary>
    public static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "KvmTune.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"The repository was not found above {AppContext.BaseDirectory}.");
    }
}
