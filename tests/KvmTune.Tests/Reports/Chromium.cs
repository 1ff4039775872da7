// Headless Chromium, without a network: the page in a reader's browser.
using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace KvmTune.Tests.Reports;

internal static class Chromium
{
    /// <summary>The browser; null if there is none.</summary>
    public static string? Path { get; } = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':')
        .SelectMany(folder => new[] { "chromium", "chromium-browser", "google-chrome" }.Select(name => System.IO.Path.Combine(folder, name)))
        .FirstOrDefault(File.Exists);

    /// <summary>
    /// Opens a page in a frame of a given width, because a headless browser's window cannot be narrower than 500 px, and returns a script's result.
    /// </summary>
    /// <param name="folder">The folder for the page and the frame.</param>
    /// <param name="page">The page; its ban on other scripts is removed.</param>
    /// <param name="script">JavaScript with functions for <paramref name="expression"/>.</param>
    /// <param name="expression">JavaScript; the value of it (or of its promise) is returned.</param>
    /// <param name="width">The width of the frame in px.</param>
    /// <param name="dark">Whether the reader's system prefers dark colours.</param>
    public static async Task<JsonElement> AskAsync(string folder, string page, string script, string expression, int width, bool dark)
    {
        var open = Regex.Replace(page, "<meta http-equiv=\"Content-Security-Policy\"[^>]*>", string.Empty, RegexOptions.None, TimeSpan.FromSeconds(10));
        var asks = $"<script>{script}\nPromise.resolve().then(async () => ({expression})).catch(error => String(error)).then(answer => parent.postMessage(JSON.stringify(answer), '*'));</script></body>";
        await File.WriteAllTextAsync(System.IO.Path.Combine(folder, "page.html"), open.Replace("</body>", asks, StringComparison.Ordinal));
        var frame = System.IO.Path.Combine(folder, "frame.html");
        await File.WriteAllTextAsync(frame, $"""
            <!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>frame</title></head><body>
            <pre id="answer"></pre><script>onmessage = (event) => (document.getElementById("answer").textContent = btoa(unescape(encodeURIComponent(event.data))));</script>
            <iframe src="page.html" style="width: {width}px; height: 3000px; border: 0; color-scheme: light dark"></iframe></body></html>
            """);
        var (document, console) = await DumpAsync(frame, dark ? "--blink-settings=preferredColorScheme=0" : "--blink-settings=preferredColorScheme=1", "--window-size=1400,3200");
        var answer = Regex.Match(document, "<pre id=\"answer\">(?<answer>[^<]+)</pre>", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(10));
        Assert.True(answer.Success, $"The page gave no answer. {console}");
        return JsonSerializer.Deserialize<JsonElement>(Convert.FromBase64String(answer.Groups["answer"].Value));
    }

    /// <summary>Opens a file, runs its scripts, and returns the resulting document and the console's messages.</summary>
    public static async Task<(string Document, string Console)> DumpAsync(string file, params string[] options)
    {
        var profile = Directory.CreateTempSubdirectory("kvmtune-chromium");
        try
        {
            var start = new ProcessStartInfo(Path!)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                ArgumentList =
                {
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
                    $"--user-data-dir={profile.FullName}", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
                    "--virtual-time-budget=20000", "--dump-dom",
                },
            };
            foreach (var word in options.Append(new Uri(file).AbsoluteUri))
            {
                start.ArgumentList.Add(word);
            }

            using var process = Process.Start(start)!;
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
