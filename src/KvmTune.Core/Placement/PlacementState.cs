// The load of CPUs and the free memory of a host while VMs are placed one after the other, and the cost of each place.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>A place for a VM.</summary>
/// <param name="Cpus">The host CPU of each plugged vCPU, in their order.</param>
/// <param name="Memory">The memory that it takes from each node, in KiB.</param>
/// <param name="CellNodes">The node of each guest cell, where the VM is split along them.</param>
internal sealed record Place(IReadOnlyList<int> Cpus, IReadOnlyList<(LayoutNode Node, long MemoryKiB)> Memory, IReadOnlyDictionary<int, int> CellNodes);

/// <summary>The load of a host in the course of one placement.</summary>
internal sealed class PlacementState
{
    // For each so many idle cores of a node, one is kept for the host's own work and for emulator and I/O threads.
    private const int CoresPerCoreLeft = 32;

    private readonly PlacementRequest _request;
    private readonly int[] _load;
    private readonly int[] _guests;
    private readonly int[] _vms;
    private readonly int[] _neighbours;
    private readonly bool[] _isUsable;
    private readonly bool[] _isDisturbed;
    private readonly bool[] _isReserve;
    private readonly bool[] _isClosed;
    private readonly bool[] _isCoreTaken;
    private readonly bool[] _isCoreWhole;
    private readonly long?[] _memory;
    private readonly Dictionary<(int Node, long Size), long> _pages;
    private readonly int _wantedKind;

    /// <summary>The host before anything is placed.</summary>
    /// <param name="layout">The host.</param>
    /// <param name="request">The request.</param>
    public PlacementState(HostLayout layout, PlacementRequest request)
    {
        Layout = layout;
        _request = request;
        (_load, _isUsable, _isDisturbed) = (new int[layout.CpuCount], new bool[layout.CpuCount], new bool[layout.CpuCount]);
        (_isReserve, _isClosed) = (new bool[layout.CpuCount], new bool[layout.CpuCount]);
        (_guests, _vms, _isCoreTaken) = (new int[layout.Cores.Count], new int[layout.Cores.Count], new bool[layout.Cores.Count]);
        _memory = [.. layout.Nodes.Select(node => node.FreeMemoryKiB)];
        _pages = layout.Nodes.SelectMany(node => node.Host.PagePools.Select(pool => ((node.Index, pool.PageSizeKiB), pool.Free ?? pool.Total)))
            .DistinctBy(pool => pool.Item1).ToDictionary(pool => pool.Item1, pool => pool.Item2);
        _wantedKind = request.CoreKind == CoreKindChoice.Efficient ? layout.Kinds.Count - 1 : 0;
        var isolated = request.Host.IsolatedCpus ?? CpuSet.Empty;
        foreach (var cpu in layout.Cpus.Keys)
        {
            _isUsable[cpu] = !request.ReservedCpus.Contains(cpu) && isolated.Contains(cpu) == request.UseIsolatedCpus;
        }

        _isCoreWhole = [.. layout.Cores.Select(core => Array.TrueForAll(core.Cpus, cpu => _isUsable[cpu]))];
        foreach (var neighbour in request.Neighbours)
        {
            AddNeighbour(neighbour);
        }

        _neighbours = [.. _vms];
        LeaveReserve();
    }

    private PlacementState(PlacementState other)
    {
        (Layout, _request, _isUsable, _isDisturbed, _isReserve, _isCoreWhole, _neighbours, _wantedKind) =
            (other.Layout, other._request, other._isUsable, other._isDisturbed, other._isReserve, other._isCoreWhole, other._neighbours, other._wantedKind);
        (_load, _guests, _vms) = ([.. other._load], [.. other._guests], [.. other._vms]);
        (_isClosed, _isCoreTaken) = ([.. other._isClosed], [.. other._isCoreTaken]);
        (_memory, _pages) = ([.. other._memory], new(other._pages));
    }

    /// <summary>The host.</summary>
    public HostLayout Layout { get; }

    /// <summary>The request.</summary>
    public PlacementRequest Request => _request;

    /// <summary>An independent copy.</summary>
    public PlacementState Copy() => new(this);

    /// <summary>How many vCPUs a CPU carries.</summary>
    public int LoadOf(int cpu) => _load[cpu];

    /// <summary>How many guest cores, or single vCPUs, the threads of a core carry.</summary>
    public int GuestsOf(LayoutCore core) => _guests[core.Index];

    /// <summary>The kind of core that is wanted.</summary>
    public int WantedKind => _wantedKind;

    /// <summary>Whether a CPU may carry vCPUs at all.</summary>
    public bool IsUsable(int cpu) => _isUsable[cpu];

    /// <summary>Whether a CPU belongs to a real-time vCPU, which may be one that is not plugged in.</summary>
    public bool IsClosed(int cpu) => _isClosed[cpu];

