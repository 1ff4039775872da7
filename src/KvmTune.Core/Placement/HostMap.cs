// The map of a host: nodes, caches, cores and sibling threads, with the VMs on them and what these share; of today or of a placement.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>A host with its VMs on it, ready to be drawn.</summary>
public sealed record HostMap
{
    /// <summary>The libvirt connection that names the host.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The host's name.</summary>
    public required string HostName { get; init; }

    /// <summary>Whether it shows a planned placement, not the present one.</summary>
    public bool IsPlanned { get; init; }

    /// <summary>The nodes.</summary>
    public required IReadOnlyList<HostMapNode> Nodes { get; init => field = Items.Of(value); }

    /// <summary>The VMs that have a place, each with the sign that stands for it in the picture.</summary>
    public required IReadOnlyList<HostMapVM> VMs { get; init => field = Items.Of(value); }

    /// <summary>The running VMs without a pin: the scheduler puts them anywhere.</summary>
    public required IReadOnlyList<string> Unpinned { get; init => field = Items.Of(value); }

    /// <summary>What VMs share: host CPUs, cores, caches.</summary>
    public required IReadOnlyList<string> Shared { get; init => field = Items.Of(value); }

    /// <summary>Whether the picture is drawn with ASCII characters only.</summary>
    public bool IsAscii { get; init; }

    /// <summary>The picture as text, without colours.</summary>
    public override string ToString() => HostMapPicture.Draw(this);

    /// <summary>The map of the present pins.</summary>
    /// <param name="host">The host.</param>
    /// <param name="vms">Its VMs.</param>
    /// <param name="reservedCpus">Host CPUs to mark as reserved for the host.</param>
    public static HostMap Of(VMHostTopology host, IReadOnlyList<PlacementNeighbour> vms, CpuSet? reservedCpus = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(vms);
        return Build(new PlacementRequest { Host = host, VMs = [], Neighbours = vms, ReservedCpus = reservedCpus ?? CpuSet.Empty }, []);
    }

    /// <summary>The map of a placement: the placed VMs beside their neighbours.</summary>
    public static HostMap Of(HostPlacement placement)
    {
        ArgumentNullException.ThrowIfNull(placement);
        return Build(placement.Request, placement.VMs) with { IsPlanned = true };
    }

    private static HostMap Build(PlacementRequest request, IReadOnlyList<VMPlacement> placed)
    {
        var layout = HostLayout.Of(request.Host);
        var seated = placed.Select(placement => new PlacementNeighbour
        {
            Name = placement.VMName,
            Vcpus = placement.VcpuPins.Count,
            VcpuPins = placement.VcpuPins.ToDictionary(pin => pin.Key, pin => new CpuSet(pin.Value)),
            ServicePins = new Dictionary<string, CpuSet>(StringComparer.Ordinal) { ["emulator, I/O threads"] = placement.ServiceCpus },
        }).Concat(request.Neighbours.Where(neighbour => neighbour.VcpuPins.Count + neighbour.ServicePins.Count > 0)).ToList();
        var vms = seated.Select((vm, index) => new HostMapVM(Sign(index), vm, placed.Count > index)).ToList();
        var threads = vms.SelectMany(vm => vm.VM.VcpuPins.SelectMany(pin => pin.Value.Numbers.Select(cpu =>
                (cpu, Occupant: new HostMapOccupant(vm.Sign, vm.VM.Name, pin.Key)))))
            .Concat(vms.SelectMany(vm => vm.VM.ServicePins.Values.SelectMany(pin => pin.Numbers).Distinct().Select(cpu => (cpu, Occupant: new HostMapOccupant(vm.Sign, vm.VM.Name, null)))))
            .ToLookup(entry => entry.cpu, entry => entry.Occupant);
        return new HostMap
        {
            ConnectionUri = request.Host.ConnectionUri,
            HostName = request.Host.HostName,
            Nodes = layout.Nodes.Select(node => ToNode(node, request, threads)).ToList(),
            VMs = vms,
            Unpinned = request.Neighbours.Where(neighbour => neighbour is { IsRunning: true, VcpuPins.Count: 0 }).Select(neighbour => neighbour.Name).ToList(),
            Shared = SharedBy(layout, vms),
        };
    }

    private static HostMapNode ToNode(LayoutNode node, PlacementRequest request, ILookup<int, HostMapOccupant> threads)
    {
        var offline = CpuSet.Of(node.Host.Cpus.Select(cpu => cpu.Id)).Except(request.Host.OnlineCpus);
        return new HostMapNode(
            node.Id, node.Host.MemoryKiB, node.Host.FreeMemoryKiB, node.Host.PagePools,
            node.Caches.Select(cache => new HostMapCache(cache.Domain, cache.Cores.Select(core => new HostMapCore(core.Cpus.Select(ToCpu).ToList())).ToList())).ToList(),
            offline);

        HostMapCpu ToCpu(int cpu) => new(
            cpu,
            request.ReservedCpus.Contains(cpu) ? HostCpuState.Reserved : request.Host.IsolatedCpus?.Contains(cpu) == true ? HostCpuState.Isolated : HostCpuState.Open,
            threads[cpu].ToList());
    }

