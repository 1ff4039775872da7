// Headless Chromium, without a network: what a reader's browser makes of a page.
using System.Diagnostics;

namespace KvmTune.Tests.Reports;

internal static class Chromium
{
    /// <summary>The browser; null where there is none.</summary>
    public static string? Path { get; } = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':')
        .SelectMany(folder => new[] { "chromium", "chromium-browser", "google-chrome" }.Select(name => System.IO.Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>Opens a file, runs its scripts, and gives the document as it is then and what the console said.</summary>
    public static async Task<(string Document, string Console)> DumpAsync(string file)
    {
        var profile = Directory.CreateTempSubdirectory("kvmtune-chromium");
        try
        {
            using var process = Process.Start(new ProcessStartInfo(Path!)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                ArgumentList =
                {
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
                    $"--user-data-dir={profile.FullName}", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
                    "--virtual-time-budget=5000", "--dump-dom", new Uri(file).AbsoluteUri,
                },
            })!;
            var (document, console) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            await process.WaitForExitAsync(limit.Token);
            return (await document, string.Join('\n', (await console).Split('\n').Where(line => line.Contains("CONSOLE", StringComparison.Ordinal))));
        }
        finally
        {
            profile.Delete(recursive: true);
        }
    }
}