    /// <summary>Whether a CPU is kept for the host as long as there are others.</summary>
    public bool IsReserve(int cpu) => _isReserve[cpu];

    /// <summary>Whether neighbours have emulator or I/O threads, or vCPUs that are not plugged in, on a CPU.</summary>
    public bool IsDisturbed(int cpu) => _isDisturbed[cpu];

    /// <summary>Whether a core belongs to one VM as a whole.</summary>
    public bool IsTaken(LayoutCore core) => _isCoreTaken[core.Index];

    /// <summary>Whether a core can be given away as a whole.</summary>
    public bool IsIdle(LayoutCore core) =>
        _isCoreWhole[core.Index] && _guests[core.Index] == 0 && !_isCoreTaken[core.Index] && !Array.Exists(core.Cpus, cpu => _isClosed[cpu]);

    /// <summary>The threads of a core that a VM can have, the best first.</summary>
    /// <param name="core">The core.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="isShared">Whether threads that carry vCPUs already count too.</param>
    public int[] ThreadsFor(LayoutCore core, PlacementVM vm, bool isShared)
    {
        if (!isShared && (_isCoreTaken[core.Index] || (_request.ThreadPolicy != ThreadPolicy.Prefer && !IsIdle(core))))
        {
            return [];
        }

        var threads = Array.FindAll(core.Cpus, cpu => CanHave(cpu, vm, isShared));
        if (threads.Length > 1 && Array.Exists(threads, cpu => _load[cpu] > 0 || _isDisturbed[cpu]))
        {
            Array.Sort(threads, (left, right) => (_load[left], _isDisturbed[left], left).CompareTo((_load[right], _isDisturbed[right], right)));
        }

        return threads;
    }

    /// <summary>How many vCPUs of a VM a core can take now, each with a CPU of its own.</summary>
    public int Capacity(LayoutCore core, PlacementVM vm)
    {
        var threads = ThreadsFor(core, vm, isShared: false).Length;
        return _request.ThreadPolicy == ThreadPolicy.Isolate ? Math.Min(threads, 1) : threads;
    }

    /// <summary>The memory in KiB that a VM can have on a node, at most the node's total; null if not known, which counts as no limit.</summary>
    public long? Available(LayoutNode node, PlacementVM vm)
    {
        if (vm.PageSizeKiB is { } size)
        {
            var total = node.Host.PagePools.Where(pool => pool.PageSizeKiB == size).Select(pool => pool.Total).FirstOrDefault();
            return Math.Min(_pages.GetValueOrDefault((node.Index, size)) + vm.HeldPages.GetValueOrDefault(node.Id), total) * size;
        }

        var available = _memory[node.Index] + vm.HeldMemoryKiB.GetValueOrDefault(node.Id);
        return available is not null && node.Host.MemoryKiB > 0 ? Math.Min(available.Value, node.Host.MemoryKiB) : available;
    }

    /// <summary>Whether a node has the memory for a VM, or for a cell of it.</summary>
    public bool HasMemory(LayoutNode node, PlacementVM vm, long memoryKiB) =>
        vm.RequiredNodes is not null || Available(node, vm) is not { } available || available >= Whole(memoryKiB, vm);

    /// <summary>The memory that a VM takes from some nodes, in their order, from each as much as it has; null where they have too little.</summary>
    public IReadOnlyList<(LayoutNode Node, long MemoryKiB)>? MemoryOf(IReadOnlyList<LayoutNode> nodes, PlacementVM vm)
    {
        var left = Whole(vm.MemoryKiB, vm);
        if (vm.RequiredNodes is not null)
        {
            return [.. nodes.Select(node => (node, 0L))];
        }

        var taken = new List<(LayoutNode, long)>();
        foreach (var node in nodes)
        {
            var part = Math.Min(left, Math.Max(Available(node, vm) ?? left, 0));
            left -= part;
            taken.Add((node, part));
        }

        return left > 0 ? null : taken;
    }

