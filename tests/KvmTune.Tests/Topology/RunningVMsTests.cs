// The index of running VMs compared with a separate reading of each, for random hosts that change.
using CsCheck;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Topology;

public sealed class RunningVMsTests
{
    private static readonly CpuSet Online = new("0-3");

    // Each bit of a number is a host CPU; none of them means no pin.
    private static readonly Gen<VMConfiguration> VMs = Gen.Select(Gen.Int[0, 15], Gen.Int[0, 15], Gen.Int[0, 15], Gen.Int[0, 15], Gen.Int[0, 3], Gen.Int[1, 2]).Select(
        (first, second, emulator, cpuSet, shares, plugged) => new VMConfiguration
        {
            Name = $"vm{first}-{second}-{emulator}-{cpuSet}-{shares}-{plugged}",
            DomainType = "kvm",
            MaxVcpus = 2,
            CurrentVcpus = plugged,
            VcpuPins = new[] { first, second }.Select((bits, vcpu) => (vcpu, Pin: CpusOf(bits))).Where(pin => pin.Pin is not null).ToDictionary(pin => pin.vcpu, pin => pin.Pin!),
            EmulatorPin = CpusOf(emulator),
            VcpuCpuSet = CpusOf(cpuSet),
            Limits = new CpuLimits { Shares = shares == 0 ? null : shares * 1024 },
        });

    [Fact]
    public void Answers_are_those_of_a_look_at_each_VM_also_after_some_have_changed() =>
        Gen.Select(VMs.Array[1, 8], Gen.Select(Gen.Int[0, 7], VMs.Null()).Array[0, 8], Gen.Int[0, 7]).Sample((vms, changes, asked) =>
        {
            var now = vms.Select(vm => vm with { Id = Guid.NewGuid() }).ToDictionary(vm => vm.Id!.Value);
            var ids = now.Keys.ToList();
            var running = new RunningVMs(now.Values);
            _ = running.Beside(ids[0]).Taken(Online);
            foreach (var (number, changed) in changes)
            {
                var id = ids[number % ids.Count];
                now.Remove(id);
                if (changed is not null)
                {
                    now[id] = changed with { Id = id };
                }

                running.Renew(id, now.GetValueOrDefault(id));
            }

            var self = ids[asked % ids.Count];
            var neighbours = running.Beside(self);
            var others = now.Where(vm => vm.Key != self).Select(vm => vm.Value).ToList();
            var pins = others.SelectMany(vm => Real(vm).Select(pin => (vm.Name, Vcpu: pin.Key, Cpus: pin.Value))).ToList();

            Assert.Equal(Union(pins.Select(pin => pin.Cpus)), neighbours.Taken(Online));
            Assert.Equal(Union(others.Select(vm => vm.EmulatorPin).OfType<CpuSet>().Where(IsReal)), neighbours.TakenByServices(Online));
            Assert.Equal(others.Count(vm => !Real(vm).Any()), neighbours.CountUnpinned(Online));
            Assert.Equal(Names(others.Where(vm => Real(vm).Any())), Names(neighbours.Pinned(Online)));
            foreach (var unset in (long?[])[null, 100, 1500])
            {
                Assert.Equal(Names(others.Where(vm => (vm.Limits.Shares ?? unset) > 1024)), Names(neighbours.WithMoreShares(1024, unset, Online, most: 100)));
            }

            Assert.Equal(
                pins.Where(pin => pin.Cpus.Overlaps(new CpuSet("0-1"))).Distinct().OrderBy(pin => (pin.Name, pin.Vcpu)),
                neighbours.PinnedTo(new CpuSet("0-1"), Online, most: 1000).Select(pin => (Name: pin.VMName, pin.Vcpu, pin.Cpus)).OrderBy(pin => (pin.Name, pin.Vcpu)));
        });

    [Fact]
    public void Those_of_the_most_weight_are_named_first_and_no_more_than_are_wanted()
    {
        VMConfiguration Weighing(string name, long? shares) => new()
        {
            Name = name,
            Id = Guid.NewGuid(),
            DomainType = "kvm",
            MaxVcpus = 1,
            CurrentVcpus = 1,
            Limits = new CpuLimits { Shares = shares },
        };
        var neighbours = new RunningVMs([Weighing("a", 1024), Weighing("b", 4096), Weighing("c", 2048), Weighing("d", 8192), Weighing("e", null)]).Beside(Guid.Empty);
        Assert.Equal(["d", "b"], neighbours.WithMoreShares(1024, null, Online, most: 2).Select(vm => vm.Name));
        Assert.Equal(["d", "b", "c"], neighbours.WithMoreShares(1024, 1024, Online, most: 9).Select(vm => vm.Name));
        Assert.Equal(["d", "b", "c", "e", "a"], neighbours.WithMoreShares(100, 1500, Online, most: 9).Select(vm => vm.Name));
    }

    private static CpuSet? CpusOf(int bits) => bits == 0 ? null : CpuSet.Of(Enumerable.Range(0, 4).Where(cpu => (bits >> cpu & 1) == 1));

    private static bool IsReal(CpuSet pin) => !Online.IsSubsetOf(pin);

    private static IEnumerable<KeyValuePair<int, CpuSet>> Real(VMConfiguration vm) => vm.EffectiveVcpuPins.Where(pin => pin.Key < vm.CurrentVcpus && IsReal(pin.Value));

    private static CpuSet Union(IEnumerable<CpuSet> pins) => pins.Aggregate(CpuSet.Empty, static (all, pin) => all.Union(pin));

    private static IEnumerable<string> Names(IEnumerable<VMConfiguration> vms) => vms.Select(vm => vm.Name).Order(StringComparer.Ordinal);
}
