// The paths of storage volumes.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    /// <summary>The path or address of a storage volume (<c>virStorageVolGetPath</c>).</summary>
    /// <param name="pool">The pool's name; it must be active.</param>
    /// <param name="volume">The volume's name.</param>
    /// <exception cref="LibvirtException">There is no such pool or volume, or the pool is not active.</exception>
    public string GetVolumePath(string pool, string volume)
    {
        NativeUtf8String.RequireNoNull(pool, nameof(pool));
        NativeUtf8String.RequireNoNull(volume, nameof(volume));
        var poolHandle = LibvirtError.Check(virStoragePoolLookupByName(Handle, pool), Handle);
        try
        {
            var volumeHandle = LibvirtError.Check(virStorageVolLookupByName(poolHandle, volume), Handle);
            try
            {
                return NativeUtf8String.Take(LibvirtError.Check(virStorageVolGetPath(volumeHandle), Handle));
            }
            finally
            {
                _ = virStorageVolFree(volumeHandle);
            }
        }
        finally
        {
            _ = virStoragePoolFree(poolHandle);
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint virStoragePoolLookupByName(ConnectionHandle connection, string name);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint virStorageVolLookupByName(nint pool, string name);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virStorageVolGetPath(nint volume);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virStorageVolFree(nint volume);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virStoragePoolFree(nint pool);
}
