// The places that one VM can have on a host with its present load: all of them where they are few, else the promising ones.
namespace KvmTune.Placement;

/// <summary>Finds places for a VM.</summary>
internal sealed class PlaceOptions
{
    // How many cells are put on a node in search of the ways to split a VM along its cells.
    private const int MostCellTries = 64;

    private readonly int _mostWays;
    private readonly PlacementState _state;
    private readonly PlacementVM _vm;
    private readonly bool _isShared;
    private readonly IReadOnlyList<int> _vcpus;
    private readonly List<Offer> _offers;

    private PlaceOptions(PlacementState state, PlacementVM vm, bool isShared, int mostWays)
    {
        (_state, _vm, _isShared, _mostWays, _vcpus) = (state, vm, isShared, mostWays, vm.PluggedVcpus);
        _offers = state.Layout.Cores
            .Where(core => vm.RequiredNodes?.Contains(core.Node.Id) != false)
            .Select(core => new Offer(core, state.ThreadsFor(core, vm, isShared), state))
            .Where(offer => offer.Threads.Length > 0).ToList();
    }

    /// <summary>
    /// The places, each with a host CPU for every vCPU where the host has enough. CPUs that carry vCPUs are offered only where there are
    /// no others and the request allows it.
    /// </summary>
    /// <param name="state">The host with its present load.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="mostWays">
    /// The largest number of ways to fill the cores that are all tried. Alike cores stand for each other, so a small host has a few hundred.
    /// </param>
    public static IReadOnlyList<Place> For(PlacementState state, PlacementVM vm, int mostWays)
    {
        var places = new PlaceOptions(state, vm, isShared: false, mostWays).All();
        return places.Count == 0 && state.Request is { AllowOvercommit: true, UseIsolatedCpus: false } && !vm.IsRealTime ? new PlaceOptions(state, vm, isShared: true, mostWays).All() : places;
    }

    /// <summary>The place that a VM has now, if every plugged vCPU is pinned to one host CPU; else null.</summary>
    public static Place? Current(PlacementState state, PlacementVM vm)
    {
        var vcpus = vm.PluggedVcpus;
        if (vcpus.Any(vcpu => !vm.CurrentPins.TryGetValue(vcpu, out var cpu) || !state.Layout.Cpus.ContainsKey(cpu)))
        {
            return null;
        }

        var place = new PlaceOptions(state, vm, isShared: true, mostWays: 0).ToPlace([.. vcpus.Select(vcpu => vm.CurrentPins[vcpu])]);
        return place is not null && state.Accepts(vm, place) ? place : null;
    }

    private List<Place> All()
    {
        var places = new List<Place>();
        if (_offers.Count == 0 || _vcpus.Count == 0)
        {
            return places;
        }

        // The threads of a guest core belong on siblings; where cores have too few threads for that, each vCPU is placed separately.
        foreach (var unit in _vm.GuestThreads > 1 && _state.Request.ThreadPolicy == ThreadPolicy.Prefer ? [_vm.GuestThreads, 1] : new[] { 1 })
        {
            var units = (_vcpus.Count + unit - 1) / unit;
            var offers = _offers.Where(offer => Capacity(offer, unit) > 0).ToList();
            if (offers.Sum(offer => Capacity(offer, unit)) < units)
            {
                if (unit == 1 && _isShared)
                {
                    // The host has fewer CPUs than the VM has vCPUs: only then do vCPUs of one VM share a CPU.
                    var threads = offers.SelectMany(offer => offer.Threads).ToList();
                    Add(places, [.. Enumerable.Range(0, _vcpus.Count).Select(index => threads[index % threads.Count])]);
                }

                continue;
            }

            var groups = offers.GroupBy(offer => offer.Kind).Select(group => group.ToList()).ToList();
            if (Ways(groups, unit) <= _mostWays)
            {
                Fill(groups, 0, units, unit, [], places);
            }
            else
            {
                foreach (var cores in Scopes(offers, units, unit))
                {
                    // Of two equally good places the first one is taken: under Require the one with filled cores.
                    var (spread, packed) = (Cpus(Spread(cores, units, unit), unit, _vcpus), Cpus(Pack(cores, units, unit), unit, _vcpus));
                    var isPackedFirst = _state.Request.ThreadPolicy == ThreadPolicy.Require;
                    Add(places, isPackedFirst ? packed : spread);
                    Add(places, isPackedFirst ? spread : packed);
                }
            }
        }

        AddAlongCells(places);
        return places;
    }

