// Reads an image file without a trace: no time stamp changes, nothing is written, and only files and block devices are opened.
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KvmTune.Hosts;

/// <summary>System calls on an image (sources: open(2), statx(2); the numbers are those of fcntl.h on x86 and ARM).</summary>
internal static partial class ImageFile
{
    private const int ReadOnly = 0;
    private const int ReadWrite = 2;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int NoAccessTime = 0x40000;
    private const int Temporary = 0x400000;

    private const int NotPermitted = 1;

    private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64;

    private static int Direct => IsArm ? 0x10000 : 0x4000;

    private static int Folder => IsArm ? 0x4000 : 0x10000;

    /// <summary>The first bytes of an image; null if they cannot be read without a trace.</summary>
    /// <param name="path">The image.</param>
    /// <param name="length">The largest number of bytes.</param>
    public static unsafe byte[]? ReadStart(string path, int length)
    {
        if (!IsImage(path))
        {
            return null;
        }

        // Only the owner of a file, or root, may read it without an update of its access time.
        var descriptor = Open(path, ReadOnly | NonBlocking | CloseOnExec | NoAccessTime, 0);
        if (descriptor < 0)
        {
            return null;
        }

        var bytes = new byte[length];
        fixed (byte* pointer = bytes)
        {
            var count = Read(descriptor, (nint)pointer, length);
            _ = Close(descriptor);
            return count < 0 ? null : bytes[..(int)count];
        }
    }

    /// <summary>
    /// Opens an image past the page cache and reads one block of it, without a trace; only opens it if reading would leave a trace.
    /// </summary>
    /// <returns>0, else the number of the error.</returns>
    public static unsafe int OpenDirectly(string path, int blockSize)
    {
        const int flags = ReadOnly | NonBlocking | CloseOnExec;
        var descriptor = Open(path, flags | NoAccessTime | Direct, 0);
        var reads = descriptor >= 0;
        if (!reads && Marshal.GetLastPInvokeError() == NotPermitted)
        {
            descriptor = Open(path, flags | Direct, 0);
        }

        if (descriptor < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        var block = NativeMemory.AlignedAlloc((nuint)blockSize, (nuint)blockSize);
        try
        {
            return !reads || Read(descriptor, (nint)block, blockSize) >= 0 ? 0 : Marshal.GetLastPInvokeError();
        }
        finally
        {
            NativeMemory.AlignedFree(block);
            _ = Close(descriptor);
        }
    }

    /// <summary>Opens a file without a name in a folder past the page cache: the folder does not change, and no file is left.</summary>
    /// <returns>0, else the number of the error.</returns>
    public static int OpenNamelessDirectly(string folder)
    {
        var descriptor = Open(folder, ReadWrite | CloseOnExec | Temporary | Folder | Direct, 0b110_000_000);
        if (descriptor < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        _ = Close(descriptor);
        return 0;
    }

    /// <summary>
    /// A writable file without a name in a folder: it disappears when it is closed, for whatever reason. Null if the folder does not support it.
    /// </summary>
    public static SafeFileHandle? OpenNameless(string folder)
    {
        var descriptor = Open(folder, ReadWrite | CloseOnExec | Temporary | Folder, 0b110_000_000);
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Whether a path leads to a file or a block device, which can be opened without a side effect.</summary>
    public static bool IsImage(string path)
    {
        // struct statx: the mode at byte 28.
        var buffer = new byte[256];
        return StatX(-100, path, 0, 1, buffer) == 0 && (BitConverter.ToUInt16(buffer, 28) & 0xF000) is 0x8000 or 0x6000;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, nint buffer, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, byte[] buffer);
}
