// Who has which CPU and how much memory is left, while VMs are placed one after the other.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The occupancy of a host in the course of one placement.</summary>
internal sealed class PlacementState
{
    // A core set aside for emulator and I/O threads for each so many cores of a node.
    private const int CoresPerCoreSetAside = 32;

    private readonly PlacementRequest _request;
    private readonly int[] _load;
    private readonly int[] _coreLoad;
    private readonly bool[] _isUsable;
    private readonly bool[] _isAvoided;
    private readonly Predicate<int> _isOpen;
    private readonly bool[] _isCoreTaken;
    private readonly bool[] _isCoreWhole;
    private readonly long?[] _memory;
    private readonly Dictionary<(int Node, long Size), long> _pages;

    /// <summary>The host before anything is placed.</summary>
    /// <param name="layout">The host.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="setsAside">Whether each node keeps a core for emulator and I/O threads, and CPUs where neighbours have theirs are left to them.</param>
    public PlacementState(HostLayout layout, PlacementRequest request, bool setsAside)
    {
        Layout = layout;
        _request = request;
        (_load, _coreLoad) = (new int[layout.CpuCount], new int[layout.Cores.Count]);
        (_isUsable, _isAvoided) = (new bool[layout.CpuCount], new bool[layout.CpuCount]);
        (_isCoreTaken, _isCoreWhole) = (new bool[layout.Cores.Count], new bool[layout.Cores.Count]);
        _isOpen = cpu => !_isAvoided[cpu];
        _memory = [.. layout.Nodes.Select(node => node.FreeMemoryKiB)];
        _pages = layout.Nodes.SelectMany(node => node.Host.PagePools.Select(pool => ((node.Index, pool.PageSizeKiB), pool.Free ?? pool.Total)))
            .DistinctBy(pool => pool.Item1).ToDictionary(pool => pool.Item1, pool => pool.Item2);
        var isolated = request.Host.IsolatedCpus ?? CpuSet.Empty;
        foreach (var cpu in layout.Cpus.Keys)
        {
            _isUsable[cpu] = !request.ReservedCpus.Contains(cpu) && isolated.Contains(cpu) == request.UseIsolatedCpus;
        }

        foreach (var core in layout.Cores)
        {
            _isCoreWhole[core.Index] = Array.TrueForAll(core.Cpus, cpu => _isUsable[cpu]);
        }

        foreach (var cpu in request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers).Where(layout.Cpus.ContainsKey))
        {
            Load(cpu);
        }

