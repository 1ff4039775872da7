// Reads VMs of a host into the topology model one after the other, so that ten thousand of them need little memory.
using KvmTune.Libvirt;

namespace KvmTune.Topology;

/// <summary>Reads VM topologies.</summary>
public static class VMTopologyReader
{
    /// <summary>Reads one VM as it is now.</summary>
    /// <param name="domain">The VM.</param>
    /// <param name="connectionUri">The URI for the result: the one from the user.</param>
    /// <param name="hostCpus">All online host CPUs: a pin to all of them counts as no pin.</param>
    /// <exception cref="LibvirtException">libvirt refuses, the VM is gone, or the connection to the daemon is lost.</exception>
    public static VMTopology Read(LibvirtDomain domain, string connectionUri, CpuSet hostCpus)
    {
        var state = domain.GetState();
        var isPersistent = domain.IsPersistent;
        using var asked = state is DomainState.ShutOff or DomainState.Crashed or DomainState.NoState ? null : domain.GetXmlUtf8(DomainXmlFlags.None);
        var isRunning = asked is not null && IsOfRunning(asked.Span);
        if (asked is not null && !isRunning)
        {
            // The VM stopped in the meantime, and libvirt returned its configuration.
            state = DomainState.ShutOff;
        }

        var runningXml = isRunning ? asked : null;
        using var configuredXml = isPersistent || runningXml is null ? domain.GetXmlUtf8(DomainXmlFlags.Inactive) : null;
        var running = runningXml is null ? null : DomainXmlReader.Read(runningXml.Span);
        var configured = configuredXml is null ? null : DomainXmlReader.Read(configuredXml.Span);
        var current = running ?? configured!;
        var vm = new VMOwner(TerminalText.Line(domain.Name), domain.Id, connectionUri);
        Own(running, vm);
        Own(configured, vm);
        return new VMTopology
        {
            VMName = vm.VMName,
            VMId = vm.VMId,
            ConnectionUri = connectionUri,
            State = (VMState)state,
            IsPersistent = isPersistent,
            Running = running,
            Configured = configured,
            Vcpus = Vcpus(domain, current, isRunning, hostCpus, vm),
            Differences = runningXml is null || configuredXml is null
                ? []
                : SettingComparer.Pending(DomainSettings.Read(runningXml.Span), DomainSettings.Read(configuredXml.Span), hostCpus),
        };
    }

    // Only a running VM's document has an id.
    private static bool IsOfRunning(ReadOnlySpan<byte> xml) => xml[..(xml.IndexOf((byte)'>') + 1)].IndexOf(" id='"u8) >= 0;

    // Setting the owner is safe: the parts were just read, and no other code has them yet.
    private static void Own(VMConfiguration? configuration, VMOwner vm)
    {
        foreach (var part in configuration?.Disks.Cast<VMPart>().Concat(configuration.Nics) ?? [])
        {
            part.VM = vm;
        }
    }

    private static VcpuTopology[] Vcpus(LibvirtDomain domain, VMConfiguration current, bool isRunning, CpuSet hostCpus, VMOwner vm)
    {
        var vcpus = new VcpuTopology[current.MaxVcpus];
        for (var number = 0; number < vcpus.Length; number++)
        {
            var pin = current.VcpuPins.GetValueOrDefault(number);
            vcpus[number] = new VcpuTopology(
                number,
                !isRunning && current.IsPlugged(number),
                pin is not null && hostCpus.IsSubsetOf(pin) ? null : pin,
                null,
                null)
            {
                VM = vm,
            };
        }

        if (!isRunning || vcpus.Length == 0)
        {
            return vcpus;
        }

        if (Places(domain, vcpus.Length) is not { } places)
        {
            for (var number = 0; number < vcpus.Length; number++)
            {
                vcpus[number] = vcpus[number] with { IsOnline = current.IsPlugged(number) };
            }

            return vcpus;
        }

        // A vCPU may have been added since the document was read.
        foreach (var place in places.Where(place => place.Number < vcpus.Length))
        {
            vcpus[place.Number] = vcpus[place.Number] with
            {
                IsOnline = true,
                HostCpu = place.HostCpu >= 0 ? place.HostCpu : null,
                CpuTimeSeconds = place.CpuTimeNanoseconds / 1e9,
            };
        }

        return vcpus;
    }

    // Null if no vCPU has a thread: QEMU is still starting, or has just ended.
    private static IReadOnlyList<VcpuPlace>? Places(LibvirtDomain domain, int room)
    {
        try
        {
            return domain.GetVcpuPlaces(room);
        }
        catch (LibvirtException exception) when (exception.ErrorCode == LibvirtErrorCode.OperationInvalid)
        {
            return null;
        }
    }
}
