// The committed bundle of the report's page: without a change of its sources the build needs no npm; after a change it refuses the old bundle.
using System.Diagnostics;
using KvmTune.Tests.Corpus;
using Xunit;

namespace KvmTune.Tests.Reports;

public sealed class ReportBundleTests : IDisposable
{
    private readonly DirectoryInfo _copy = Directory.CreateTempSubdirectory("kvmtune-bundle");

    public ReportBundleTests()
    {
        var source = Path.Combine(LibvirtCorpus.RepositoryRoot(), "src", "KvmTune.Report");
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(source, file);
            if (!name.StartsWith("node_modules", StringComparison.Ordinal))
            {
                var target = Path.Combine(_copy.FullName, name);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target);
            }
        }
    }

    public void Dispose() => _copy.Delete(recursive: true);

    [Fact]
    public void ABundleOfTheSourcesThatAreThereNeedsNoNpm()
    {
        var (exitCode, output) = BuildWithoutNpm();
        Assert.True(exitCode == 0, output);
    }

    [Theory]
    [InlineData("src/report.js")]
    [InlineData("src/report.css")]
    [InlineData("build.js")]
    [InlineData("package-lock.json")]
    public void ASourceThatChangedIsBundledAnewAndWithoutNpmIsAnErrorThatSaysSo(string source)
    {
        File.AppendAllText(Path.Combine(_copy.FullName, source), "\n");
        var (exitCode, output) = BuildWithoutNpm();
        Assert.NotEqual(0, exitCode);
        Assert.Contains("KVMTUNE001", output, StringComparison.Ordinal);
        Assert.Contains("Install Node.js 18 or newer with npm", output, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output) BuildWithoutNpm()
    {
        using var build = new Process
        {
            StartInfo = new ProcessStartInfo(Environment.ProcessPath!, ["msbuild", "KvmTune.Report.proj", "-nologo", "-nodeReuse:false"])
            {
                WorkingDirectory = _copy.FullName,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            },
        };
        // A shell and nothing else: MSBuild runs every command with one.
        var programs = _copy.CreateSubdirectory("programs").FullName;
        File.CreateSymbolicLink(Path.Combine(programs, "sh"), "/bin/sh");
        build.StartInfo.Environment["PATH"] = programs;
        build.Start();
        var output = build.StandardOutput.ReadToEnd();
        build.WaitForExit();
        return (build.ExitCode, output);
    }
}
