// Calls the lab's own script, for actions that only it can do: another kernel command line, a restart of the daemon.
using System.Diagnostics;
using Xunit;

namespace KvmTune.Tests.Measurement;

/// <summary>The script in KVMTUNE_LAB_SCRIPT; the test is skipped without it.</summary>
internal static class LabScript
{
    public static void Run(params string[] arguments)
    {
        var script = Environment.GetEnvironmentVariable("KVMTUNE_LAB_SCRIPT");
        Skip.If(string.IsNullOrEmpty(script), "KVMTUNE_LAB_SCRIPT is not set: the lab cannot be changed from here.");
        using var process = Process.Start(new ProcessStartInfo(script!, arguments) { UseShellExecute = false })!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
