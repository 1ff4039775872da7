// Finds out by trying whether a file system takes O_DIRECT; its name would tell nothing (tmpfs refuses it or takes it, by kernel).
using System.Runtime.InteropServices;

namespace KvmTune.Hosts;

/// <summary>What a probe for O_DIRECT found.</summary>
/// <param name="IsTaken">Whether O_DIRECT works; null when that could not be found out.</param>
/// <param name="Evidence">What was done and what came of it.</param>
public sealed partial record DirectIOProbe(bool? IsTaken, string Evidence)
{
    // Enough for every sector size, and what OpenStack Nova probes with (nova/privsep/utils.py supports_direct_io).
    private const int BlockSize = 4096;

    // fcntl.h of Linux, as x86 and ARM number them.
    private const int ReadOnly = 0;
    private const int ReadWrite = 2;
    private const int CreateNew = 0x40 | 0x80;
    private const int CloseOnExec = 0x80000;

    private const int InvalidArgument = 22;

    private static int Direct => RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 ? 0x10000 : 0x4000;

    /// <summary>The result of a probe that could not be made.</summary>
    public static DirectIOProbe Unknown(string why) => new(null, why);

    /// <summary>
    /// Probes the file system under a disk image: an aligned 4 KiB write to a file of its own in the image's folder, which is gone before
    /// anything is written to it. Where that folder cannot be written, 4 KiB of the image are read instead. The image is never written.
    /// </summary>
    /// <param name="image">The image's path.</param>
    public static DirectIOProbe OfImage(string image)
    {
        var folder = Path.GetDirectoryName(image);
        return folder is null or "" || !Directory.Exists(folder)
            ? Unknown($"not probed: there is no folder '{folder}' on this machine")
            : TryWrite(folder) ?? TryRead(image);
    }

    private static DirectIOProbe? TryWrite(string folder)
    {
        var file = Path.Combine(folder, $".kvmtune-{Guid.NewGuid():N}");
        var descriptor = Open(file, ReadWrite | CreateNew | CloseOnExec | Direct, 0b110_000_000);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();

            // A file system that refuses O_DIRECT may have made the file nevertheless.
            return error == InvalidArgument && (Unlink(file) == 0 || CanCreate(file)) ? Refused($"opening a file in {folder} with O_DIRECT", error) : null;
        }

        Unlink(file);
        return Transfer(descriptor, Write, $"an aligned 4 KiB write with O_DIRECT in {folder}");
    }

    private static DirectIOProbe TryRead(string image)
    {
        var descriptor = Open(image, ReadOnly | CloseOnExec | Direct, 0);
        if (descriptor >= 0)
        {
            return Transfer(descriptor, Read, $"an aligned 4 KiB read of {image} with O_DIRECT");
        }

        var error = Marshal.GetLastPInvokeError();
        return error == InvalidArgument
            ? Refused($"opening {image} with O_DIRECT", error)
            : Unknown($"not probed: neither its folder can be written nor {image} be read ({Marshal.GetPInvokeErrorMessage(error)})");
    }

    private static unsafe DirectIOProbe Transfer(int descriptor, Func<int, nint, nint, nint> call, string what)
    {
        var block = NativeMemory.AlignedAlloc(BlockSize, BlockSize);
        try
        {
            NativeMemory.Clear(block, BlockSize);
            return call(descriptor, (nint)block, BlockSize) >= 0
                ? new DirectIOProbe(true, $"{what} succeeded")
                : Marshal.GetLastPInvokeError() is InvalidArgument and var error ? Refused(what, error) : Unknown($"not probed: {what} failed ({Marshal.GetLastPInvokeErrorMessage()})");
        }
        finally
        {
            NativeMemory.AlignedFree(block);
            _ = Close(descriptor);
        }
    }

    private static bool CanCreate(string file)
    {
        var descriptor = Open(file, ReadWrite | CreateNew | CloseOnExec, 0b110_000_000);
        if (descriptor < 0)
        {
            return false;
        }

        _ = Close(descriptor);
        return Unlink(file) == 0;
    }

    private static DirectIOProbe Refused(string what, int error) => new(false, $"{what} was refused ({Marshal.GetPInvokeErrorMessage(error)})");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "unlink", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, nint buffer, nint count);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, nint buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
