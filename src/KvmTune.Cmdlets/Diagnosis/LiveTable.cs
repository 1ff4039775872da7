// The table of Watch-VMPerformance -Live: refreshed in place on the terminal's alternate screen, like top; without a terminal, each table
// follows below the last one.
using System.Globalization;
using System.Management.Automation.Host;
using System.Text;
using KvmTune.Diagnosis.Bottlenecks;

namespace KvmTune.Cmdlets.Diagnosis;

/// <summary>Draws samples. Used on PowerShell's thread only.</summary>
internal sealed class LiveTable : IDisposable
{
    private const string SecondScreen = "\e[?1049h";
    private const string FirstScreen = "\e[?1049l";
    private const string Home = "\e[H";
    private const string RestOfLine = "\e[K";
    private const string RestOfScreen = "\e[J";

    private static readonly (string Title, int Width, Func<VMPerformanceSample, string> Cell)[] Columns =
    [
        ("VM", -14, sample => sample.VMName),
        ("CPU%", 6, sample => Number(sample.CpuPercent)),
        ("vCPU%", 6, sample => Number(sample.VcpuPercent)),
        ("Delay%", 6, sample => Number(sample.DelayPercent)),
        ("Read/s", 7, sample => Number(sample.ReadIops)),
        ("Write/s", 8, sample => Number(sample.WriteIops)),
        ("Flush/s", 8, sample => Number(sample.FlushIops)),
        ("ms", 7, sample => Number(sample.DiskMs)),
        ("MiB/s", 7, sample => Number(sample.DiskMiBPerSecond)),
        ("RxMbit", 7, sample => Number(sample.RxMbit)),
        ("TxMbit", 7, sample => Number(sample.TxMbit)),
        ("Mem%", 5, sample => Number(sample.MemoryUsedPercent)),
    ];

    private readonly SortedDictionary<string, IReadOnlyList<VMPerformanceSample>> _hosts = new(StringComparer.Ordinal);
    private readonly PSHost _host;
    private readonly bool _isTerminal;

    public LiveTable(PSHost host)
    {
        _host = host;
        _isTerminal = host.UI.SupportsVirtualTerminal && !Console.IsOutputRedirected;
        if (_isTerminal)
        {
            host.UI.Write(SecondScreen + Home + RestOfScreen);
        }
    }

    /// <summary>Draws the latest samples of all hosts, after new samples of one of them.</summary>
    public void Draw(string uri, IReadOnlyList<VMPerformanceSample> samples)
    {
        _hosts[uri] = samples;
        var lines = Lines(_hosts);
        if (!_isTerminal)
        {
            _host.UI.WriteLine(string.Join('\n', lines) + "\n");
            return;
        }

        var size = _host.UI.RawUI.WindowSize;
        var text = new StringBuilder(Home);
        foreach (var line in lines.Take(Math.Max(1, size.Height - 1)))
        {
            text.Append(line.Length > size.Width ? line[..size.Width] : line).Append(RestOfLine).Append("\r\n");
        }

        _host.UI.Write(text.Append(RestOfScreen).ToString());
    }

    /// <summary>Restores the earlier screen.</summary>
    public void Dispose()
    {
        if (_isTerminal)
        {
            _host.UI.Write(FirstScreen);
        }
    }

    /// <summary>The lines of the table: for each host a head, and its VMs by the CPU time that they use.</summary>
    internal static List<string> Lines(IReadOnlyDictionary<string, IReadOnlyList<VMPerformanceSample>> hosts)
    {
        var lines = new List<string>();
        foreach (var (uri, samples) in hosts)
        {
            var first = samples.Count > 0 ? samples[0] : null;
            lines.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{uri}  {first?.Time.ToLocalTime():HH:mm:ss}  {samples.Count} VMs{(first?.HostCpuPercent is { } busy ? $"  host CPUs {busy:0} %" : null)}"));
            lines.Add(Row(column => column.Title));
            lines.AddRange(samples.OrderByDescending(sample => sample.CpuPercent ?? -1).Select(sample => Row(column => column.Cell(sample))));
            lines.Add(string.Empty);
        }

        return lines;
    }

    private static string Row(Func<(string Title, int Width, Func<VMPerformanceSample, string> Cell), string> cell) =>
        string.Join(' ', Columns.Select(column => Fit(cell(column), column.Width))).TrimEnd();

    private static string Fit(string text, int width) =>
        width < 0 ? (text.Length > -width ? text[..-width] : text.PadRight(-width)) : text.PadLeft(width);

    private static string Number(double? value) => Formatting.Rounded(value, wholeFrom: 100);
}
