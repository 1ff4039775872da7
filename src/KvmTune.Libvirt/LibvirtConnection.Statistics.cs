// Bulk statistics: the counters of many domains in one call.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    private const DomainStatsScope Modifiers = DomainStatsScope.NoWait | DomainStatsScope.Backing;

    /// <summary>The counters of all domains in a scope (<c>virConnectGetAllDomainStats</c>).</summary>
    /// <param name="groups">The counters to read.</param>
    /// <param name="scope">The domains to read, and whether to wait for busy ones.</param>
    public IReadOnlyList<DomainStatistics> GetAllDomainStatistics(
        DomainStatsGroups groups = DomainStatsGroups.All,
        DomainStatsScope scope = DomainStatsScope.All)
    {
        NativeStatsRecord** records = null;
        var count = LibvirtError.Check(
            virConnectGetAllDomainStats(Handle, (uint)groups, &records, (uint)scope), Handle);
        return Take(records, count);
    }

    /// <summary>The counters of the given domains, all of this connection (<c>virDomainListGetStats</c>).</summary>
    /// <param name="domains">The domains; an empty list returns no counters.</param>
    /// <param name="groups">The counters to read.</param>
    /// <param name="scope">Only <see cref="DomainStatsScope.NoWait"/> and <see cref="DomainStatsScope.Backing"/> have an effect.</param>
    public IReadOnlyList<DomainStatistics> GetAllDomainStatistics(
        IReadOnlyList<LibvirtDomain> domains,
        DomainStatsGroups groups = DomainStatsGroups.All,
        DomainStatsScope scope = DomainStatsScope.All)
    {
        ArgumentNullException.ThrowIfNull(domains);
        if (domains.Count == 0)
        {
            return [];
        }

        // A native list that ends with null; each handle is kept alive while libvirt uses it.
        var pointers = new nint[domains.Count + 1];
        var held = 0;
        try
        {
            for (; held < domains.Count; held++)
            {
                var added = false;
                domains[held].Handle.DangerousAddRef(ref added);
                pointers[held] = domains[held].Handle.DangerousGetHandle();
            }

            NativeStatsRecord** records = null;
            fixed (nint* list = pointers)
            {
                var count = LibvirtError.Check(
                    virDomainListGetStats(list, (uint)groups, &records, (uint)(scope & Modifiers)), Handle);
                return Take(records, count);
            }
        }
        finally
        {
            while (held > 0)
            {
                domains[--held].Handle.DangerousRelease();
            }
        }
    }

    private static DomainStatistics[] Take(NativeStatsRecord** records, int count)
    {
        try
        {
            var list = new DomainStatistics[count];
            for (var i = 0; i < count; i++)
            {
                var record = records[i];
                list[i] = new DomainStatistics(
                    DomainHandle.NameOf(record->Domain),
                    DomainHandle.UuidOf(record->Domain),
                    TypedParameters.Decode(record->Parameters, record->Count));
            }

            return list;
        }
        finally
        {
            virDomainStatsRecordListFree(records);
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectGetAllDomainStats(
        ConnectionHandle connection, uint groups, NativeStatsRecord*** records, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainListGetStats(nint* domains, uint groups, NativeStatsRecord*** records, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial void virDomainStatsRecordListFree(NativeStatsRecord** records);

    // virDomainStatsRecord
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeStatsRecord
    {
        public nint Domain;
        public NativeTypedParameter* Parameters;
        public int Count;
    }
}
