// A domain's limits on disk I/O and its NUMA policy, as named parameters.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtDomain
{
    /// <summary>The I/O limits of a disk (<c>virDomainGetBlockIoTune</c>): <c>total_bytes_sec</c>, <c>total_iops_sec</c>, ….</summary>
    /// <param name="disk">The disk's target (<c>vda</c>) or the path of its source.</param>
    /// <param name="target">The running domain or the persistent configuration.</param>
    public IReadOnlyDictionary<string, object> GetBlockIoTune(string disk, AffectTarget target)
    {
        NativeUtf8String.RequireNoNull(disk, nameof(disk));
        return TypedParameters.Read(
            (NativeTypedParameter* parameters, ref int count)
                => virDomainGetBlockIoTune(Handle, disk, parameters, ref count, (uint)target),
            nameof(virDomainGetBlockIoTune),
            Connection.Handle);
    }

    /// <summary>Sets I/O limits of a disk; 0 means no limit. Limits that are not named stay.</summary>
    /// <param name="disk">The disk's target or the path of its source.</param>
    /// <param name="limits">The limits under libvirt's names.</param>
    /// <param name="target">The running domain, the persistent configuration, or both.</param>
    /// <param name="group">The throttle group that the disk joins; null keeps its group.</param>
    public void SetBlockIoTune(string disk, IReadOnlyDictionary<string, ulong> limits, AffectTarget target, string? group = null)
    {
        NativeUtf8String.RequireNoNull(disk, nameof(disk));
        ArgumentNullException.ThrowIfNull(limits);
        var parameters = limits.Select(limit => KeyValuePair.Create(limit.Key, (object)limit.Value));
        TypedParameters.Write(
            group is null ? parameters : parameters.Append(KeyValuePair.Create("group_name", (object)group)),
            (parameters, count) => virDomainSetBlockIoTune(Handle, disk, (NativeTypedParameter*)parameters, count, (uint)target),
            nameof(virDomainSetBlockIoTune),
            Connection.Handle);
    }

    /// <summary>The NUMA policy: <c>numa_nodeset</c>, a string, and <c>numa_mode</c>, an int (virDomainNumatuneMemMode).</summary>
    /// <param name="target">The running domain or the persistent configuration.</param>
    public IReadOnlyDictionary<string, object> GetNumaParameters(AffectTarget target)
        => TypedParameters.Read(
            (NativeTypedParameter* parameters, ref int count)
                => virDomainGetNumaParameters(Handle, parameters, ref count, (uint)target),
            nameof(virDomainGetNumaParameters),
            Connection.Handle);

    /// <summary>Sets the NUMA policy.</summary>
    /// <param name="parameters">The parameters under libvirt's names, with the same types as when reading them.</param>
    /// <param name="target">The running domain, the persistent configuration, or both.</param>
    public void SetNumaParameters(IReadOnlyDictionary<string, object> parameters, AffectTarget target)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        TypedParameters.Write(
            parameters,
            (native, count) => virDomainSetNumaParameters(Handle, (NativeTypedParameter*)native, count, (uint)target),
            nameof(virDomainSetNumaParameters),
            Connection.Handle);
    }

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int virDomainGetBlockIoTune(
        DomainHandle domain, string disk, NativeTypedParameter* parameters, ref int count, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int virDomainSetBlockIoTune(
        DomainHandle domain, string disk, NativeTypedParameter* parameters, int count, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetNumaParameters(
        DomainHandle domain, NativeTypedParameter* parameters, ref int count, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainSetNumaParameters(
        DomainHandle domain, NativeTypedParameter* parameters, int count, uint flags);
}
