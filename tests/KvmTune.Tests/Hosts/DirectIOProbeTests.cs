// The test for O_DIRECT on real file systems: it tries everything that QEMU would open, leaves nothing behind, changes no time stamp, and
// names each file that it could not test.
using System.Buffers.Binary;
using System.Text;
using KvmTune.Hosts;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class DirectIOProbeTests : IDisposable
{
    // A temporary folder may be on any kind of file system; the test's own output is on a disk.
    private readonly DirectoryInfo _folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, $"probe-{Guid.NewGuid():N}"));

    [Fact]
    public void Nothing_is_written_and_no_time_stamp_moves()
    {
        var image = Image("image.raw", new byte[8192]);
        var longAgo = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(image, longAgo);
        File.SetLastAccessTimeUtc(image, longAgo);
        Directory.SetLastWriteTimeUtc(_folder.FullName, longAgo);
        Directory.SetLastAccessTimeUtc(_folder.FullName, longAgo);

        var probe = DirectIOProbe.OfDisk(Raw(image), NoVolume);

        Assert.NotNull(probe.IsTaken);
        Assert.Contains(image, probe.Evidence, StringComparison.Ordinal);
        Assert.Equal((longAgo, longAgo), (File.GetLastWriteTimeUtc(image), File.GetLastAccessTimeUtc(image)));
        Assert.Equal((longAgo, longAgo), (Directory.GetLastWriteTimeUtc(_folder.FullName), Directory.GetLastAccessTimeUtc(_folder.FullName)));
        Assert.Equal([image], Directory.GetFileSystemEntries(_folder.FullName));
    }

    [SkippableFact]
    public void A_file_system_that_refuses_o_direct_is_found_out_in_every_layer_and_by_every_kind_of_name()
    {
        // ramfs has no direct I/O; only root may mount it.
        var ramfs = Directory.CreateDirectory(Path.Combine(_folder.FullName, "ramfs")).FullName;
        Skip.IfNot(OperatingSystem.IsLinux() && Run("mount", "-t", "ramfs", "ramfs", ramfs), "A ramfs cannot be mounted here.");
        try
        {
            var bottom = Image("ramfs/base.raw", new byte[4096]);
            Assert.False(DirectIOProbe.OfDisk(Raw(bottom), NoVolume).IsTaken);
            Assert.Equal([bottom], Directory.GetFileSystemEntries(ramfs));

            var relative = Image("relative.qcow2", Qcow2("ramfs/base.raw", "raw"));
            var json = Image("json.qcow2", Qcow2($$$"""json:{"driver":"raw","file":{"driver":"file","filename":"{{{bottom}}}"}}""", "raw"));
            var flat = Image("flat.qcow2", Qcow2("json:{\"file.filename\":\"" + bottom + "\"}", null));
            var prefixed = Image("prefixed.qcow2", Qcow2($"file:{bottom}", "raw"));
            var top = Image("top.qcow2", Qcow2(relative, "qcow2"));
            var data = Image("data.qcow2", Qcow2(null, null, dataFile: bottom));
            foreach (var image in new[] { relative, json, flat, prefixed, top, data })
            {
                var probe = DirectIOProbe.OfDisk(new("file", image, "qcow2"), NoVolume);
                Assert.False(probe.IsTaken, $"{image}: {probe.Evidence}");
                Assert.Contains(bottom, probe.Evidence, StringComparison.Ordinal);
            }

            // libvirt follows no chain behind an image that the XML declares as raw.
            Assert.NotEqual(false, DirectIOProbe.OfDisk(Raw(relative), NoVolume).IsTaken);
            Assert.False(DirectIOProbe.OfDisk(new("volume", "pool/a/b", "raw"), (pool, volume) => (pool, volume) == ("pool", "a/b") ? bottom : null).IsTaken);
        }
        finally
        {
            Run("umount", ramfs);
        }
    }

    [Fact]
    public void A_chain_that_goes_in_a_circle_or_elsewhere_ends_and_that_is_said()
    {
        var circle = Image("circle.qcow2", Qcow2("circle.qcow2", "qcow2"));
        Assert.NotNull(DirectIOProbe.OfDisk(new("file", circle, "qcow2"), NoVolume).IsTaken);

        var remote = Image("remote.qcow2", Qcow2("nbd://example/export", null));
        var probe = DirectIOProbe.OfDisk(new("file", remote, "qcow2"), NoVolume);
        Assert.NotEqual(true, probe.IsTaken);
        Assert.Contains("nbd://example/export", probe.Evidence, StringComparison.Ordinal);

        var missing = Image("missing.qcow2", Qcow2("/nowhere/base.raw", "raw"));
        Assert.Contains("/nowhere", DirectIOProbe.OfDisk(new("file", missing, "qcow2"), NoVolume).Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_headers_name_nothing_and_are_no_error()
    {
        var header = Qcow2("base.raw", "raw", dataFile: "data.raw");
        Assert.Equal([("data.raw", "raw"), ("base.raw", "raw")], ImageChain.Named(header, out var isWhole));
        Assert.True(isWhole);
        var random = new Random(14);
        for (var round = 0; round < 2000; round++)
        {
            var damaged = header.ToArray();
            for (var i = random.Next(1, 8); i > 0; i--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            _ = ImageChain.Named(damaged.AsSpan(0, random.Next(damaged.Length + 1)), out _);
        }
    }

    [Theory]
    [InlineData(8, new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData(8, new byte[] { 0, 0, 0, 0, 0, 0x10, 0, 0 })]
    [InlineData(16, new byte[] { 0, 0, 3, 0xFF })]
    [InlineData(16, new byte[] { 0, 0, 0, 0 })]
    [InlineData(100, new byte[] { 0, 0, 0, 0 })]
    [InlineData(100, new byte[] { 0xFF, 0xFF, 0xFF, 0xF0 })]
    [InlineData(108, new byte[] { 0x7F, 0xFF, 0xFF, 0xFF })]
    public void A_header_that_names_what_was_not_read_is_not_taken_for_the_end_of_a_chain(int at, byte[] bytes)
    {
        var header = Qcow2("base.raw", "raw", dataFile: "data.raw")[..1000];
        bytes.CopyTo(header, at);

        _ = ImageChain.Named(header, out var isWhole);

        Assert.False(isWhole);
        var probe = DirectIOProbe.OfDisk(new("file", Image("damaged.qcow2", header), "qcow2"), NoVolume);
        Assert.NotEqual(true, probe.IsTaken);
        Assert.Contains("damaged.qcow2", probe.Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vmdk")]
    [InlineData("qed")]
    [InlineData("qcow2")]
    public void A_format_whose_chain_is_not_known_is_said_to_be_so(string format)
    {
        var image = Image("image", new byte[4096]);

        Assert.Contains("not probed: what lies behind", DirectIOProbe.OfDisk(new("file", image, format), NoVolume).Evidence, StringComparison.Ordinal);
        Assert.DoesNotContain("not probed: what lies behind", DirectIOProbe.OfDisk(new("file", image, "vdi"), NoVolume).Evidence, StringComparison.Ordinal);
    }

    [Fact]
    public void No_layer_of_a_chain_and_no_volume_has_another_time_stamp_afterwards()
    {
        var bottom = Image("bottom.raw", new byte[8192]);
        var middle = Image("middle.qcow2", Qcow2("bottom.raw", "raw"));
        var data = Image("data.raw", new byte[8192]);
        var top = Image("top.qcow2", Qcow2($"json:{{\"file\":{{\"filename\":\"{middle}\"}}}}", "qcow2", dataFile: data));
        // Long ago, because relatime would not update a recent access time. The folder is not listed afterwards, which would be an access.
        var longAgo = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        string[] all = [bottom, middle, data, top, _folder.FullName];
        Assert.All(all, path => File.SetLastWriteTimeUtc(path, longAgo));
        Assert.All(all, path => File.SetLastAccessTimeUtc(path, longAgo));

        var probe = DirectIOProbe.OfDisk(new("volume", "pool/top", "qcow2"), (_, _) => top);

        Assert.All(all[..4], layer => Assert.Contains(layer, probe.Evidence, StringComparison.Ordinal));
        Assert.All(all, path => Assert.Equal((path, longAgo, longAgo), (path, File.GetLastWriteTimeUtc(path), File.GetLastAccessTimeUtc(path))));
        Assert.Equal(4, Directory.GetFileSystemEntries(_folder.FullName).Length);
    }

    [SkippableFact]
    public void A_name_goes_through_links_as_the_kernel_follows_them()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "Links are those of Linux.");
        var far = Directory.CreateDirectory(Path.Combine(_folder.FullName, "far/away"));
        File.CreateSymbolicLink(Path.Combine(_folder.FullName, "link"), far.FullName);
        var image = Path.Combine(_folder.FullName, "link/top.qcow2");
        File.WriteAllBytes(image, Qcow2("../base.raw", "raw"));
        File.WriteAllBytes(Path.Combine(_folder.FullName, "far/base.raw"), new byte[4096]);

        var chain = ImageChain.Of(image, "qcow2");

        Assert.Equal(Path.Combine(_folder.FullName, "link/../base.raw"), chain.Files[1]);
        Assert.True(ImageFile.IsImage(chain.Files[1]));
    }

    [Fact]
    public void The_folder_of_a_device_that_is_not_there_says_nothing_of_it() =>
        Assert.Null(DirectIOProbe.OfDisk(new("block", $"/dev/kvmtune-{Guid.NewGuid():N}", "raw"), NoVolume).IsTaken);

    [SkippableFact]
    public void What_is_no_file_is_not_opened()
    {
        Skip.IfNot(Run("mkfifo", Path.Combine(_folder.FullName, "pipe")), "There is no mkfifo.");

        // Opening a pipe would wait for a writer for ever, or wake one up.
        Assert.DoesNotContain("opening " + Path.Combine(_folder.FullName, "pipe"), DirectIOProbe.OfImage(Path.Combine(_folder.FullName, "pipe")).Evidence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file", "/nowhere/at/all/disk.raw")]
    [InlineData("file", "disk.raw")]
    [InlineData("network", "pool/rbd")]
    [InlineData("volume", "no/such")]
    [InlineData("file", null)]
    public void What_is_not_here_is_not_probed_and_that_is_said(string type, string? source)
    {
        var probe = DirectIOProbe.OfDisk(new(type, source, "raw"), NoVolume);
        Assert.Null(probe.IsTaken);
        Assert.Contains("not probed", probe.Evidence, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string? NoVolume(string pool, string volume) => null;

    private static DiskImage Raw(string path) => new("file", path, "raw");

    // docs/interop/qcow2.txt: the header of version 3, its extensions, and the name of the backing file after them.
    private static byte[] Qcow2(string? backing, string? format, string? dataFile = null)
    {
        var bytes = new byte[4096];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, 0x514649FB);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), 3);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(72), dataFile is null ? 0ul : 4ul);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(100), 104);
        var at = 104;
        Extend(0xE2792ACA, format);
        Extend(0x44415441, dataFile);
        at += 8;
        if (backing is not null)
        {
            var name = Encoding.UTF8.GetBytes(backing);
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), (ulong)at);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), (uint)name.Length);
            name.CopyTo(bytes, at);
        }

        return bytes;

        void Extend(uint type, string? text)
        {
            if (text is null)
            {
                return;
            }

            var data = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), type);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at + 4), (uint)data.Length);
            data.CopyTo(bytes, at + 8);
            at += 8 + ((data.Length + 7) & ~7);
        }
    }

    private string Image(string name, byte[] content)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, content);
        return path;
    }

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
