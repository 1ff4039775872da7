// Places VMs one after the other by one strategy: within a cache, else within a node, else over as few nodes as can be.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The place that a pass found for a VM.</summary>
/// <param name="Cpus">The host CPU of each vCPU.</param>
/// <param name="Memory">The nodes of its memory.</param>
/// <param name="CellNodes">The node of each guest cell, where it was split along them.</param>
/// <param name="IsOvercommitted">Whether CPUs are given to it that carry other vCPUs.</param>
internal sealed record PlaceFound(
    IReadOnlyDictionary<int, int> Cpus, IReadOnlyList<LayoutNode> Memory, IReadOnlyDictionary<int, int> CellNodes, bool IsOvercommitted);

/// <summary>One pass over the VMs.</summary>
internal sealed class PlacementPass
{
    private readonly PlacementRequest _request;
    private readonly PlacementStrategy _strategy;

    /// <summary>Prepares a pass.</summary>
    public PlacementPass(HostLayout layout, PlacementRequest request, PlacementStrategy strategy)
    {
        _request = request;
        _strategy = strategy;
        State = new PlacementState(layout, request, strategy.SetsAside);
    }

    /// <summary>Who has what, as far as the pass has come.</summary>
    public PlacementState State { get; private set; }

    /// <summary>Places all VMs; null for one that found no place.</summary>
    public IReadOnlyList<PlaceFound?> Run()
    {
        var vms = _request.VMs;
        var places = new PlaceFound?[vms.Count];
        var order = Enumerable.Range(0, places.Length).ToList();
        if (_strategy.LargestFirst)
        {
            order = [.. order.OrderByDescending(index => vms[index].Vcpus).ThenByDescending(index => vms[index].MemoryKiB)];
            order.ForEach(index => places[index] = Together(vms[index]) ?? Spread(vms[index]));
        }
        else
        {
            order.ForEach(index => places[index] = Together(vms[index]));
            order.ForEach(index => places[index] ??= Spread(vms[index]));
        }

        order.ForEach(index => places[index] ??= Overcommitted(NodesFor(vms[index]), vms[index]));
        return places;
    }

    private List<LayoutNode> NodesFor(PlacementVM vm) => [.. State.Layout.Nodes.Where(node => vm.RequiredNodes?.Contains(node.Id) != false)];

    private PlaceFound? Together(PlacementVM vm)
    {
        var vcpus = AllOf(vm);
        return Within(NodesFor(vm), vm, vcpus.Count, vm.MemoryKiB) is { } found
            ? new PlaceFound(Zip(vcpus, found.Cpus), [found.Node], new Dictionary<int, int>(), IsOvercommitted: false)
            : null;
    }

    private PlaceFound? Spread(PlacementVM vm)
    {
        var nodes = NodesFor(vm);
        return AlongCells(nodes, vm) ?? OverNodes(nodes, vm, AllOf(vm));
    }

    // A place for vCPUs and their memory within one cache, else within one node.
    private (LayoutNode Node, IReadOnlyList<int> Cpus)? Within(List<LayoutNode> nodes, PlacementVM vm, int count, long memoryKiB)
    {
        var picker = new CorePicker(State, _request.ThreadPolicy);
        var fitting = nodes.Where(node => State.HasMemory(node, vm, memoryKiB)).Select(node => (Node: node, Free: State.Capacity(node.Cores))).Where(entry => entry.Free >= count).ToList();
        if (_strategy.Choice == PlaceChoice.NodeByMemory)
        {
            fitting = [.. fitting.OrderByDescending(entry => State.Available(entry.Node, vm) ?? long.MaxValue).ThenByDescending(entry => entry.Node.Cores.Sum(State.FreeThreads)).Take(1)];
        }

        if (fitting.Count == 0)
        {
            return null;
        }

        var cache = fitting.SelectMany(entry => entry.Node.Caches, (entry, cache) => (Cache: cache, entry.Free, FreeInCache: State.Capacity(cache.Cores)))
            .Where(entry => entry.FreeInCache >= count)
            .OrderBy(entry => Rank(vm, entry.Cache.Node, entry.Free, entry.FreeInCache, entry.Cache.Cores, count, picker))
            .Select(entry => entry.Cache).FirstOrDefault();
        var node = cache?.Node ?? fitting.OrderBy(entry => Rank(vm, entry.Node, entry.Free, entry.Free, entry.Node.Cores, count, picker)).First().Node;
        var cpus = cache is null ? PickOverCaches(node.Caches, count, vm.GuestThreads) : picker.Pick(cache.Cores, count, vm.GuestThreads);
        State.Take(cpus);
        State.TakeMemory([node], vm, memoryKiB);
        return (node, cpus);
    }

