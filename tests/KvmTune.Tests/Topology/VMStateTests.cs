// The states of objects are libvirt's. Topology has its own names for them, because cmdlets do not show types of the binding.
using KvmTune.Libvirt;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Topology;

public sealed class VMStateTests
{
    [Fact]
    public void The_states_of_a_VM_are_those_of_the_binding_by_name_and_number() =>
        Assert.Equal(
            Enum.GetValues<DomainState>().Select(state => (state.ToString(), (int)state)),
            Enum.GetValues<VMState>().Select(state => (state.ToString(), (int)state)));
}
