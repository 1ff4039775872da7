// A host for the engine: a read-only and, only for changes, a writable libvirt connection; each is reopened after a loss.
using System.Globalization;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>
/// One libvirt URI with its connections. Reading opens a read-only connection; only a change opens a writable one. If the daemon is lost, the
/// first call fails and the next one opens a new connection. Safe for several threads.
/// </summary>
public sealed class HostConnection : IDisposable
{
    private readonly object _gate = new();
    private LibvirtConnection? _readOnly;
    private LibvirtConnection? _writable;
    private readonly List<Guid> _changedVMs = [];
    private VMHostTopology? _hardware;
    private CpuReading? _cpus;

    /// <summary>Creates a host; nothing is opened before the first use.</summary>
    /// <param name="uri">The libvirt URI, for example <c>qemu:///system</c>.</param>
    public HostConnection(string uri)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(uri);
        Uri = uri;
        IsLocalQemu = IsLocalQemuUri(uri);
    }

    /// <summary>The libvirt URI.</summary>
    public string Uri { get; }

    /// <summary>Whether the VMs are processes of this machine, so that its kernel has information about them.</summary>
    public bool IsLocalQemu { get; }

    /// <summary>Whether libvirt's calls are made by a daemon, which finishes the last one of a process that was killed. The test driver has none.</summary>
    public bool HasDaemon => !Uri.StartsWith("test:", StringComparison.Ordinal);

    /// <summary>The URI if none is given: <c>LIBVIRT_DEFAULT_URI</c>, else <c>qemu:///system</c>.</summary>
    public static string DefaultUri =>
        Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI") is { Length: > 0 } uri ? uri : "qemu:///system";

    /// <summary>Whether a connection is open now.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_gate)
            {
                return _readOnly is { IsAlive: true } || _writable is { IsAlive: true };
            }
        }
    }

    /// <summary>A connection for reading.</summary>
    /// <exception cref="KvmTuneException">libvirt is not installed, no daemon answers, or it refuses.</exception>
    public LibvirtConnection Read()
    {
        lock (_gate)
        {
            // An open writable connection also serves for reading; a second connection would only use memory.
            return _writable is { IsAlive: true } ? _writable : Reopen(ref _readOnly, ConnectionAccess.ReadOnly);
        }
    }

    /// <summary>A connection that may change things and see secrets.</summary>
    /// <exception cref="KvmTuneException">libvirt is not installed, no daemon answers, or it refuses.</exception>
    public LibvirtConnection Write()
    {
        lock (_gate)
        {
            return Reopen(ref _writable, ConnectionAccess.ReadWrite);
        }
    }

    /// <summary>
    /// The host according to its capabilities, read once for a connection: its CPUs, caches and nodes, which do not change. The sizes of memory
    /// and page pools are those at the time of reading.
    /// </summary>
    public VMHostTopology Hardware() => _hardware ??= CapabilitiesReader.Read(Read().GetCapabilitiesXml(), Uri, Read().HostName);

    /// <summary>The hardware with the state of its CPUs; computed again only if that state has changed.</summary>
    /// <param name="online">The CPUs that are online.</param>
    /// <param name="isolated">The CPUs that the kernel isolates.</param>
    /// <param name="make">Adds the state to the hardware.</param>
    internal VMHostTopology WithCpuState(CpuSet online, CpuSet? isolated, Func<VMHostTopology, VMHostTopology> make)
    {
        var hardware = Hardware();
        var known = _cpus;
        if (known is null || !ReferenceEquals(known.Hardware, hardware) || known.Online != online || known.Isolated != isolated)
        {
            _cpus = known = new CpuReading(hardware, online, isolated, make(hardware));
        }

        return known.Now;
    }

    /// <summary>Notes that this process changed a VM, so that cached readings of it are dropped (<see cref="RunningVMReading"/>).</summary>
    internal void NoteChange(Guid vm)
    {
        lock (_gate)
        {
            _changedVMs.Add(vm);
        }
    }

    /// <summary>How many changes of VMs this process has made.</summary>
    internal int ChangeCount
    {
        get
        {
            lock (_gate)
            {
                return _changedVMs.Count;
            }
        }
    }

    /// <summary>The VMs that this process changed since the last call.</summary>
    internal IReadOnlyList<Guid> VMsChangedSince(ref int seen)
    {
        lock (_gate)
        {
            var changed = _changedVMs[seen..];
            seen = _changedVMs.Count;
            return changed;
        }
    }

    /// <summary>Finds the VM with a name or UUID.</summary>
    /// <param name="nameOrId">The name, or the UUID in any of its usual forms. A name wins over a UUID.</param>
    /// <param name="connection">The connection to search.</param>
    /// <exception cref="KvmTuneException">There is no such VM (<c>VMNotFound</c>).</exception>
    public LibvirtDomain FindVM(string nameOrId, LibvirtConnection connection) =>
        connection.TryLookupByName(nameOrId)
        ?? (Guid.TryParse(nameOrId, out var id) ? connection.TryLookupByUuid(id) : null)
        ?? FindShown(nameOrId, connection)
        ?? throw VMNotFound(nameOrId);

    // A VM is shown with a backslash and a number in place of a character that a terminal would obey.
    private static LibvirtDomain? FindShown(string name, LibvirtConnection connection)
    {
        LibvirtDomain? found = null;
        foreach (var domain in name.Contains('\\', StringComparison.Ordinal) ? connection.ListDomains() : [])
        {
            if (found is null && TerminalText.Line(domain.Name) == name)
            {
                found = domain;
            }
            else
            {
                domain.Dispose();
            }
        }

        return found;
    }

    /// <summary>The error for a known UUID without a VM: a VM that only has the same name is another one.</summary>
    public KvmTuneException VMNotFound(string name, Guid id)
    {
        using var namesake = Read().TryLookupByName(name);
        return namesake is null ? VMNotFound(name) : new KvmTuneException(
            "VMNotFound", KvmTuneErrorCategory.ObjectNotFound,
            $"The VM '{name}' ({id}) is not on {Uri} any more. Another VM has the name '{name}' there now ({namesake.Id}); nothing was done to it.");
    }

    /// <summary>The error for a VM that does not exist, with the names of the existing ones.</summary>
    public KvmTuneException VMNotFound(string nameOrId)
    {
        var names = Read().ListDomains().Select(domain =>
        {
            using (domain)
            {
                return domain.Name;
            }
        }).OrderBy(name => name, StringComparer.Ordinal).ToList();
        var known = names.Count == 0
            ? "There are no VMs on it."
            : $"It has: {string.Join(", ", names.Take(8))}{(names.Count > 8 ? string.Create(CultureInfo.InvariantCulture, $" and {names.Count - 8} more") : null)}.";
        return new KvmTuneException(
            "VMNotFound", KvmTuneErrorCategory.ObjectNotFound, $"There is no VM '{nameOrId}' on {Uri}. {known}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _readOnly?.Dispose();
            _writable?.Dispose();
            _readOnly = null;
            _writable = null;
        }
    }

    private LibvirtConnection Reopen(ref LibvirtConnection? connection, ConnectionAccess access)
    {
        if (connection is { IsAlive: true })
        {
            return connection;
        }

        connection?.Dispose();
        connection = null;
        _hardware = null;
        try
        {
            return connection = LibvirtConnection.Open(Uri, access);
        }
        catch (LibvirtUnavailableException exception)
        {
            throw new KvmTuneException("LibvirtNotInstalled", KvmTuneErrorCategory.NotInstalled, exception.Message, exception);
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Opening(exception, Uri, access);
        }
    }

    /// <summary>
    /// Whether the VMs of a libvirt URI are processes of this machine: the driver is QEMU, the URI names no host, and its transport, if any, is a
    /// local socket (libvirt: https://libvirt.org/uri.html). No other rule decides this; the test driver's hosts do not exist.
    /// </summary>
    public static bool IsLocalQemuUri(string uri) =>
        System.Uri.TryCreate(uri, UriKind.Absolute, out var parsed)
        && parsed.Scheme is "qemu" or "qemu+unix"
        && string.IsNullOrEmpty(parsed.Host);

    private sealed class CpuReading(VMHostTopology hardware, CpuSet online, CpuSet? isolated, VMHostTopology now)
    {
        public VMHostTopology Hardware => hardware;

        public CpuSet Online => online;

        public CpuSet? Isolated => isolated;

        public VMHostTopology Now => now;
    }
}
