// A pin of an unplugged vCPU: libvirt keeps it in the running VM, the thread gets it when it is plugged in, and removing the pin leaves nothing
// pending.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

[Trait("Category", "Lab")]
[Collection(FirstGuest.Name)]
public sealed class LabUnpluggedPinTests
{
    [SkippableFact]
    public async Task A_pin_of_a_vcpu_that_is_not_plugged_is_live_and_leaves_nothing_pending_when_it_goes()
    {
        var uri = Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI");
        Skip.If(uri is null, "KVMTUNE_LAB_URI is not set: there is no lab.");
        using var host = new HostConnection(uri);
        using var vm = host.Write().DefineXml(
            $"""
            <domain type='{Environment.GetEnvironmentVariable("KVMTUNE_LAB_TYPE")}'><name>kvmtune unplugged</name>
            <uuid>{Environment.GetEnvironmentVariable("KVMTUNE_LAB_UUID_PREFIX")}{0x7100:x12}</uuid><memory unit='MiB'>32</memory><vcpu current='1'>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os><devices><console type='pty'/></devices></domain>
            """,
            validate: true);
        try
        {
            vm.Start();
            using var planner = new VMPlanner(host, vm);
            var tuner = new VMTuner(planner, TimeProvider.System, new NoJournal());

            var pinned = await tuner.ApplyAsync(planner.Plan(Pin(new CpuSet(0))), new ApplyOptions(), CancellationToken.None);
            Assert.Equal(TuningOutcome.Applied, pinned.Outcome);
            Assert.True(pinned.Plan.ChangesRunning && !pinned.Plan.RequiresRestart);
            Assert.Equal(new CpuSet(0), DomainXmlReader.Read(vm.GetXml()).VcpuPins[1]);
            Virsh(uri, "setvcpus", vm.Name, 2.ToString(CultureInfo.InvariantCulture), "--live");
            if (host.IsLocalQemu)
            {
                var process = QemuProcess.Find(vm.Name, vm.Id)!;
                Assert.Equal(new CpuSet(0), process.Affinity(process.VcpuThreads()[1]));
            }

            Assert.Equal(TuningOutcome.Applied, (await tuner.ApplyAsync(planner.Plan(Pin(null)), new ApplyOptions(), CancellationToken.None)).Outcome);
            Assert.DoesNotContain(VMTopologyReader.Read(vm, uri, HostReading.OnlineCpus(host)).PendingRestart, difference => difference.Setting.Contains("pin", StringComparison.Ordinal));
            Assert.False(planner.Plan(Pin(null)).HasChanges);
        }
        finally
        {
            if (vm.IsActive)
            {
                vm.Destroy();
            }

            vm.Undefine();
        }
    }

    private static VcpuPinChange Pin(CpuSet? cpus) => new() { Pins = new Dictionary<int, CpuSet?> { [1] = cpus } };

    private static void Virsh(string uri, params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo("virsh", ["-q", "-c", uri, .. words]) { UseShellExecute = false, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}