    /// <summary>The cost of a place beside the VMs that are placed already.</summary>
    public PlacementAims Measure(PlacementVM vm, Place place)
    {
        int doubled = 0, overcommitted = 0, crowded = 0, disturbed = 0, reserve = 0, otherKind = 0, torn = 0;
        var plugged = vm.PluggedVcpus;
        var onCore = new Dictionary<LayoutCore, int>();
        var cpus = new HashSet<int>();
        var ofGuestCore = new List<LayoutCore>();
        for (var index = 0; index < place.Cpus.Count; index++)
        {
            var cpu = place.Cpus[index];
            var core = Layout.Cpus[cpu].Core;
            var isOwn = !cpus.Add(cpu);
            doubled += isOwn ? 1 : 0;
            overcommitted += !isOwn && _load[cpu] > 0 ? 1 : 0;
            crowded += isOwn ? 0 : Math.Max(0, _load[cpu] - 1);
            disturbed += _isDisturbed[cpu] ? 1 : 0;
            reserve += _isReserve[cpu] ? 1 : 0;
            otherKind += Math.Abs(core.Kind - _wantedKind);
            if (index == 0 || plugged[index] / vm.GuestThreads != plugged[index - 1] / vm.GuestThreads)
            {
                ofGuestCore.Clear();
            }

            if (!ofGuestCore.Contains(core))
            {
                torn += ofGuestCore.Count > 0 ? 1 : 0;
                ofGuestCore.Add(core);
                onCore[core] = onCore.GetValueOrDefault(core) + 1;
            }
        }

        var nodes = onCore.Keys.Select(core => core.Node).Concat(place.Memory.Where(part => part.MemoryKiB > 0).Select(part => part.Node)).Distinct().ToList();
        var kinds = onCore.Keys.Select(core => core.Kind).Distinct().Count();
        return new PlacementAims
        {
            Doubled = doubled,
            Overcommitted = overcommitted,
            Crowded = crowded,
            Nodes = nodes.Count - 1 + (nodes.Count > 1 && vm.Cells.Count > 1 && place.CellNodes.Count == 0 ? 1 : 0),
            MixedKinds = _request.CoreKind == CoreKindChoice.Any ? 0 : kinds - 1,
            OtherKind = _request.CoreKind == CoreKindChoice.Any ? 0 : otherKind,
            Cores = _request.ThreadPolicy switch
            {
                ThreadPolicy.Isolate => 0,
                ThreadPolicy.Require => onCore.Count,
                _ => torn + onCore.Sum(entry => Math.Max(0, _guests[entry.Key.Index] + entry.Value - 1) - Math.Max(0, _guests[entry.Key.Index] - 1)),
            },
            SharedCores = onCore.Keys.Count(core => _vms[core.Index] > 0),
            Caches = onCore.Keys.Select(core => core.Cache).Distinct().Count() - 1,
            Disturbed = disturbed,
            Reserve = reserve,
            MovedNodes = vm.CurrentNodes is { } current && nodes.Exists(node => !current.Contains(node.Id)) ? 1 : 0,
        };
    }

    /// <summary>Whether a VM can have exactly this place: every CPU is free for it, and the memory suffices.</summary>
    public bool Accepts(PlacementVM vm, Place place)
    {
        foreach (var cpu in place.Cpus)
        {
            var core = Layout.Cpus[cpu].Core;
            if (!CanHave(cpu, vm, isShared: _request.AllowOvercommit)
                || (!_request.AllowOvercommit && (_isCoreTaken[core.Index] || (_request.ThreadPolicy != ThreadPolicy.Prefer && !IsIdle(core)))))
            {
                return false;
            }
        }

        return LeavesCpuForEmulator(vm, place)
            && (_request.AllowOvercommit || place.Cpus.Distinct().Count() == place.Cpus.Count)
            && (_request.ThreadPolicy != ThreadPolicy.Isolate || _request.AllowOvercommit || place.Cpus.Select(cpu => Layout.Cpus[cpu].Core).Distinct().Count() == place.Cpus.Count)
            && place.Memory.All(part => Available(part.Node, vm) is not { } available || available >= part.MemoryKiB);
    }

    /// <summary>Whether the emulator of a real-time VM finds a CPU without vCPUs; other VMs do not need one.</summary>
    public bool LeavesCpuForEmulator(PlacementVM vm, Place place) => !vm.IsRealTime
        || Layout.Cpus.Keys.Any(cpu => _load[cpu] == 0 && !_isClosed[cpu] && !_request.ReservedCpus.Contains(cpu)
            && _request.Host.IsolatedCpus?.Contains(cpu) != true && !place.Cpus.Contains(cpu));

    /// <summary>Gives a place to a VM.</summary>
    public void Take(PlacementVM vm, Place place) => Change(vm, place, 1);

    /// <summary>Removes a VM from its place.</summary>
    public void Release(PlacementVM vm, Place place) => Change(vm, place, -1);

    /// <summary>A hash that is equal for states in which further VMs have the same choices.</summary>
    public long Signature()
    {
        var hash = 17L;
        foreach (var cache in Layout.Caches)
        {
            // Cores of a cache stand for each other, so their order is left out.
            var sum = 0L;
            foreach (var core in cache.Cores)
            {
                var of = Mix(_guests[core.Index], _vms[core.Index] + (_isCoreTaken[core.Index] ? 1000 : 0));
                foreach (var cpu in core.Cpus)
                {
                    of = Mix(of, (_load[cpu] * 16) + (_isClosed[cpu] ? 8 : 0) + (_isUsable[cpu] ? 4 : 0) + (_isDisturbed[cpu] ? 2 : 0) + (_isReserve[cpu] ? 1 : 0));
                }

                sum += of;
            }

            hash = Mix(hash, sum);
        }

        foreach (var memory in _memory)
        {
            hash = Mix(hash, memory ?? -1);
        }

        foreach (var node in Layout.Nodes)
        {
            foreach (var pool in node.Host.PagePools)
            {
                hash = Mix(hash, _pages.GetValueOrDefault((node.Index, pool.PageSizeKiB)));
            }
        }

        return hash;
    }