    private int Capacity(Offer offer, int unit) => _state.Request.ThreadPolicy == ThreadPolicy.Isolate && !_isShared ? 1 : offer.Threads.Length / unit;

    // The number of ways to fill groups of alike cores: combinations with repetition, group by group.
    private double Ways(List<List<Offer>> groups, int unit)
    {
        var ways = 1.0;
        foreach (var group in groups)
        {
            var most = Capacity(group[0], unit);
            for (var step = 1; step <= most; step++)
            {
                ways *= (double)(group.Count + step) / step;
            }
        }

        return ways;
    }

    // In a group of alike cores the first ones get the most, so that no way is tried twice.
    private void Fill(List<List<Offer>> groups, int group, int units, int unit, List<(Offer Offer, int Units)> chosen, List<Place> places)
    {
        if (units == 0)
        {
            Add(places, Cpus(chosen, unit, _vcpus));
            return;
        }

        if (group < groups.Count)
        {
            FillGroup(0, Capacity(groups[group][0], unit), units);
        }

        void FillGroup(int index, int most, int left)
        {
            if (index == groups[group].Count || left == 0)
            {
                Fill(groups, group + 1, left, unit, chosen, places);
                return;
            }

            for (var taken = Math.Min(most, left); taken > 0; taken--)
            {
                chosen.Add((groups[group][index], taken));
                FillGroup(index + 1, taken, left - taken);
                chosen.RemoveAt(chosen.Count - 1);
            }

            Fill(groups, group + 1, left, unit, chosen, places);
        }
    }

    // Each cache, each node, and each node with its nearest ones until they suffice; with one kind of core where that suffices, and with all.
    private IEnumerable<List<Offer>> Scopes(List<Offer> offers, int units, int unit)
    {
        var byNode = offers.GroupBy(offer => offer.Core.Node).ToDictionary(group => group.Key, group => group.ToList());
        var scopes = offers.GroupBy(offer => offer.Core.Cache).Select(group => group.ToList()).Concat(byNode.Values).ToList();
        foreach (var start in byNode.Keys)
        {
            var near = byNode.OrderBy(entry => entry.Key == start ? 0 : start.Host.Distances.GetValueOrDefault(entry.Key.Id, 20)).ThenByDescending(entry => entry.Value.Count).ToList();
            scopes.AddRange(Enumerable.Range(2, near.Count - 1).Select(count => near.Take(count).SelectMany(entry => entry.Value).ToList()).Where(Suffices).Take(1));
        }

        var alike = new HashSet<long>();
        return scopes.SelectMany(scope => scope.GroupBy(offer => offer.Core.Kind).Select(group => group.ToList()).Append(scope)).Where(Suffices).Where(IsNew);

        bool Suffices(List<Offer> scope) => scope.Sum(offer => Capacity(offer, unit)) >= units;

        // Caches of one node that look alike stand for each other.
        bool IsNew(List<Offer> scope) => alike.Add(scope.GroupBy(offer => offer.Core.Cache).Select(cache => cache.Aggregate(
            PlacementState.Mix(cache.Key.Node.Index, cache.Count()), (hash, offer) => PlacementState.Mix(hash, offer.Look))).Order().Aggregate(scope.Count * 31L, PlacementState.Mix));
    }