    // Smaller is better.
    private (int, int, long, long, long) Rank(
        PlacementVM vm, LayoutNode node, int freeOfNode, int freeHere, List<LayoutCore> cores, int count, CorePicker picker)
    {
        if (_strategy.Choice == PlaceChoice.LeastLoaded)
        {
            return (-cores.Sum(State.FreeThreads), 0, 0, 0, 0);
        }

        var crowds = picker.HasDistinctCores(cores, count, vm.GuestThreads) ? 0 : 1;
        var moves = vm.CurrentNodes is { } current && !current.Contains(node.Id) ? 1 : 0;
        var memory = State.Available(node, vm) ?? long.MaxValue;
        return _strategy.Choice == PlaceChoice.Fullest ? (crowds, moves, freeHere, freeOfNode, memory) : (crowds, moves, -freeHere, -memory, -freeOfNode);
    }

    // As few caches as can be: the tightest one that takes all that is left, else the one that takes most.
    private List<int> PickOverCaches(IEnumerable<LayoutCache> caches, int count, int guestThreads)
    {
        var cpus = new List<int>(count);
        var picker = new CorePicker(State, _request.ThreadPolicy);
        var left = caches.Select(cache => (Cache: cache, Free: State.Capacity(cache.Cores))).Where(entry => entry.Free > 0).ToList();
        while (cpus.Count < count)
        {
            var needed = count - cpus.Count;
            var next = left.Exists(entry => entry.Free >= needed)
                ? left.Where(entry => entry.Free >= needed).MinBy(entry => entry.Free)
                : left.MaxBy(entry => entry.Free);
            left.Remove(next);
            cpus.AddRange(picker.Pick(next.Cache.Cores, Math.Min(needed, next.Free), guestThreads));
        }

        return cpus;
    }

    // A guest that knows its cells can be split along them, each with its memory on one node.
    private PlaceFound? AlongCells(List<LayoutNode> nodes, PlacementVM vm)
    {
        if (vm.Cells.Count < 2 || vm.RequiredNodes is not null || vm.Cells.Sum(cell => cell.Vcpus.Count) != vm.Vcpus)
        {
            return null;
        }

        var before = State;
        State = before.Copy();
        var cpus = new Dictionary<int, int>();
        var cellNodes = new Dictionary<int, int>();
        var memory = new List<LayoutNode>();
        foreach (var cell in vm.Cells.OrderByDescending(cell => cell.Vcpus.Count))
        {
            var vcpus = cell.Vcpus.Numbers.ToList();
            if (Within(nodes, vm, vcpus.Count, cell.MemoryKiB) is not { } found)
            {
                State = before;
                return null;
            }

            foreach (var (vcpu, cpu) in Zip(vcpus, found.Cpus))
            {
                cpus[vcpu] = cpu;
            }

            cellNodes[cell.Id] = found.Node.Id;
            memory.Add(found.Node);
        }

        return new PlaceFound(cpus, [.. memory.Distinct()], cellNodes, IsOvercommitted: false);
    }

