// VMs that start and stop while they are read are shown in their current state: none is missing, and none is an error.
using System.Diagnostics;
using KvmTune.Libvirt;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Topology;

public sealed class VMTopologyReaderTests
{
    [Fact]
    public async Task A_vm_that_starts_and_stops_meanwhile_is_read_every_time()
    {
        using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadWrite);
        var (name, id) = ($"restless {Guid.NewGuid():N}", Guid.NewGuid());
        // It starts with a pin, and its configuration loses the pin while it runs: a document without the pin is never the running one.
        var (started, configured) = (Xml("<cputune><vcpupin vcpu='0' cpuset='0'/></cputune>"), Xml(""));
        using var domain = connection.DefineXml(started, validate: false);
        using var ended = new CancellationTokenSource();
        // A separate thread: other tests may use all threads of the pool until the readings end.
        var restless = Task.Factory.StartNew(
            () =>
            {
                while (!ended.IsCancellationRequested)
                {
                    connection.DefineXml(started, validate: false).Dispose();
                    domain.Start();
                    connection.DefineXml(configured, validate: false).Dispose();
                    domain.Destroy();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        try
        {
            var seen = new HashSet<bool>();
            var began = Stopwatch.StartNew();
            for (var reading = 0; reading < 2000 || (seen.Count < 2 && began.Elapsed < TimeSpan.FromMinutes(1)); reading++)
            {
                var topology = VMTopologyReader.Read(domain, "test:///default", CpuSet.Of([0, 1]));
                Assert.Equal(2, topology.Vcpus.Count);
                Assert.Equal(topology.State == VMState.Running, topology.Running is not null);
                Assert.True(topology.Running is not { VcpuPins.Count: 0 }, "A configuration was taken for the running VM.");
                seen.Add(topology.State == VMState.Running);
            }

            Assert.Equal(2, seen.Count);
        }
        finally
        {
            await ended.CancelAsync();
            await restless;
            domain.Undefine();
        }

        string Xml(string pins) => $"<domain type='test'><name>{name}</name><uuid>{id}</uuid><memory>1024</memory><vcpu>2</vcpu><os><type>hvm</type></os>{pins}</domain>";
    }
}
