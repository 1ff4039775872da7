// The running VMs of a host, and for each of them its neighbours: who is pinned where, from one index that all of them share.
namespace KvmTune.Topology;

/// <summary>A vCPU of a neighbour that is pinned.</summary>
/// <param name="VMName">The neighbour.</param>
/// <param name="Vcpu">The vCPU.</param>
/// <param name="Cpus">The host CPUs that it is pinned to.</param>
public sealed record NeighbourPin(string VMName, int Vcpu, CpuSet Cpus);

/// <summary>The running VMs of a host. Asking for what is on a host CPU does not look at every VM, so that thousands can be judged one after the other.</summary>
public sealed class RunningVMs
{
    private readonly Dictionary<Guid, VMConfiguration> _vms = [];
    private readonly List<VMConfiguration> _unnamed = [];
    private readonly object _gate = new();
    private PinIndex? _index;

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

    /// <summary>The other VMs than one.</summary>
    public VMNeighbours Beside(Guid vm) => new(this, vm);

    /// <summary>Takes a VM as it is now.</summary>
    /// <param name="id">The VM.</param>
    /// <param name="now">Its running configuration; null where it does not run any more.</param>
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

    /// <summary>Asks the index, which is made for the host CPUs that are online.</summary>
    internal T Ask<T>(CpuSet online, Guid except, Func<PinIndex, VMConfiguration?, T> question)
    {
        lock (_gate)
        {
            if (_index is null || _index.Online != online)
            {
                _index = new PinIndex(online);
                foreach (var vm in _vms.Values.Concat(_unnamed))
                {
                    _index.Add(vm);
                }
            }

            return question(_index, _vms.GetValueOrDefault(except));
        }
    }

    /// <summary>Which vCPUs are really pinned to each host CPU: a pin to all that are online is none.</summary>
    internal sealed class PinIndex(CpuSet online)
    {
        private readonly Dictionary<int, List<(VMConfiguration VM, NeighbourPin Pin)>> _pins = [];

        public CpuSet Online { get; } = online;

        public int Unpinned { get; private set; }

        public void Add(VMConfiguration vm)
        {
            var pins = PinsOf(vm);
            Unpinned += pins.Count == 0 ? 1 : 0;
            foreach (var (cpu, pin) in pins)
            {
                if (!_pins.TryGetValue(cpu, out var there))
                {
                    _pins[cpu] = there = [];
                }

                there.Add((vm, pin));
            }
        }

        public void Remove(VMConfiguration vm)
        {
            var pins = PinsOf(vm);
            Unpinned -= pins.Count == 0 ? 1 : 0;
            foreach (var (cpu, _) in pins)
            {
                _pins[cpu].RemoveAll(there => ReferenceEquals(there.VM, vm));
            }
        }

        public bool IsPinned(VMConfiguration vm) => PinsOf(vm).Count > 0;

        public IEnumerable<NeighbourPin> On(int cpu, VMConfiguration? except) =>
            _pins.TryGetValue(cpu, out var there) ? there.Where(pin => !ReferenceEquals(pin.VM, except)).Select(pin => pin.Pin) : [];

        public CpuSet Taken(VMConfiguration? except) =>
            CpuSet.Of(_pins.Where(cpu => cpu.Value.Exists(pin => !ReferenceEquals(pin.VM, except))).Select(cpu => cpu.Key));

        private List<(int Cpu, NeighbourPin Pin)> PinsOf(VMConfiguration vm) =>
        [
            .. from pin in vm.EffectiveVcpuPins
               where !Online.IsSubsetOf(pin.Value)
               let named = new NeighbourPin(vm.Name, pin.Key, pin.Value)
               from cpu in pin.Value.Numbers
               select (cpu, named),
        ];
    }
}

/// <summary>The running VMs of a host beside one of them.</summary>
public sealed class VMNeighbours
{
    private readonly RunningVMs _all;
    private readonly Guid _except;

    internal VMNeighbours(RunningVMs all, Guid except) => (_all, _except) = (all, except);

    /// <summary>None.</summary>
    public static VMNeighbours None { get; } = new RunningVMs([]).Beside(Guid.Empty);

    /// <summary>Pins of neighbours to any of these host CPUs.</summary>
    /// <param name="cpus">The host CPUs.</param>
    /// <param name="most">How many to look for at most: on a crowded host every VM is in the way of every other.</param>
    /// <param name="online">The host CPUs that are online: a pin to all of them is none.</param>
    public IReadOnlyList<NeighbourPin> PinnedTo(CpuSet cpus, CpuSet online, int most)
    {
        ArgumentNullException.ThrowIfNull(cpus);
        return _all.Ask(online, _except, (index, self) => cpus.Numbers.SelectMany(cpu => index.On(cpu, self)).Distinct().Take(most).ToList());
    }

    /// <summary>The host CPUs that neighbours are pinned to.</summary>
    /// <param name="online">The host CPUs that are online: a pin to all of them is none.</param>
    public CpuSet Taken(CpuSet online) => _all.Ask(online, _except, static (index, self) => index.Taken(self));

    /// <summary>How many neighbours are not pinned.</summary>
    /// <param name="online">The host CPUs that are online: a pin to all of them is none.</param>
    public int CountUnpinned(CpuSet online) =>
        _all.Ask(online, _except, static (index, self) => index.Unpinned - (self is null || index.IsPinned(self) ? 0 : 1));
}