    // The fewest nodes that have the CPUs and the memory together: from each node on, the nearest ones are added.
    private PlaceFound? OverNodes(List<LayoutNode> nodes, PlacementVM vm, List<int> vcpus)
    {
        var freeOf = nodes.ToDictionary(node => node, node => State.Capacity(node.Cores));
        if (freeOf.Values.Sum() < vm.Vcpus)
        {
            return null;
        }

        var best = nodes.Where(node => freeOf[node] > 0).Select(start =>
            {
                var near = nodes.OrderBy(node => node == start ? 0 : start.Host.Distances.GetValueOrDefault(node.Id, 20)).ThenByDescending(node => freeOf[node]).ToList();
                var size = Enumerable.Range(1, near.Count).FirstOrDefault(size => Suffices(near.Take(size).ToList()));
                return near.Take(size).ToList();
            })
            .Where(set => set.Count > 0).OrderBy(set => set.Count).ThenByDescending(set => set.Sum(node => freeOf[node])).FirstOrDefault();
        if (best is null)
        {
            return null;
        }

        var cpus = Shares(best.ConvertAll(node => freeOf[node]), vm.Vcpus, vm.GuestThreads)
            .SelectMany((share, index) => PickOverCaches(best[index].Caches, share, vm.GuestThreads)).ToList();
        State.Take(cpus);
        State.TakeMemory(best, vm, vm.MemoryKiB);
        return new PlaceFound(Zip(vcpus, cpus), best, new Dictionary<int, int>(), IsOvercommitted: false);

        bool Suffices(List<LayoutNode> set) => set.Sum(node => freeOf[node]) >= vm.Vcpus && State.HaveMemory(set, vm);
    }

    // As even as the nodes allow, in whole cores of the guest: memory that is touched from all sides is best spread so.
    private static int[] Shares(List<int> free, int count, int guestThreads)
    {
        var shares = new int[free.Count];
        while (count > 0)
        {
            var index = Enumerable.Range(0, free.Count).Where(index => shares[index] < free[index]).MinBy(index => shares[index]);
            var step = Math.Min(Math.Min(guestThreads, count), free[index] - shares[index]);
            shares[index] += step;
            count -= step;
        }

        return shares;
    }

    // The least loaded CPUs of the least loaded node that has the memory. Isolated CPUs carry one vCPU each, so they are never overcommitted.
    private PlaceFound? Overcommitted(List<LayoutNode> nodes, PlacementVM vm)
    {
        if (!_request.AllowOvercommit || _request.UseIsolatedCpus)
        {
            return null;
        }

        var usable = nodes.ToDictionary(node => node, node => node.Cores.SelectMany(core => core.Cpus).Where(State.IsUsable).ToList());
        var withCpus = nodes.Where(node => usable[node].Count > 0).ToList();
        var node = withCpus.Where(node => State.HasMemory(node, vm, vm.MemoryKiB)).MinBy(node => (double)usable[node].Sum(State.LoadOf) / usable[node].Count);
        var set = node is not null ? [node] : withCpus;
        if (set.Count == 0 || !State.HaveMemory(set, vm))
        {
            return null;
        }

        var cpus = new List<int>(vm.Vcpus);
        while (cpus.Count < vm.Vcpus)
        {
            var next = set.SelectMany(member => usable[member]).MinBy(cpu => (State.LoadOf(cpu), State.LoadOf(State.Layout.Cpus[cpu].Core), cpu));
            State.Take([next]);
            cpus.Add(next);
        }

        State.TakeMemory(set, vm, vm.MemoryKiB);
        return new PlaceFound(Zip(AllOf(vm), cpus), set, new Dictionary<int, int>(), IsOvercommitted: true);
    }

    private static List<int> AllOf(PlacementVM vm) => [.. Enumerable.Range(0, vm.Vcpus)];

    private static Dictionary<int, int> Zip(List<int> vcpus, IReadOnlyList<int> cpus) =>
        vcpus.Select((vcpu, index) => (vcpu, cpu: cpus[index])).ToDictionary(pair => pair.vcpu, pair => pair.cpu);
}
