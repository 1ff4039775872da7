// The running VMs of a host, and the neighbours of each: which VM is pinned to which host CPU, from one index for all of them.
namespace KvmTune.Topology;

/// <summary>A pinned vCPU of a neighbour.</summary>
/// <param name="VMName">The neighbour.</param>
/// <param name="Vcpu">The vCPU.</param>
/// <param name="Cpus">The host CPUs that it is pinned to.</param>
public sealed record NeighbourPin(string VMName, int Vcpu, CpuSet Cpus);

/// <summary>The running VMs of a host. An index by host CPU avoids a look at every VM, so that rules can check thousands of VMs in turn.</summary>
public sealed class RunningVMs
{
    private readonly Dictionary<Guid, VMConfiguration> _vms = [];
    private readonly List<VMConfiguration> _unnamed = [];
    private readonly object _gate = new();
    private NeighbourIndex? _index;

    /// <summary>Collects running VMs.</summary>
    public RunningVMs(IEnumerable<VMConfiguration> vms)
    {
        ArgumentNullException.ThrowIfNull(vms);
        foreach (var vm in vms)
        {
            if (vm.Id is not { } id || !_vms.TryAdd(id, vm))
            {
                _unnamed.Add(vm);
            }
        }
    }

    /// <summary>All VMs except the given one.</summary>
    public VMNeighbours Beside(Guid vm) => new(this, vm);

    /// <summary>Replaces a VM by its present configuration.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="now">Its running configuration; null if it no longer runs.</param>
    internal void Renew(Guid id, VMConfiguration? now)
    {
        lock (_gate)
        {
            if (_vms.Remove(id, out var before))
            {
                _index?.Remove(before);
            }

            if (now is not null)
            {
                _vms[id] = now;
                _index?.Add(now);
            }
        }
    }

    /// <summary>Queries the index, which is built for the given online host CPUs.</summary>
    internal T Ask<T>(CpuSet online, Guid except, Func<NeighbourIndex, VMConfiguration?, T> question)
    {
        lock (_gate)
        {
            if (_index is null || _index.Online != online)
            {
                _index = new NeighbourIndex(online);
                foreach (var vm in _vms.Values.Concat(_unnamed))
                {
                    _index.Add(vm);
                }
            }

            return question(_index, _vms.GetValueOrDefault(except));
        }
    }

    /// <summary>The index of neighbours by host CPU and by weight. A pin to all online host CPUs counts as no pin, and that of an unplugged vCPU as no load.</summary>
    internal sealed class NeighbourIndex(CpuSet online)
    {
        private readonly CpuTable _vcpus = new();
        private readonly CpuTable _services = new();
        private readonly HashSet<VMConfiguration> _pinned = NoVMs();
        private readonly SortedDictionary<long, HashSet<VMConfiguration>> _byShares = new(Comparer<long>.Create(static (left, right) => right.CompareTo(left)));
        private readonly HashSet<VMConfiguration> _withoutShares = NoVMs();
        private int _count;

        public CpuSet Online { get; } = online;

        public void Add(VMConfiguration vm)
        {
            _count++;
            var pins = RealPins(vm);
            if (pins.Count > 0)
            {
                _pinned.Add(vm);
            }

            _vcpus.Add(vm, pins.Select(pin => pin.Value));
            _services.Add(vm, RealServicePins(vm));
            if (vm.Limits.Shares is not { } shares)
            {
                _withoutShares.Add(vm);
                return;
            }

            if (!_byShares.TryGetValue(shares, out var alike))
            {
                _byShares[shares] = alike = NoVMs();
            }

            alike.Add(vm);
        }

        public void Remove(VMConfiguration vm)
        {
            _count--;
            _pinned.Remove(vm);
            _vcpus.Remove(vm, RealPins(vm).Select(pin => pin.Value));
            _services.Remove(vm, RealServicePins(vm));
            _withoutShares.Remove(vm);
            if (vm.Limits.Shares is { } shares && _byShares[shares].Remove(vm) && _byShares[shares].Count == 0)
            {
                _byShares.Remove(shares);
            }
        }

        public IEnumerable<NeighbourPin> PinnedTo(CpuSet cpus, VMConfiguration? except) => cpus.Numbers
            .SelectMany(cpu => _vcpus.On(cpu, except).SelectMany(vm => RealPins(vm).Where(pin => pin.Value.Contains(cpu)).Select(pin => new NeighbourPin(vm.Name, pin.Key, pin.Value))))
            .Distinct();

        public IEnumerable<VMConfiguration> Pinned(VMConfiguration? except) => _pinned.Where(vm => !ReferenceEquals(vm, except));

        public int CountUnpinned(VMConfiguration? except) => _count - _pinned.Count - (except is null || _pinned.Contains(except) ? 0 : 1);

        public CpuSet Taken(VMConfiguration? except) => _vcpus.Taken(except);

        public CpuSet TakenByServices(VMConfiguration? except) => _services.Taken(except);

        public IEnumerable<VMConfiguration> WithMoreShares(long than, long? unset, VMConfiguration? except) =>
            (unset is { } weight ? _byShares.Append(new(weight, _withoutShares)).OrderByDescending(entry => entry.Key) : _byShares.AsEnumerable())
                .TakeWhile(entry => entry.Key > than).SelectMany(entry => entry.Value).Where(vm => !ReferenceEquals(vm, except));