        if (setsAside && !request.UseIsolatedCpus)
        {
            SetAside();
        }
    }

    private PlacementState(PlacementState other)
    {
        (Layout, _request, _isUsable, _isAvoided, _isCoreWhole) = (other.Layout, other._request, other._isUsable, other._isAvoided, other._isCoreWhole);
        _isOpen = other._isOpen;
        _load = [.. other._load];
        _coreLoad = [.. other._coreLoad];
        _isCoreTaken = [.. other._isCoreTaken];
        _memory = [.. other._memory];
        _pages = new(other._pages);
    }

    /// <summary>The host.</summary>
    public HostLayout Layout { get; }

    /// <summary>A copy that can be filled on its own.</summary>
    public PlacementState Copy() => new(this);

    /// <summary>How many vCPUs a CPU carries.</summary>
    public int LoadOf(int cpu) => _load[cpu];

    /// <summary>How many vCPUs the threads of a core carry.</summary>
    public int LoadOf(LayoutCore core) => _coreLoad[core.Index];

    /// <summary>Whether a CPU may carry vCPUs at all.</summary>
    public bool IsUsable(int cpu) => _isUsable[cpu];

    /// <summary>Whether a core belongs to one VM as a whole.</summary>
    public bool IsTaken(LayoutCore core) => _isCoreTaken[core.Index];

    /// <summary>Whether a CPU can be given to a vCPU of its own.</summary>
    public bool IsFree(int cpu) => _isUsable[cpu] && !_isAvoided[cpu] && _load[cpu] == 0;

    /// <summary>Whether a core can be given away as a whole.</summary>
    public bool IsIdle(LayoutCore core) =>
        _isCoreWhole[core.Index] && _coreLoad[core.Index] == 0 && !_isCoreTaken[core.Index] && Array.TrueForAll(core.Cpus, _isOpen);

    /// <summary>How many threads of a core can be given to a vCPU each, whatever the thread policy.</summary>
    public int FreeThreads(LayoutCore core)
    {
        var free = 0;
        foreach (var cpu in _isCoreTaken[core.Index] ? [] : core.Cpus)
        {
            free += IsFree(cpu) ? 1 : 0;
        }

        return free;
    }

    /// <summary>How many vCPUs a core can take now.</summary>
    public int Capacity(LayoutCore core) => _request.ThreadPolicy switch
    {
        ThreadPolicy.Prefer => FreeThreads(core),
        _ when !IsIdle(core) => 0,
        ThreadPolicy.Isolate => 1,
        _ => core.Cpus.Length,
    };

    /// <summary>How many vCPUs some cores can take now.</summary>
    public int Capacity(List<LayoutCore> cores)
    {
        var capacity = 0;
        foreach (var core in cores)
        {
            capacity += Capacity(core);
        }

        return capacity;
    }

    /// <summary>The memory in KiB that a VM can have on a node; null for "not known, as much as it likes".</summary>
    public long? Available(LayoutNode node, PlacementVM vm) => vm.PageSizeKiB is { } size
        ? (_pages.GetValueOrDefault((node.Index, size)) + vm.HeldPages.GetValueOrDefault(node.Id)) * size
        : _memory[node.Index] + vm.HeldMemoryKiB.GetValueOrDefault(node.Id);

    /// <summary>Whether a node has the memory for a VM, or for a cell of it.</summary>
    public bool HasMemory(LayoutNode node, PlacementVM vm, long memoryKiB) =>
        vm.RequiredNodes is not null || Available(node, vm) is not { } available || available >= Whole(memoryKiB, vm);

    /// <summary>Whether some nodes together have the memory for a VM.</summary>
    public bool HaveMemory(IReadOnlyCollection<LayoutNode> nodes, PlacementVM vm) =>
        vm.RequiredNodes is not null || nodes.Any(node => Available(node, vm) is null) || nodes.Sum(node => Available(node, vm)) >= Whole(vm.MemoryKiB, vm);

    /// <summary>Gives CPUs to a VM.</summary>
    public void Take(IEnumerable<int> cpus)
    {
        foreach (var cpu in cpus)
        {
            Load(cpu);
            if (_request.ThreadPolicy != ThreadPolicy.Prefer)
            {
                _isCoreTaken[Layout.Cpus[cpu].Core.Index] = true;
            }
        }
    }

    /// <summary>Takes a VM's memory, or that of a cell of it, from nodes; from the first what it has, then from the next.</summary>
    public void TakeMemory(IEnumerable<LayoutNode> nodes, PlacementVM vm, long memoryKiB)
    {
        if (vm.RequiredNodes is not null)
        {
            return;
        }

        var left = Whole(memoryKiB, vm);
        foreach (var node in nodes)
        {
            var taken = Math.Min(left, Math.Max(Available(node, vm) ?? left, 0));
            left -= taken;
            if (vm.PageSizeKiB is { } size)
            {
                _pages[(node.Index, size)] = _pages.GetValueOrDefault((node.Index, size)) + vm.HeldPages.GetValueOrDefault(node.Id) - (taken / size);
            }
            else
            {
                _memory[node.Index] = _memory[node.Index] + vm.HeldMemoryKiB.GetValueOrDefault(node.Id) - taken;
            }
        }
    }

    private static long Whole(long memoryKiB, PlacementVM vm) =>
        vm.PageSizeKiB is { } size ? (memoryKiB + size - 1) / size * size : memoryKiB;

    private void Load(int cpu)
    {
        _load[cpu]++;
        _coreLoad[Layout.Cpus[cpu].Core.Index]++;
    }

    // Where neighbours have emulator and I/O threads already, those CPUs are what is set aside on a node; else its first idle cores.
    private void SetAside()
    {
        foreach (var cpu in _request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values).SelectMany(pin => pin.Numbers).Where(Layout.Cpus.ContainsKey))
        {
            _isAvoided[cpu] = true;
        }

        foreach (var node in Layout.Nodes)
        {
            var idle = node.Cores.Where(IsIdle).ToList();
            if (idle.Count < 2 || node.Cores.Exists(core => LoadOf(core) == 0 && Array.Exists(core.Cpus, cpu => _isAvoided[cpu])))
            {
                continue;
            }

            foreach (var cpu in idle.OrderBy(core => core.Cpus[0]).Take((idle.Count + CoresPerCoreSetAside - 1) / CoresPerCoreSetAside).SelectMany(core => core.Cpus))
            {
                _isAvoided[cpu] = true;
            }
        }
    }
}
