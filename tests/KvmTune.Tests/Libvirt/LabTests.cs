// The binding with a real QEMU: on its own guests without a disk, so that no other guest is changed.
using System.Collections.Concurrent;
using System.Xml.Linq;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

[Trait("Category", "Lab")]
[Collection(Alone.Name)]
public sealed class LabTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static string? LabUri => Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI");

    [SkippableFact]
    public void A_guest_with_a_difficult_name_is_started_pinned_and_stopped()
    {
        using var guest = Guest.Start("kvmtune binding 'q' \"$(id)\"; Prüfung 世界");
        var domain = guest.Domain;

        Assert.Equal(DomainLifecycleEventType.Started, guest.WaitFor(DomainLifecycleEventType.Started).Type);
        Assert.Equal(domain.Name, guest.Connection.LookupByUuid(domain.Id).Name);

        domain.PinVcpu(1, [true], AffectTarget.Live);
        Assert.Equal([0], Cpus(domain.GetVcpuPins(AffectTarget.Live)[1]));
        Assert.Equal(Cpus(domain.GetVcpuPins(AffectTarget.Live)[0]), Cpus(domain.GetVcpuPins(AffectTarget.Config)[1]));
        domain.PinVcpu(0, [true], AffectTarget.Both);
        Assert.Equal([0], Cpus(domain.GetVcpuPins(AffectTarget.Live)[0]));
        Assert.Equal([0], Cpus(domain.GetVcpuPins(AffectTarget.Config)[0]));
        domain.PinEmulator([true], AffectTarget.Live);
        Assert.Equal([0], Cpus(domain.GetEmulatorPin(AffectTarget.Live)));
        domain.PinIOThread(1, [true], AffectTarget.Both);
        Assert.Equal([0], Cpus(Assert.Single(domain.GetIOThreads(AffectTarget.Live)).CpuMap));
        // A sleeping vCPU stays on its last host CPU, whatever its pin is, until it wakes.
        Assert.Equal([0, 1], domain.GetVcpuPlaces(2).Select(vcpu => vcpu.Number));
        Assert.All(domain.GetVcpuPlaces(2), vcpu => Assert.True(vcpu.HostCpu >= 0));

        domain.Destroy();
        Assert.Equal((int)DomainStoppedDetail.Destroyed, guest.WaitFor(DomainLifecycleEventType.Stopped).Detail);
        Assert.Equal(DomainState.ShutOff, domain.GetState());
    }

    [SkippableFact]
    public void A_pin_beyond_the_guest_or_the_host_is_an_error()
    {
        using var guest = Guest.Start("kvmtune binding pins");
        var beyondHost = new bool[1000];
        beyondHost[999] = true;

        Assert.Equal(LibvirtErrorCode.InvalidArgument, Fail(() => guest.Domain.PinVcpu(7, [true], AffectTarget.Live)));
        Assert.Equal(LibvirtErrorCode.InvalidArgument, Fail(() => guest.Domain.PinVcpu(0, [false], AffectTarget.Live)));
        Assert.Equal(LibvirtErrorCode.SystemError, Fail(() => guest.Domain.PinVcpu(0, beyondHost, AffectTarget.Live)));
    }

    [SkippableFact]
    public void Statistics_and_numa_policy_of_a_running_guest_are_read()
    {
        using var guest = Guest.Start("kvmtune binding statistics");
        var domain = guest.Domain;

        var statistics = Assert.Single(guest.Connection.GetAllDomainStatistics([domain]));
        Assert.Equal(2UL, statistics.GetUInt64("vcpu.current"));
        Assert.NotNull(statistics.GetUInt64("vcpu.0.time"));
        Assert.Equal((int)DomainState.Running, statistics.Values["state.state"]);

        domain.SetNumaParameters(new Dictionary<string, object> { ["numa_nodeset"] = "0" }, AffectTarget.Config);
        Assert.Equal("0", domain.GetNumaParameters(AffectTarget.Config)["numa_nodeset"]);
    }

    [SkippableFact]
    public void A_stopped_guest_and_a_missing_agent_are_told_apart()
    {
        using var without = Guest.Start("kvmtune binding without agent");
        using var unconnected = Guest.Start("kvmtune binding silent agent", agentChannel: true);

        Assert.Equal(LibvirtErrorCode.ArgumentUnsupported, Fail(() => Ping(without.Domain)));
        Assert.Equal(LibvirtErrorCode.AgentUnresponsive, Fail(() => Ping(unconnected.Domain)));
        without.Domain.Destroy();
        Assert.Equal(LibvirtErrorCode.OperationInvalid, Fail(() => Ping(without.Domain)));
        Assert.Equal(
            LibvirtErrorCode.OperationInvalid,
            Fail(() => without.Domain.PinVcpu(0, [true], AffectTarget.Live)));
    }

    [SkippableFact]
    public void The_hosts_memory_and_pages_are_read()
    {
        using var connection = OpenLab(ConnectionAccess.ReadWrite);

        var pages = Assert.Single(connection.GetFreePages([4], 0, 1));
        Assert.Equal(0, pages.Node);
        Assert.Equal(4U, pages.PageSizeKiB);
        Assert.NotEqual(0UL, pages.Free);
        Assert.NotEmpty(connection.GetFreeMemoryBytesPerNode());
        Assert.Equal(Environment.ProcessorCount, connection.GetOnlineCpus().Count(online => online));
        Assert.Contains("<domainCapabilities>", connection.GetDomainCapabilitiesXml(), StringComparison.Ordinal);
    }

    private static string Ping(LibvirtDomain domain)
        => domain.AgentCommand("""{"execute":"guest-ping"}""", TimeSpan.FromSeconds(5));

    private static LibvirtErrorCode Fail(Action action) => Assert.Throws<LibvirtException>(action).ErrorCode;

    private static IEnumerable<int> Cpus(bool[] map) => Enumerable.Range(0, map.Length).Where(cpu => map[cpu]);

    private static LibvirtConnection OpenLab(ConnectionAccess access)
    {
        Skip.If(LabUri is null, "KVMTUNE_LAB_URI is not set.");
        return LibvirtConnection.Open(LabUri, access);
    }

    private sealed class Guest : IDisposable
    {
        private readonly BlockingCollection<DomainLifecycleEvent> _events = [];

        private Guest(LibvirtConnection connection, LibvirtDomain domain)
        {
            Connection = connection;
            Domain = domain;
            connection.OnDomainLifecycle(domain, _events.Add);
        }

        public LibvirtConnection Connection { get; }

        public LibvirtDomain Domain { get; }

        public static Guest Start(string name, bool agentChannel = false)
        {
            var connection = OpenLab(ConnectionAccess.ReadWrite);
            if (connection.TryLookupByName(name) is { } leftOver)
            {
                Remove(leftOver);
            }

            var guest = new Guest(connection, connection.DefineXml(Xml(name, agentChannel).ToString(), validate: true));
            try
            {
                guest.Domain.Start();
                return guest;
            }
            catch
            {
                guest.Dispose();
                throw;
            }
        }

        public DomainLifecycleEvent WaitFor(DomainLifecycleEventType type)
        {
            while (_events.TryTake(out var next, Limit))
            {
                if (next.Type == type)
                {
                    return next;
                }
            }

            throw new TimeoutException($"No event {type} arrived.");
        }

        public void Dispose()
        {
            Remove(Domain);
            Connection.Dispose();
            _events.Dispose();
        }

        private static void Remove(LibvirtDomain domain)
        {
            using (domain)
            {
                if (domain.IsActive)
                {
                    domain.Destroy();
                }

                domain.Undefine();
            }
        }

        private static XElement Xml(string name, bool agentChannel) => new(
            "domain",
            new XAttribute("type", "qemu"),
            new XElement("name", name),
            new XElement("memory", new XAttribute("unit", "MiB"), 32),
            new XElement("vcpu", 2),
            new XElement("iothreads", 1),
            new XElement("os", new XElement("type", new XAttribute("arch", "x86_64"), new XAttribute("machine", "q35"), "hvm")),
            new XElement(
                "devices",
                new XElement("controller", new XAttribute("type", "usb"), new XAttribute("model", "none")),
                new XElement("memballoon", new XAttribute("model", "none")),
                agentChannel
                    ? new XElement(
                        "channel",
                        new XAttribute("type", "unix"),
                        new XElement(
                            "target", new XAttribute("type", "virtio"), new XAttribute("name", "org.qemu.guest_agent.0")))
                    : null));
    }
}
