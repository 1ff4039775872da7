// VMs that start and stop while they are read are shown as they are at the moment: none is missing, and none is an error.
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
        using var domain = connection.DefineXml(
            $"<domain type='test'><name>restless {Guid.NewGuid():N}</name><memory>1024</memory><vcpu>2</vcpu><os><type>hvm</type></os></domain>", validate: false);
        using var ended = new CancellationTokenSource();
        // A thread: the pool's may all be taken by other tests until the readings are over.
        var restless = Task.Factory.StartNew(
            () =>
            {
                while (!ended.IsCancellationRequested)
                {
                    domain.Start();
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
    }
}
