// The test's own libvirtd: it offers the test driver over a socket in a temporary folder, and may be killed.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Libvirt;

namespace KvmTune.Tests.Libvirt;

/// <summary>
/// Runs as an ordinary user (nobody, if the tests run as root), since a second libvirtd of root would conflict with the system's own state. It
/// ends by itself after a long idle time.
/// </summary>
internal sealed class PrivateDaemon : IDisposable
{
    private const int IdleSeconds = 60;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder;
    private readonly Process _process;

    private PrivateDaemon(DirectoryInfo folder, Process process)
    {
        _folder = folder;
        _process = process;
    }

    public static bool IsAvailable => Find("libvirtd") is not null && (!IsRoot || Find("setpriv") is not null);

    public string Uri => $"test+unix:///default?socket={Path.Combine(_folder.FullName, "libvirt", "libvirt-sock")}";

    private static bool IsRoot => string.Equals(Environment.UserName, "root", StringComparison.Ordinal);

    public static PrivateDaemon Start()
    {
        var folder = Directory.CreateTempSubdirectory("kvmtune-d");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_111_111);
        }

        string[] daemon = [Find("libvirtd")!, "-t", IdleSeconds.ToString(CultureInfo.InvariantCulture)];
        string[] command = IsRoot
            ? [Find("setpriv")!, "--reuid=65534", "--regid=65534", "--clear-groups", .. daemon]
            : daemon;
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = folder.FullName,
        };
        foreach (var variable in (string[])["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"])
        {
            start.Environment[variable] = folder.FullName;
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var result = new PrivateDaemon(folder, process);
        try
        {
            result.WaitUntilItAnswers();
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    public LibvirtConnection Open(ConnectionAccess access = ConnectionAccess.ReadWrite) => LibvirtConnection.Open(Uri, access);

    /// <summary>Kills it without a clean shutdown.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
        try
        {
            _folder.Delete(recursive: true);
        }
        catch (UnauthorizedAccessException)
        {
            // Files of another user's daemon in the temporary folder stay there.
        }
    }

    // Nothing shows that a daemon listens, except its answer.
    private void WaitUntilItAnswers()
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                Open(ConnectionAccess.ReadOnly).Dispose();
                return;
            }
            catch (LibvirtException) when (clock.Elapsed < StartLimit && !_process.HasExited)
            {
                Thread.Sleep(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    private static string? Find(string program)
        => ((string[])["/usr/sbin", "/usr/bin", "/sbin", "/bin"])
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists);
}
