// Reads VMs from a host into the topology model, one after the other, so that ten thousand of them stream through little memory.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Topology;

/// <summary>Reads VM topologies.</summary>
public static class VMTopologyReader
{
    /// <summary>One VM as it is now.</summary>
    /// <param name="domain">The VM.</param>
    /// <param name="connectionUri">The URI that the result carries: the one that the user gave.</param>
    /// <param name="hostCpus">All online host CPUs, by which a pin to all of them is told from a real one.</param>
    /// <exception cref="LibvirtException">libvirt refuses, the VM is gone, or the daemon is lost.</exception>
    public static VMTopology Read(LibvirtDomain domain, string connectionUri, CpuSet hostCpus)
    {
        var state = domain.GetState();
        var isRunning = state is not (DomainState.ShutOff or DomainState.Crashed or DomainState.NoState);
        var isPersistent = domain.IsPersistent;
        var running = isRunning ? Configuration(domain, DomainXmlFlags.None) : null;
        var configured = isPersistent || running is null ? Configuration(domain, DomainXmlFlags.Inactive) : null;
        var current = running ?? configured!;
        return new VMTopology
        {
            VMName = domain.Name,
            VMId = domain.Id,
            ConnectionUri = connectionUri,
            State = state,
            IsPersistent = isPersistent,
            Running = running,
            Configured = configured,
            Vcpus = Vcpus(domain, current, isRunning, hostCpus),
            PendingRestart = running is null || configured is null ? [] : ConfigurationComparer.Compare(running, configured, hostCpus),
        };
    }

    private static VMConfiguration Configuration(LibvirtDomain domain, DomainXmlFlags flags)
    {
        using var xml = domain.GetXmlUtf8(flags);
        return DomainXmlReader.Read(xml.Span);
    }

    private static List<VcpuTopology> Vcpus(LibvirtDomain domain, VMConfiguration current, bool isRunning, CpuSet hostCpus)
    {
        var running = isRunning ? domain.GetVcpus() : [];
        var vcpus = new List<VcpuTopology>(current.MaxVcpus);
        for (var number = 0; number < current.MaxVcpus; number++)
        {
            var pin = current.VcpuPins.GetValueOrDefault(number);
            var now = running.FirstOrDefault(vcpu => vcpu.Number == number);
            vcpus.Add(new VcpuTopology(
                number,
                isRunning ? now is not null : number < current.CurrentVcpus,
                pin is not null && hostCpus.IsSubsetOf(pin) ? null : pin,
                now is { HostCpu: >= 0 } ? now.HostCpu : null,
                now is null ? null : TimeSpan.FromTicks((long)(now.CpuTimeNanoseconds / 100))));
        }

        return vcpus;
    }
}