    // Idle cores first, on as few caches as possible; then siblings on the VM's own cores, and siblings of other VMs' vCPUs last.
    private List<(Offer Offer, int Units)> Spread(List<Offer> cores, int units, int unit)
    {
        var idle = cores.Count(offer => offer.Guests == 0);
        var order = CacheOrder(cores, units, offer => idle >= units ? (offer.Guests == 0 ? 1 : 0) : Capacity(offer, unit));
        return Choose(
            cores.SelectMany(offer => Enumerable.Range(0, Capacity(offer, unit)).Select(guest => (Offer: offer, Rank: (
                offer.Guests + guest > 0 ? 1 : 0, offer.Load, offer.Guests > 0 ? 1 : 0, order(offer), offer.DisturbedBy(guest, unit), offer.IsReserve ? 1 : 0, offer.Disturbed, guest, offer.Core.Index)))),
            units);
    }

    // Cores are filled one after the other, so that few are used.
    private List<(Offer Offer, int Units)> Pack(List<Offer> cores, int units, int unit)
    {
        var order = CacheOrder(cores, units, offer => Capacity(offer, unit));
        return Choose(
            cores.SelectMany(offer => Enumerable.Range(0, Capacity(offer, unit)).Select(guest => (Offer: offer, Rank: (
                offer.Load, order(offer), offer.IsReserve ? 1 : 0, offer.Guests > 0 ? 1 : 0, -Capacity(offer, unit), offer.Disturbed, offer.Core.Index, guest)))),
            units);
    }

    private static List<(Offer Offer, int Units)> Choose<TRank>(IEnumerable<(Offer Offer, TRank Rank)> ranked, int units) =>
        ranked.OrderBy(entry => entry.Rank).Take(units).GroupBy(entry => entry.Offer).Select(group => (group.Key, group.Count())).ToList();

    // As few caches as possible: the smallest one that takes all the remaining units, else the one that takes most. Cores of the host's own work
    // and of others' emulators count as room only where fewer caches suffice with them; else they come last.
    private static Func<Offer, int> CacheOrder(List<Offer> cores, int units, Func<Offer, int> room)
    {
        var caches = cores.GroupBy(offer => offer.Core.Cache).Select(group => (Cache: group.Key, Room: group.Sum(room), Quiet: group.Where(offer => offer.IsQuiet).Sum(room))).ToList();
        var all = Order(cache => cache.Room);
        var quiet = caches.TrueForAll(cache => cache.Quiet == cache.Room) ? all : Order(cache => cache.Quiet);
        return quiet.Needed <= all.Needed ? offer => quiet.Order[offer.Core.Cache] + (offer.IsQuiet ? 0 : caches.Count) : offer => all.Order[offer.Core.Cache];

        (Dictionary<LayoutCache, int> Order, int Needed) Order(Func<(LayoutCache Cache, int Room, int Quiet), int> size)
        {
            var (left, order, wanted, needed) = (caches.ToList(), new Dictionary<LayoutCache, int>(), units, 0);
            while (left.Count > 0)
            {
                needed += wanted > 0 ? 1 : 0;
                var next = wanted > 0 && left.Exists(cache => size(cache) >= wanted)
                    ? left.Where(cache => size(cache) >= wanted).MinBy(cache => (size(cache), -cache.Quiet)) : left.MaxBy(cache => (size(cache), cache.Quiet));
                left.Remove(next);
                wanted -= size(next);
                order[next.Cache] = order.Count;
            }

            return (order, wanted > 0 ? int.MaxValue : needed);
        }
    }

    // The CPU of each of some vCPUs on the chosen threads. Each guest core, the largest first, goes to the core that it fills best; where none has
    // room for all of it, it is split over the cores with most threads left.
    private int[] Cpus(List<(Offer Offer, int Units)> chosen, int unit, IReadOnlyList<int> vcpus)
    {
        var threads = chosen.OrderBy(entry => entry.Offer.Core.Index).Select(entry => entry.Offer.Threads.Take(entry.Units * unit).Order());
        if (_vm.GuestThreads == 1)
        {
            return [.. threads.SelectMany(core => core).Take(vcpus.Count)];
        }

        var left = threads.Select(core => new Queue<int>(core)).ToList();
        var cpus = new int[vcpus.Count];
        foreach (var guest in Enumerable.Range(0, vcpus.Count).GroupBy(index => vcpus[index] / _vm.GuestThreads).Select(guest => guest.ToList()).OrderByDescending(guest => guest.Count))
        {
            Queue<int>? core = null;
            for (var placed = 0; placed < guest.Count; placed++)
            {
                if (core is not { Count: > 0 })
                {
                    core = left.Where(other => other.Count >= guest.Count - placed).MinBy(other => other.Count) ?? left.MaxBy(other => other.Count)!;
                }

                cpus[guest[placed]] = core.Dequeue();
            }
        }

        return cpus;
    }