        private List<KeyValuePair<int, CpuSet>> RealPins(VMConfiguration vm) => [.. vm.EffectiveVcpuPins.Where(pin => vm.IsPlugged(pin.Key) && IsReal(pin.Value))];

        private IEnumerable<CpuSet> RealServicePins(VMConfiguration vm) =>
            vm.IOThreadPins.Values.Concat(vm.EmulatorPin is { } emulator ? [emulator] : Array.Empty<CpuSet>()).Where(IsReal);

        private bool IsReal(CpuSet pin) => !Online.IsSubsetOf(pin);
    }

    // Compared by reference: comparing the values of two VMs would cost more than everything else here.
    private static HashSet<VMConfiguration> NoVMs() => new(ReferenceEqualityComparer.Instance);

    // The VMs with threads pinned to each host CPU.
    private sealed class CpuTable
    {
        private readonly Dictionary<int, HashSet<VMConfiguration>> _vms = [];

        public void Add(VMConfiguration vm, IEnumerable<CpuSet> pins)
        {
            foreach (var cpu in CpusOf(pins))
            {
                if (!_vms.TryGetValue(cpu, out var there))
                {
                    _vms[cpu] = there = NoVMs();
                }

                there.Add(vm);
            }
        }

        public void Remove(VMConfiguration vm, IEnumerable<CpuSet> pins)
        {
            foreach (var cpu in CpusOf(pins))
            {
                _vms[cpu].Remove(vm);
            }
        }

        public IEnumerable<VMConfiguration> On(int cpu, VMConfiguration? except) =>
            _vms.TryGetValue(cpu, out var there) ? there.Where(vm => !ReferenceEquals(vm, except)) : [];

        public CpuSet Taken(VMConfiguration? except) => CpuSet.Of(
            _vms.Where(cpu => cpu.Value.Count > (except is not null && cpu.Value.Contains(except) ? 1 : 0)).Select(cpu => cpu.Key));

        private static IReadOnlyList<int> CpusOf(IEnumerable<CpuSet> pins) => pins.Aggregate(CpuSet.Empty, static (all, pin) => all.Union(pin)).Numbers;
    }
}

/// <summary>The running VMs of a host except one.</summary>
public sealed class VMNeighbours
{
    private readonly RunningVMs _all;
    private readonly Guid _except;

    internal VMNeighbours(RunningVMs all, Guid except) => (_all, _except) = (all, except);

    /// <summary>No neighbours.</summary>
    public static VMNeighbours None { get; } = new RunningVMs([]).Beside(Guid.Empty);

    /// <summary>Pins of neighbours to any of these host CPUs.</summary>
    /// <param name="cpus">The host CPUs.</param>
    /// <param name="most">The maximum number of pins to return: on a crowded host every VM conflicts with every other.</param>
    /// <param name="online">The online host CPUs: a pin to all of them counts as no pin.</param>
    public IReadOnlyList<NeighbourPin> PinnedTo(CpuSet cpus, CpuSet online, int most)
    {
        ArgumentNullException.ThrowIfNull(cpus);
        return _all.Ask(online, _except, (index, self) => index.PinnedTo(cpus, self).Take(most).ToList());
    }

    /// <summary>The host CPUs that neighbours are pinned to.</summary>
    /// <param name="online">The online host CPUs: a pin to all of them counts as no pin.</param>
    public CpuSet Taken(CpuSet online) => _all.Ask(online, _except, static (index, self) => index.Taken(self));

    /// <summary>The host CPUs that emulator and I/O threads of neighbours are pinned to.</summary>
    /// <param name="online">The online host CPUs: a pin to all of them counts as no pin.</param>
    public CpuSet TakenByServices(CpuSet online) => _all.Ask(online, _except, static (index, self) => index.TakenByServices(self));

    /// <summary>The neighbours with pinned vCPUs.</summary>
    /// <param name="online">The online host CPUs: a pin to all of them counts as no pin.</param>
    public IReadOnlyList<VMConfiguration> Pinned(CpuSet online) => _all.Ask(online, _except, static (index, self) => index.Pinned(self).ToList());

    /// <summary>The neighbours with a higher weight, the highest first.</summary>
    /// <param name="shares">The weight to exceed.</param>
    /// <param name="unset">The weight of a VM that sets none; null if unknown, so that such VMs do not count.</param>
    /// <param name="online">The online host CPUs.</param>
    /// <param name="most">The maximum number of neighbours to return.</param>
    public IReadOnlyList<VMConfiguration> WithMoreShares(long shares, long? unset, CpuSet online, int most) =>
        _all.Ask(online, _except, (index, self) => index.WithMoreShares(shares, unset, self).Take(most).ToList());

    /// <summary>The number of neighbours that are not pinned.</summary>
    /// <param name="online">The online host CPUs: a pin to all of them counts as no pin.</param>
    public int CountUnpinned(CpuSet online) => _all.Ask(online, _except, static (index, self) => index.CountUnpinned(self));
}