    private static List<string> SharedBy(HostLayout layout, List<HostMapVM> vms)
    {
        var sharing = new PlacementSharing(layout, vms.Select(vm => vm.VM));
        var shared = new List<string>();
        foreach (var cpu in layout.Cpus.Keys.Order())
        {
            var on = sharing.On(cpu);
            if (on.Count > 1)
            {
                shared.Add(string.Create(CultureInfo.InvariantCulture, $"host CPU {cpu}: {string.Join(", ", on.Select(entry => string.Create(CultureInfo.InvariantCulture, $"vCPU {entry.Vcpu} of {entry.VM}")))}"));
            }
        }

        shared.AddRange(from core in layout.Cores
                        where core.Cpus.Length > 1
                        let names = sharing.Names(core.Cpus)
                        where names.Count > 1
                        select $"core of CPUs {CpuSet.Of(core.Cpus)}: {string.Join(", ", names)}");
        shared.AddRange(from cache in layout.Caches
                        let names = sharing.Names(cache.Domain.Cpus.Numbers)
                        where names.Count > 1
                        select $"{cache.Domain}: {string.Join(", ", names)}");
        return shared;
    }

    // a … z, then aa, ab and so on.
    private static string Sign(int index) =>
        index < 26 ? ((char)('a' + index)).ToString() : Sign((index / 26) - 1) + (char)('a' + (index % 26));
}

/// <summary>What a host CPU is for.</summary>
[JsonText(typeof(EnumName))]
public enum HostCpuState
{
    /// <summary>Any VM may use it.</summary>
    Open,

    /// <summary>It is the host's own.</summary>
    Reserved,

    /// <summary>The kernel isolates it.</summary>
    Isolated,
}

/// <summary>A node of the map.</summary>
/// <param name="Id">Its number.</param>
/// <param name="MemoryKiB">Its memory in KiB.</param>
/// <param name="FreeMemoryKiB">Its free memory in KiB; null where that is not known.</param>
/// <param name="PagePools">Its pools of pages.</param>
/// <param name="Caches">Its last-level caches.</param>
/// <param name="OfflineCpus">Its CPUs that are offline.</param>
public sealed record HostMapNode(
    int Id, long MemoryKiB, long? FreeMemoryKiB, IReadOnlyList<PagePool> PagePools, IReadOnlyList<HostMapCache> Caches, CpuSet OfflineCpus)
{
    /// <summary>Its pools of pages.</summary>
    public IReadOnlyList<PagePool> PagePools { get; init => field = Items.Of(value); } = Items.Of(PagePools);

    /// <summary>Its last-level caches.</summary>
    public IReadOnlyList<HostMapCache> Caches { get; init => field = Items.Of(value); } = Items.Of(Caches);

    /// <summary>For example <c>node 0: 8192 MiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"node {Id}: {MemoryKiB / 1024} MiB");
}

/// <summary>A last-level cache of the map.</summary>
/// <param name="Cache">The cache.</param>
/// <param name="Cores">The cores that share it.</param>
public sealed record HostMapCache(CacheDomain Cache, IReadOnlyList<HostMapCore> Cores)
{
    /// <summary>The cores that share it.</summary>
    public IReadOnlyList<HostMapCore> Cores { get; init => field = Items.Of(value); } = Items.Of(Cores);

    /// <summary>For example <c>L3 of 16 MiB (CPUs 0-7)</c>.</summary>
    public override string ToString() => Cache.ToString();
}

/// <summary>A core of the map.</summary>
/// <param name="Cpus">Its threads.</param>
public sealed record HostMapCore(IReadOnlyList<HostMapCpu> Cpus)
{
    /// <summary>Its threads.</summary>
    public IReadOnlyList<HostMapCpu> Cpus { get; init => field = Items.Of(value); } = Items.Of(Cpus);

    /// <summary>For example <c>CPUs 0 4</c>.</summary>
    public override string ToString() => $"CPUs {string.Join(' ', Cpus.Select(cpu => FormattableString.Invariant($"{cpu.Id}")))}";
}

/// <summary>A host CPU of the map.</summary>
/// <param name="Id">Its number.</param>
/// <param name="State">What it is for.</param>
/// <param name="Occupants">The threads that are pinned to it.</param>
public sealed record HostMapCpu(int Id, HostCpuState State, IReadOnlyList<HostMapOccupant> Occupants)
{
    /// <summary>The threads that are pinned to it.</summary>
    public IReadOnlyList<HostMapOccupant> Occupants { get; init => field = Items.Of(value); } = Items.Of(Occupants);

    /// <summary>For example <c>CPU 2: Open</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"CPU {Id}: {(Occupants.Count == 0 ? State.ToString() : string.Join(' ', Occupants))}");
}

/// <summary>A thread of a VM that is pinned to a host CPU.</summary>
/// <param name="Sign">The VM's sign.</param>
/// <param name="VMName">The VM's name.</param>
/// <param name="Vcpu">The vCPU; null for emulator and I/O threads.</param>
public sealed record HostMapOccupant(string Sign, string VMName, int? Vcpu)
{
    /// <summary>For example <c>db01 vCPU 2</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{VMName}{(Vcpu is { } vcpu ? FormattableString.Invariant($" vCPU {vcpu}") : null)}");
}

/// <summary>A VM of the map.</summary>
/// <param name="Sign">The letters that stand for it in the picture.</param>
/// <param name="VM">Its pins.</param>
/// <param name="IsPlanned">Whether its place is planned, not its present one.</param>
public sealed record HostMapVM(string Sign, PlacementNeighbour VM, bool IsPlanned)
{
    /// <summary>For example <c>a = db01</c>.</summary>
    public override string ToString() => $"{Sign} = {VM.Name}";
}