    /// <summary>Mixes a number into a hash (the finalizer of splitmix64). Small numbers in another order give another hash.</summary>
    public static long Mix(long hash, long value)
    {
        unchecked
        {
            var mixed = (((ulong)hash + 1) * 0x9E3779B97F4A7C15UL) + (ulong)value;
            mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9UL;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
            return (long)(mixed ^ (mixed >> 31));
        }
    }

    private void Change(PlacementVM vm, Place place, int sign)
    {
        var plugged = vm.PluggedVcpus;
        var guests = new HashSet<(int Guest, int Core)>();
        var cores = new HashSet<int>();
        for (var index = 0; index < place.Cpus.Count; index++)
        {
            var cpu = place.Cpus[index];
            var core = Layout.Cpus[cpu].Core.Index;
            _load[cpu] += sign;
            _guests[core] += guests.Add((plugged[index] / vm.GuestThreads, core)) ? sign : 0;
            _vms[core] += cores.Add(core) ? sign : 0;
            _isClosed[cpu] = vm.IsRealTime ? sign > 0 : _isClosed[cpu];
            _isCoreTaken[core] = _request.ThreadPolicy != ThreadPolicy.Prefer && _vms[core] > _neighbours[core];
        }

        foreach (var (node, memory) in place.Memory)
        {
            if (vm.PageSizeKiB is { } size)
            {
                _pages[(node.Index, size)] = _pages.GetValueOrDefault((node.Index, size)) - (sign * Math.Max(0, (memory / size) - vm.HeldPages.GetValueOrDefault(node.Id)));
            }
            else
            {
                _memory[node.Index] -= sign * Math.Max(0, memory - vm.HeldMemoryKiB.GetValueOrDefault(node.Id));
            }
        }
    }

    private bool CanHave(int cpu, PlacementVM vm, bool isShared) =>
        _isUsable[cpu] && !_isClosed[cpu]
        && (_load[cpu] == 0 || (isShared && !vm.IsRealTime && !_request.UseIsolatedCpus))
        && !(vm.IsRealTime && _isDisturbed[cpu]);

    private static long Whole(long memoryKiB, PlacementVM vm) =>
        vm.PageSizeKiB is { } size ? (memoryKiB + size - 1) / size * size : memoryKiB;

    private void AddNeighbour(PlacementNeighbour neighbour)
    {
        foreach (var core in neighbour.VcpuPins.Values.SelectMany(pin => pin.Numbers).Where(Layout.Cpus.ContainsKey).Select(cpu => Layout.Cpus[cpu].Core).Distinct())
        {
            _vms[core.Index]++;
        }

        foreach (var cpu in neighbour.VcpuPins.Values.SelectMany(pin => pin.Numbers).Where(Layout.Cpus.ContainsKey))
        {
            _load[cpu]++;
            _guests[Layout.Cpus[cpu].Core.Index]++;
            _isClosed[cpu] |= neighbour.IsRealTime;
        }

        foreach (var cpu in neighbour.ServicePins.Values.SelectMany(pin => pin.Numbers).Concat(neighbour.UnpluggedCpus.Numbers).Where(Layout.Cpus.ContainsKey))
        {
            _isDisturbed[cpu] = true;
        }

        // A real-time vCPU may be plugged in at any time, and shares with no thread then.
        foreach (var cpu in neighbour.IsRealTime ? neighbour.UnpluggedCpus.Numbers.Where(Layout.Cpus.ContainsKey) : [])
        {
            _isClosed[cpu] = true;
        }
    }

    // Keeps the first idle cores of each node for the host. A node where neighbours have emulator or I/O threads on a core without vCPUs
    // needs no more.
    private void LeaveReserve()
    {
        foreach (var node in Layout.Nodes)
        {
            var idle = node.Cores.Where(IsIdle).ToList();
            if (idle.Count < 2 || _request.UseIsolatedCpus || node.Cores.Exists(core => GuestsOf(core) == 0 && Array.Exists(core.Cpus, cpu => _isDisturbed[cpu] && !_isClosed[cpu])))
            {
                continue;
            }

            foreach (var cpu in idle.OrderBy(core => core.Cpus[0]).Take((idle.Count + CoresPerCoreLeft - 1) / CoresPerCoreLeft).SelectMany(core => core.Cpus))
            {
                _isReserve[cpu] = true;
            }
        }
    }
}
