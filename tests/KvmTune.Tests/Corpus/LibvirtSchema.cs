// libvirt's own RELAX NG schema of domain XML, checked by xmllint: the same as virt-xml-validate, for many documents in one process.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace KvmTune.Tests.Corpus;

/// <summary>Validates domain XML.</summary>
public static class LibvirtSchema
{
    private const string Schema = "/usr/share/libvirt/schemas/domain.rng";
    private const int Batch = 250;

    /// <summary>Whether the validator and the schema are installed.</summary>
    public static bool IsHere => File.Exists(Schema) && (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Any(folder => File.Exists(Path.Combine(folder, "xmllint")));

    /// <summary>The documents that do not match the schema, by name, with xmllint's first message about each.</summary>
    public static IReadOnlyDictionary<string, string> Invalid(IEnumerable<(string Name, string Xml)> documents)
    {
        var invalid = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        Parallel.ForEach(documents.Chunk(Batch), batch =>
        {
            var folder = Directory.CreateTempSubdirectory("kvmtune-schema");
            try
            {
                for (var number = 0; number < batch.Length; number++)
                {
                    File.WriteAllText(FileOf(folder, number), batch[number].Xml);
                }

                var output = Run(Enumerable.Range(0, batch.Length).Select(number => FileOf(folder, number)));
                for (var number = 0; number < batch.Length; number++)
                {
                    var file = FileOf(folder, number);
                    if (!output.Contains($"{file} validates", StringComparison.Ordinal))
                    {
                        invalid[batch[number].Name] = output.Split('\n').FirstOrDefault(line => line.StartsWith(file + ":", StringComparison.Ordinal)) ?? "no word";
                    }
                }
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        });
        return invalid;
    }

    private static string FileOf(DirectoryInfo folder, int number) => Path.Combine(folder.FullName, number.ToString("00000", CultureInfo.InvariantCulture) + ".xml");

    private static string Run(IEnumerable<string> files)
    {
        var start = new ProcessStartInfo("xmllint", ["--noout", "--relaxng", Schema, .. files]) { UseShellExecute = false, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return output;
    }
}