    private void Add(List<Place> places, int[] cpus)
    {
        if (ToPlace(cpus) is { } place && _state.LeavesCpuForEmulator(_vm, place))
        {
            places.Add(place);
        }
    }

    // Memory comes from the nodes of the CPUs; where these have too little, from the nearest ones too.
    private Place? ToPlace(IReadOnlyList<int> cpus)
    {
        var cells = CellsOf(cpus);
        if (cells.Count > 1 && cells.Values.Distinct().Count() > 1 && MemoryOfCells(cells) is { } ofCells)
        {
            return new Place(cpus, ofCells, cells.ToDictionary(cell => cell.Key, cell => cell.Value.Id));
        }

        var nodes = cpus.GroupBy(cpu => _state.Layout.Cpus[cpu].Core.Node).OrderByDescending(group => group.Count()).ThenBy(group => group.Key.Index).Select(group => group.Key).ToList();
        var near = _vm.RequiredNodes is not null ? [] : _state.Layout.Nodes.Except(nodes)
            .OrderBy(node => nodes[0].Host.Distances.GetValueOrDefault(node.Id, 20)).ThenByDescending(node => _state.Available(node, _vm) ?? long.MaxValue).ThenBy(node => node.Index).ToList();
        for (var more = 0; more <= near.Count; more++)
        {
            if (_state.MemoryOf([.. nodes, .. near.Take(more)], _vm) is { } memory)
            {
                return new Place(cpus, memory, new Dictionary<int, int>());
            }
        }

        return null;
    }

    // The node of each guest cell, if each is on one node; else empty, and for a VM whose cells lack some of its vCPUs.
    private Dictionary<int, LayoutNode> CellsOf(IReadOnlyList<int> cpus)
    {
        var nodes = new Dictionary<int, LayoutNode>();
        if (_vm.Cells.Count < 2 || _vm.RequiredNodes is not null || _vm.Cells.Sum(cell => cell.Vcpus.Count) != _vm.Vcpus)
        {
            return nodes;
        }

        for (var index = 0; index < cpus.Count; index++)
        {
            var node = _state.Layout.Cpus[cpus[index]].Core.Node;
            var cell = _vm.Cells.First(cell => cell.Vcpus.Contains(_vcpus[index])).Id;
            if (nodes.TryGetValue(cell, out var known) && known != node)
            {
                return [];
            }

            nodes[cell] = node;
        }

        return nodes.Count == _vm.Cells.Count ? nodes : [];
    }

    private List<(LayoutNode Node, long MemoryKiB)>? MemoryOfCells(Dictionary<int, LayoutNode> cells)
    {
        var memory = _vm.Cells.GroupBy(cell => cells[cell.Id]).Select(group => (Node: group.Key, MemoryKiB: group.Sum(cell => cell.MemoryKiB))).ToList();
        return memory.TrueForAll(part => _state.HasMemory(part.Node, _vm, part.MemoryKiB)) ? memory : null;
    }

