// The probe for O_DIRECT on real file systems: it leaves nothing, never writes an image, and says what it could not find out.
using KvmTune.Hosts;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class DirectIOProbeTests : IDisposable
{
    // A temporary folder may be on a file system of any kind; the test's own output is on a disk.
    private readonly DirectoryInfo _folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, $"probe-{Guid.NewGuid():N}"));

    [Fact]
    public void A_writable_folder_is_probed_with_a_file_of_its_own_that_is_gone_afterwards()
    {
        var image = Path.Combine(_folder.FullName, "image.raw");
        File.WriteAllText(image, "precious");

        var probe = DirectIOProbe.OfImage(image);

        Assert.NotNull(probe.IsTaken);
        Assert.Contains("write", probe.Evidence, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(image));
        Assert.Equal([image], Directory.GetFileSystemEntries(_folder.FullName));
    }

    [SkippableFact]
    public void A_file_system_that_refuses_o_direct_is_found_out_and_nothing_is_left_on_it()
    {
        // ramfs has no direct I/O; only root may mount it.
        Skip.IfNot(OperatingSystem.IsLinux() && Run("mount", "-t", "ramfs", "ramfs", _folder.FullName), "A ramfs cannot be mounted here.");
        try
        {
            var probe = DirectIOProbe.OfImage(Path.Combine(_folder.FullName, "image.raw"));

            Assert.False(probe.IsTaken, probe.Evidence);
            Assert.Empty(Directory.GetFileSystemEntries(_folder.FullName));
        }
        finally
        {
            Run("umount", _folder.FullName);
        }
    }

    [SkippableFact]
    public void Where_the_folder_cannot_be_written_the_image_is_read_instead()
    {
        Skip.IfNot(File.Exists("/proc/version"), "There is no /proc.");

        // Nothing can be made in /proc, and its files refuse O_DIRECT.
        var probe = DirectIOProbe.OfImage("/proc/version");

        Assert.False(probe.IsTaken, probe.Evidence);
        Assert.Contains("/proc/version", probe.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/nowhere/at/all/disk.raw")]
    [InlineData("disk.raw")]
    public void What_is_not_here_is_not_probed_and_that_is_said(string image)
    {
        var probe = DirectIOProbe.OfImage(image);
        Assert.Null(probe.IsTaken);
        Assert.Contains("not probed", probe.Evidence, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
