// Tests whether a disk can be opened with O_DIRECT, past the page cache. The name of its file system does not tell: tmpfs accepts or refuses
// O_DIRECT, depending on the kernel.
using System.Runtime.InteropServices;

namespace KvmTune.Hosts;

/// <summary>The result of a test for O_DIRECT.</summary>
/// <param name="IsTaken">Whether O_DIRECT works; null if the test was not possible.</param>
/// <param name="Evidence">The test and its result.</param>
public sealed record DirectIOProbe(bool? IsTaken, string Evidence)
{
    // A multiple of every sector size.
    private const int BlockSize = 4096;

    private const int InvalidArgument = 22;

    /// <summary>The result if the test was not possible.</summary>
    public static DirectIOProbe Unknown(string why) => new(null, why);

    /// <summary>
    /// Tests everything that QEMU opens for a disk: a file or block device, and the files that its headers name, down to the end of the chain. QEMU
    /// opens all of them together with the disk (block.c, bdrv_backing_options). Nothing is written, and no time stamp changes.
    /// </summary>
    /// <param name="disk">The disk.</param>
    /// <param name="volumePath">Finds the path of a volume by its pool and name; null if there is none.</param>
    public static DirectIOProbe OfDisk(DiskImage disk, Func<string, string, string?> volumePath)
    {
        ArgumentNullException.ThrowIfNull(disk);
        ArgumentNullException.ThrowIfNull(volumePath);
        var image = disk.Type switch
        {
            "file" or "block" => disk.Source,
            "volume" when disk.Source?.Split('/', 2) is [var pool, var volume] => volumePath(pool, volume),
            _ => null,
        };
        if (image is null || !Path.IsPathRooted(image))
        {
            return Unknown($"not probed: '{disk.Source}' is not a file or block device of this machine (type '{disk.Type}')");
        }

        var chain = ImageChain.Of(image, disk.Format);
        var probes = chain.Files.Select(OfImage).ToList();
        var evidence = probes.Select(probe => probe.Evidence);
        return probes.Find(probe => probe.IsTaken == false)
            ?? new DirectIOProbe(
                chain.Unknown.Count > 0 || probes.Exists(probe => probe.IsTaken is null) ? null : true,
                string.Join("; ", evidence.Concat(chain.Unknown.Select(what => $"not probed: {what}"))));
    }

    /// <summary>
    /// Tests one file: opens it with O_DIRECT and reads one block, without an update of its access time. If this user may not read it, the test opens
    /// a file without a name in the same folder, which does not change the folder. For a device the folder tells nothing. Nothing is written.
    /// </summary>
    /// <param name="image">The file's path.</param>
    public static DirectIOProbe OfImage(string image)
    {
        var folder = Path.GetDirectoryName(image);
        if (folder is null or "" || !Directory.Exists(folder))
        {
            return Unknown($"not probed: there is no folder '{folder}' on this machine");
        }

        if (ImageFile.IsImage(image))
        {
            var error = ImageFile.OpenDirectly(image, BlockSize);
            if (error is 0 or InvalidArgument)
            {
                return Found($"opening {image} with O_DIRECT", error);
            }
        }

        // An inactive logical volume, or a path that is not up, does not exist yet.
        if (image.StartsWith("/dev/", StringComparison.Ordinal) && !image.StartsWith("/dev/shm/", StringComparison.Ordinal))
        {
            return Unknown($"not probed: the device {image} cannot be opened");
        }

        return ImageFile.OpenNamelessDirectly(folder) switch
        {
            var error and (0 or InvalidArgument) => Found($"opening a file without a name in {folder} with O_DIRECT", error),
            var error => Unknown($"not probed: {image} cannot be read, nor can a file be made beside it ({Marshal.GetPInvokeErrorMessage(error)})"),
        };
    }

    private static DirectIOProbe Found(string what, int error) =>
        error == 0 ? new(true, $"{what} succeeded") : new(false, $"{what} was refused ({Marshal.GetPInvokeErrorMessage(error)})");
}

/// <summary>The image of a disk, as in the domain XML.</summary>
/// <param name="Type">The type of its source: file, block, volume, network and others.</param>
/// <param name="Source">The file, the device, or <c>pool/volume</c>; null for an empty drive.</param>
/// <param name="Format">raw, qcow2 and others; null if it is not set.</param>
public sealed record DiskImage(string? Type, string? Source, string? Format);
