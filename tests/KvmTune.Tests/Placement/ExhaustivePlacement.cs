// A check of placements by exhaustive search: every way to place the VMs on a small host, judged by its own code for the order of aims.
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Tests.Placement;

/// <summary>
/// Exhaustive search on one host without overcommit, for VMs without cells. Equal cores are interchangeable; nothing else is left out.
/// </summary>
public sealed class ExhaustivePlacement
{
    private readonly PlacementRequest _request;
    private readonly List<Core> _cores = [];
    private readonly List<PlacementVM> _vms;
    private readonly int[] _counts;
    private readonly List<int>?[] _places;
    private readonly Dictionary<int, long> _memory = [];
    private readonly Dictionary<int, long> _pages = [];
    private int[]? _best;

    /// <summary>Reads the host's layout.</summary>
    public ExhaustivePlacement(PlacementRequest request)
    {
        _request = request;
        var host = request.Host;
        var isolated = host.IsolatedCpus ?? CpuSet.Empty;
        var neighbours = request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values.SelectMany(pin => pin.Numbers)).ToList();
        var disturbed = request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values).SelectMany(pin => pin.Numbers).ToHashSet();
        foreach (var node in host.Nodes)
        {
            _memory[node.Id] = node.FreeMemoryKiB ?? node.MemoryKiB;
            _pages[node.Id] = node.PagePools.Where(pool => pool.PageSizeKiB == 2048).Sum(pool => pool.Free ?? pool.Total);
            foreach (var core in node.Cpus.Where(cpu => host.OnlineCpus.Contains(cpu.Id)).GroupBy(cpu => cpu.Siblings.Numbers[0]))
            {
                var cpus = core.Select(cpu => cpu.Id).Order().ToList();
                var cache = host.Caches.FirstOrDefault(bank => bank.Cpus.Contains(cpus[0]));
                _cores.Add(new Core(node.Id, cache?.Id ?? -1 - node.Id, Array.FindIndex([.. host.CoreKinds], kind => kind.Cpus.Contains(cpus[0])), cpus)
                {
                    Free = [.. cpus.Where(cpu => !request.ReservedCpus.Contains(cpu) && isolated.Contains(cpu) == request.UseIsolatedCpus && !neighbours.Contains(cpu)).OrderBy(disturbed.Contains).ThenBy(cpu => cpu)],
                    IsWhole = cpus.TrueForAll(cpu => !request.ReservedCpus.Contains(cpu) && isolated.Contains(cpu) == request.UseIsolatedCpus && !neighbours.Contains(cpu)),
                    Neighbours = neighbours.Count(cpus.Contains),
                    NeighbourVMs = request.Neighbours.Count(neighbour => neighbour.VcpuPins.Values.Any(pin => pin.Numbers.Any(cpus.Contains))),
                    Disturbed = [.. cpus.Where(disturbed.Contains)],
                    HasServiceCpu = cpus.Exists(cpu => !request.ReservedCpus.Contains(cpu) && !isolated.Contains(cpu)),
                });
            }
        }

        // One core of a node stays free for the host, unless neighbours' emulators already use one without vCPUs (up to 32 cores).
        foreach (var node in _cores.GroupBy(core => core.Node).Where(node => !request.UseIsolatedCpus && node.Count(core => core.IsWhole) > 1 && !node.Any(core => core.Neighbours == 0 && core.Disturbed.Count > 0)))
        {
            node.Where(core => core.IsWhole).MinBy(core => core.Cpus[0])!.IsReserve = true;
        }

        _vms = [.. request.VMs.OrderByDescending(vm => vm.Vcpus).ThenByDescending(vm => vm.MemoryKiB)];
        _counts = new int[_vms.Count * _cores.Count];
        _places = new List<int>?[_vms.Count];
    }

    /// <summary>The distance of the best placement from each aim, in their order.</summary>
    public IReadOnlyList<int> Best()
    {
        Search(0);
        return _best!;
    }

    /// <summary>The distance of a placement from each aim.</summary>
    public IReadOnlyList<int> Judge(HostPlacement placement)
    {
        var byName = placement.VMs.ToDictionary(vm => vm.VMName);
        return Judge([.. _vms.Select(vm => byName.TryGetValue(vm.Name, out var placed) ? Enumerable.Range(0, vm.Vcpus).Select(vcpu => placed.VcpuPins[vcpu]).ToList() : null)],
            [.. _vms.Select(vm => byName.TryGetValue(vm.Name, out var placed) ? placed.MemoryNodes?.Numbers.ToHashSet() ?? [.. placed.Nodes.Numbers] : null)])!;
    }

    private void Search(int number)
    {
        if (number == _vms.Count)
        {
            if (Judge(_places, Memory()) is { } costs && (_best is null || Compare(costs, _best) < 0))
            {
                _best = costs;
            }

            return;
        }

        var vm = _vms[number];
        foreach (var unit in new[] { vm.GuestThreads, 1 }.Distinct().Where(unit => unit == 1 || _request.ThreadPolicy == ThreadPolicy.Prefer))
        {
            Fill(number, 0, vm.Vcpus, unit, []);
        }

        _places[number] = null;
        Search(number + 1);
    }

    // Puts a number of vCPUs on each core in turn; a core that equals an earlier one never gets more than that one.
    private void Fill(int number, int index, int left, int unit, List<int> cpus)
    {
        if (left == 0)
        {
            _places[number] = InGuestCores(cpus, _vms[number].GuestThreads);
            Search(number + 1);
            _places[number] = null;
            return;
        }

        if (index == _cores.Count)
        {
            return;
        }

        var core = _cores[index];
        var used = Enumerable.Range(0, number).Sum(other => _counts[(other * _cores.Count) + index]);
        var room = _request.ThreadPolicy switch
        {
            ThreadPolicy.Prefer => core.Free.Count - used,
            _ when !core.IsWhole || used > 0 => 0,
            ThreadPolicy.Isolate => 1,
            _ => core.Cpus.Count,
        };
        var like = Enumerable.Range(0, index).LastOrDefault(before => IsLike(before, index, number), -1);
        var most = Math.Min(room / unit * unit, (left + unit - 1) / unit * unit);
        if (like >= 0)
        {
            most = Math.Min(most, (_counts[(number * _cores.Count) + like] + unit - 1) / unit * unit);
        }

        for (var count = most; count >= 0; count -= unit)
        {
            var taken = Math.Min(count, left);
            _counts[(number * _cores.Count) + index] = taken;
            Fill(number, index + 1, left - taken, unit, [.. cpus, .. core.Free.Skip(used).Take(taken).Order()]);
            _counts[(number * _cores.Count) + index] = 0;
        }
    }

    // Whole guest cores first, then the threads that are left over: with two threads no other order splits fewer guest cores.
    private List<int> InGuestCores(List<int> cpus, int threads)
    {
        var guests = threads == 1 ? [] : cpus.GroupBy(CoreOf).SelectMany(core => core.Chunk(threads)).OrderByDescending(guest => guest.Length).ToList();
        return threads == 1 ? [.. cpus] : [.. guests.SelectMany(guest => guest)];
    }

    private bool IsLike(int one, int other, int number)
    {
        var (a, b) = (_cores[one], _cores[other]);
        return a.Cache == b.Cache && a.Node == b.Node && a.Kind == b.Kind && a.IsReserve == b.IsReserve && a.IsWhole == b.IsWhole && a.Free.Count == b.Free.Count
            && a.Cpus.Count == b.Cpus.Count && a.Neighbours == b.Neighbours && a.NeighbourVMs == b.NeighbourVMs && a.HasServiceCpu == b.HasServiceCpu
            && a.Disturbed.Count == 0 && b.Disturbed.Count == 0
            && Enumerable.Range(0, number).All(vm => _counts[(vm * _cores.Count) + one] == _counts[(vm * _cores.Count) + other]);
    }

    // Memory is on the node with most vCPUs, then on the VM's other nodes, then on the nearest ones; null if a VM does not find enough.
    private List<HashSet<int>?>? Memory()
    {
        var (memory, pages) = (new Dictionary<int, long>(_memory), new Dictionary<int, long>(_pages));
        var nodes = new List<HashSet<int>?>();
        for (var number = 0; number < _vms.Count; number++)
        {
            if (_places[number] is not { } cpus)
            {
                nodes.Add(null);
                continue;
            }

            var vm = _vms[number];
            var pool = vm.PageSizeKiB is null ? memory : pages;
            var left = vm.PageSizeKiB is null ? vm.MemoryKiB : (vm.MemoryKiB + 2047) / 2048;
            var home = cpus.GroupBy(cpu => CoreOf(cpu).Node).OrderByDescending(group => group.Count()).ThenBy(group => group.Key).Select(group => group.Key).ToList();
            var near = _request.Host.Nodes.Where(node => !home.Contains(node.Id))
                .OrderBy(node => _request.Host.Nodes.First(first => first.Id == home[0]).Distances.GetValueOrDefault(node.Id, 20)).ThenByDescending(node => pool[node.Id]).Select(node => node.Id).ToList();
            var on = home.ToHashSet();
            foreach (var node in home.Concat(near).Where(_ => left > 0))
            {
                var taken = Math.Min(left, pool[node]);
                (pool[node], left) = (pool[node] - taken, left - taken);
                if (taken > 0)
                {
                    on.Add(node);
                }
            }

            if (left > 0)
            {
                return null;
            }

            nodes.Add(on);
        }

        return nodes;
    }

    private int[]? Judge(List<int>?[] places, List<HashSet<int>?>? memory)
    {
        if (memory is null)
        {
            return null;
        }

        int nodes = 0, mixed = 0, other = 0, taken = 0, torn = 0, caches = 0, disturbed = 0, reserve = 0, services = 0;
        var onCore = _cores.ToDictionary(core => core, core => (Guests: core.Neighbours, VMs: core.NeighbourVMs));
        for (var number = 0; number < _vms.Count; number++)
        {
            if (places[number] is not { } cpus)
            {
                continue;
            }

            var cores = cpus.Select(CoreOf).ToList();
            nodes += cores.Select(core => core.Node).Concat(memory[number]!).Distinct().Count() - 1;
            mixed += cores.Select(core => core.Kind).Distinct().Count() - 1;
            other += cores.Sum(core => Math.Abs(core.Kind - (_request.CoreKind == CoreKindChoice.Efficient ? _request.Host.CoreKinds.Count - 1 : 0)));
            caches += cores.Select(core => (core.Node, core.Cache)).Distinct().Count() - 1;
            disturbed += cpus.Count(cpu => CoreOf(cpu).Disturbed.Contains(cpu));
            reserve += cores.Count(core => core.IsReserve);
            taken += cores.Distinct().Count();
            var guests = cores.Select((core, vcpu) => (Guest: vcpu / _vms[number].GuestThreads, core)).Distinct().ToList();
            torn += guests.Count - guests.Select(guest => guest.Guest).Distinct().Count();
            foreach (var (_, core) in guests)
            {
                onCore[core] = (onCore[core].Guests + 1, onCore[core].VMs);
            }

            foreach (var core in cores.Distinct())
            {
                onCore[core] = (onCore[core].Guests, onCore[core].VMs + 1);
            }
        }

        for (var number = 0; number < _vms.Count; number++)
        {
            services += places[number] is { } cpus ? Service(cpus, places, onCore.Where(entry => entry.Value.Guests == 0).Select(entry => entry.Key).ToHashSet()) : 0;
        }

        var crowding = onCore.Sum(entry => Math.Max(0, entry.Value.Guests - 1)) - _cores.Sum(core => Math.Max(0, core.Neighbours - 1)) + torn;
        var shared = onCore.Sum(entry => Math.Max(0, entry.Value.VMs - 1)) - _cores.Sum(core => Math.Max(0, core.NeighbourVMs - 1));
        return
        [
            places.Count(place => place is null), nodes, mixed, other,
            _request.ThreadPolicy switch { ThreadPolicy.Prefer => crowding, ThreadPolicy.Require => taken, _ => 0 },
            shared, caches, services, disturbed, reserve,
        ];
    }

    private int Service(List<int> cpus, List<int>?[] places, HashSet<Core> idle)
    {
        var home = cpus.GroupBy(cpu => CoreOf(cpu).Node).OrderByDescending(group => group.Count()).ThenBy(group => group.Key).First().Key;
        var vcpus = places.OfType<List<int>>().SelectMany(place => place).Concat(_request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers)).ToHashSet();
        var whole = _request.ThreadPolicy != ThreadPolicy.Prefer;
        var left = _cores.Where(core => idle.Contains(core) ? core.HasServiceCpu
            : !(whole && places.OfType<List<int>>().Any(place => place.Exists(core.Cpus.Contains)))
                && core.Cpus.Exists(cpu => !vcpus.Contains(cpu) && !_request.ReservedCpus.Contains(cpu) && _request.Host.IsolatedCpus?.Contains(cpu) != true)).ToList();
        return left.Exists(core => core.Node == home && idle.Contains(core)) ? 0 : left.Exists(core => core.Node == home) ? 1 : left.Count > 0 ? 2 : 3;
    }

    private Core CoreOf(int cpu) => _cores.Find(core => core.Cpus.Contains(cpu))!;

    private static int Compare(IReadOnlyList<int> left, IReadOnlyList<int> right) =>
        left.Zip(right).Select(pair => pair.First.CompareTo(pair.Second)).FirstOrDefault(difference => difference != 0);

    private sealed record Core(int Node, int Cache, int Kind, List<int> Cpus)
    {
        public required List<int> Free { get; init; }

        public required bool IsWhole { get; init; }

        public required int Neighbours { get; init; }

        public required int NeighbourVMs { get; init; }

        public required List<int> Disturbed { get; init; }

        public required bool HasServiceCpu { get; init; }

        public bool IsReserve { get; set; }

        public bool Equals(Core? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => Cpus[0];
    }
}
