// Listing, finding and defining domains; the host's capabilities.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    private const uint DefineValidate = 1; // VIR_DOMAIN_DEFINE_VALIDATE
    private const uint ExpandFeatures = 1; // VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES

    /// <summary>Lists domains (<c>virConnectListAllDomains</c>). The caller disposes each.</summary>
    /// <param name="flags">The domains to list.</param>
    public IReadOnlyList<LibvirtDomain> ListDomains(DomainListFlags flags = DomainListFlags.All)
    {
        nint* domains = null;
        var count = LibvirtError.Check(virConnectListAllDomains(Handle, &domains, (uint)flags), Handle);
        try
        {
            var list = new LibvirtDomain[count];
            for (var i = 0; i < count; i++)
            {
                list[i] = new LibvirtDomain(this, new DomainHandle(domains[i]));
            }

            return list;
        }
        finally
        {
            NativeMemory.Free(domains);
        }
    }

    /// <summary>Finds the domain with exactly this name; null if there is none.</summary>
    public LibvirtDomain? TryLookupByName(string name)
    {
        NativeUtf8String.RequireNoNull(name, nameof(name));
        var domain = Found(virDomainLookupByName(Handle, name), nameof(virDomainLookupByName), out var error);
        return domain is not null || error!.ErrorCode == LibvirtErrorCode.NoDomain ? domain : throw error;
    }

    /// <summary>Finds the domain with a UUID.</summary>
    /// <exception cref="LibvirtException"><see cref="LibvirtErrorCode.NoDomain"/>: there is none.</exception>
    public LibvirtDomain LookupByUuid(Guid id) => TryLookupByUuid(id, out var error) ?? throw error!;

    /// <summary>Finds the domain with a UUID; null if there is none.</summary>
    public LibvirtDomain? TryLookupByUuid(Guid id)
    {
        var domain = TryLookupByUuid(id, out var error);
        return domain is not null || error!.ErrorCode == LibvirtErrorCode.NoDomain ? domain : throw error;
    }

    /// <summary>Defines a domain, or redefines the one with the same name and UUID.</summary>
    /// <param name="xml">The whole domain XML.</param>
    /// <param name="validate">Whether libvirt first checks the XML against its schema.</param>
    public LibvirtDomain DefineXml(string xml, bool validate)
    {
        NativeUtf8String.RequireNoNull(xml, nameof(xml));
        return new LibvirtDomain(this, LibvirtError.CheckHandle(
            virDomainDefineXMLFlags(Handle, xml, validate ? DefineValidate : 0), Handle));
    }

    /// <summary>The host's and the drivers' capabilities, as XML.</summary>
    public string GetCapabilitiesXml()
        => NativeUtf8String.Take(LibvirtError.Check(virConnectGetCapabilities(Handle), Handle));

    /// <summary>
    /// The features that a domain may use on this host, as XML; null arguments mean the driver's defaults. libvirt refuses this on a read-only
    /// connection, since it may run an emulator (<see cref="LibvirtErrorCode.OperationDenied"/>).
    /// </summary>
    /// <param name="emulator">The path of the emulator.</param>
    /// <param name="architecture">The guest's architecture, for instance <c>x86_64</c>.</param>
    /// <param name="machine">The machine type, for instance <c>q35</c>.</param>
    /// <param name="virtualizationType">The virtualization type: <c>kvm</c>, <c>qemu</c>, ….</param>
    public string GetDomainCapabilitiesXml(
        string? emulator = null,
        string? architecture = null,
        string? machine = null,
        string? virtualizationType = null)
        => NativeUtf8String.Take(LibvirtError.Check(
            virConnectGetDomainCapabilities(Handle, emulator, architecture, machine, virtualizationType, 0), Handle));

    /// <summary>
    /// A CPU with all features that it has on this host, including those of its model (<c>virConnectBaselineHypervisorCPU</c>), as XML.
    /// </summary>
    /// <param name="cpuXml">The <c>&lt;cpu&gt;</c>, for instance that of host-model in the domain capabilities.</param>
    /// <param name="architecture">The guest's architecture.</param>
    /// <param name="machine">The machine type.</param>
    /// <param name="virtualizationType">The virtualization type: <c>kvm</c>, <c>qemu</c>, ….</param>
    public string ExpandCpu(string cpuXml, string? architecture = null, string? machine = null, string? virtualizationType = null)
    {
        NativeUtf8String.RequireNoNull(cpuXml, nameof(cpuXml));
        var text = Marshal.StringToCoTaskMemUTF8(cpuXml);
        try
        {
            return NativeUtf8String.Take(LibvirtError.Check(
                virConnectBaselineHypervisorCPU(Handle, null, architecture, machine, virtualizationType, &text, 1, ExpandFeatures), Handle));
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    private LibvirtDomain? TryLookupByUuid(Guid id, out LibvirtException? error)
    {
        var bytes = stackalloc byte[DomainHandle.UuidLength];
        id.TryWriteBytes(new Span<byte>(bytes, DomainHandle.UuidLength), bigEndian: true, out _);
        return Found(virDomainLookupByUUID(Handle, bytes), nameof(virDomainLookupByUUID), out error);
    }

    private LibvirtDomain? Found(DomainHandle domain, string function, out LibvirtException? error)
    {
        LibvirtError.Note(function);
        if (domain.IsInvalid)
        {
            error = LibvirtError.Last(function, Handle);
            domain.Dispose();
            return null;
        }

        error = null;
        return new LibvirtDomain(this, domain);
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectListAllDomains(ConnectionHandle connection, nint** domains, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial DomainHandle virDomainLookupByName(ConnectionHandle connection, string name);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial DomainHandle virDomainLookupByUUID(ConnectionHandle connection, byte* uuid);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial DomainHandle virDomainDefineXMLFlags(ConnectionHandle connection, string xml, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virConnectGetCapabilities(ConnectionHandle connection);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint virConnectGetDomainCapabilities(
        ConnectionHandle connection, string? emulator, string? arch, string? machine, string? virtualizationType, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint virConnectBaselineHypervisorCPU(
        ConnectionHandle connection, string? emulator, string? arch, string? machine, string? virtualizationType, nint* cpus, uint count, uint flags);
}