    // A guest with NUMA cells can be split along them: the largest cell first, on a node that the VM is on already, else on that with most idle cores.
    // A cell that finds no node then may find one where those before it are elsewhere, so the other nodes are tried too.
    private void AddAlongCells(List<Place> places)
    {
        if (_vm.Cells.Count < 2 || _isShared || _vm.RequiredNodes is not null || _vm.Cells.Sum(cell => cell.Vcpus.Count) != _vm.Vcpus)
        {
            return;
        }

        var cells = _vm.Cells.OrderByDescending(cell => cell.Vcpus.Count).ThenBy(cell => cell.Id).ToList();
        var (cpuOf, memory, tries) = (new Dictionary<int, int>(), new Dictionary<LayoutNode, long>(), 0);
        PlaceFrom(0, _offers);

        void PlaceFrom(int index, List<Offer> left)
        {
            if (index == cells.Count)
            {
                Add(places, [.. _vcpus.Select(vcpu => cpuOf[vcpu])]);
                return;
            }

            var cell = cells[index];
            var vcpus = _vcpus.Where(cell.Vcpus.Contains).ToList();
            var nodes = left.GroupBy(offer => offer.Core.Node)
                .Where(group => _state.HasMemory(group.Key, _vm, memory.GetValueOrDefault(group.Key) + cell.MemoryKiB))
                .OrderByDescending(group => memory.GetValueOrDefault(group.Key) > 0).ThenByDescending(group => group.Count(offer => offer.Guests == 0)).ThenBy(group => group.Key.Index);
            foreach (var node in nodes.TakeWhile(_ => tries < MostCellTries))
            {
                if (ForCell([.. node], vcpus) is not { } chosen)
                {
                    continue;
                }

                tries++;
                foreach (var (vcpu, cpu) in vcpus.Zip(chosen.Cpus))
                {
                    cpuOf[vcpu] = cpu;
                }

                memory[node.Key] = memory.GetValueOrDefault(node.Key) + cell.MemoryKiB;
                PlaceFrom(index + 1, [.. left.Where(offer => !chosen.Offers.Contains(offer))]);
                memory[node.Key] -= cell.MemoryKiB;
            }
        }
    }

    // The CPUs for the vCPUs of a cell on the cores of one node, guest cores together where there is room for that; null where there is none at all.
    private (int[] Cpus, List<Offer> Offers)? ForCell(List<Offer> cores, List<int> vcpus)
    {
        foreach (var unit in _state.Request.ThreadPolicy == ThreadPolicy.Prefer && _vm.GuestThreads > 1 ? [_vm.GuestThreads, 1] : new[] { 1 })
        {
            var units = (vcpus.Count + unit - 1) / unit;
            if (cores.Sum(offer => Capacity(offer, unit)) >= units)
            {
                var chosen = _state.Request.ThreadPolicy == ThreadPolicy.Require ? Pack(cores, units, unit) : Spread(cores, units, unit);
                return (Cpus(chosen, unit, vcpus), chosen.ConvertAll(entry => entry.Offer));
            }
        }

        return null;
    }

    /// <summary>A core with the threads that the VM can have of it.</summary>
    private sealed record Offer
    {
        public Offer(LayoutCore core, int[] threads, PlacementState state)
        {
            (Core, Threads, Guests) = (core, threads, state.GuestsOf(core));
            Load = threads.Sum(state.LoadOf);
            IsReserve = threads.Length > 0 && state.IsReserve(threads[0]);
            Disturbed = threads.Count(state.IsDisturbed);
            Look = threads.Aggregate(PlacementState.Mix((Guests * 64) + core.Kind, IsReserve ? 1 : 0), (hash, cpu) => PlacementState.Mix(hash, (state.LoadOf(cpu) * 2) + (state.IsDisturbed(cpu) ? 1 : 0)));
        }

        public LayoutCore Core { get; }

        public int[] Threads { get; }

        public int Guests { get; }

        public int Load { get; }

        public bool IsReserve { get; }

        public int Disturbed { get; }

        // Whether neither the host's own work nor another VM's emulator is here.
        public bool IsQuiet => !IsReserve && Disturbed == 0;

        // Equal for cores that are alike in everything that counts for a place.
        public long Look { get; }

        public (LayoutCache Cache, long Look) Kind => (Core.Cache, Look);

        // How many of the threads of one more guest core others disturb: threads that are disturbed come last.
        public int DisturbedBy(int guest, int unit) => Math.Clamp(((guest + 1) * unit) - (Threads.Length - Disturbed), 0, unit);
    }
}
