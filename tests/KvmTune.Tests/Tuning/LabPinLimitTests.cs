// A pin that a cpuset control group prevents: it is verified in the kernel and not with libvirt, the error names the limit, and the pin is
// taken back.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tests.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Tuning;

[Trait("Category", "Lab")]
[Collection(FirstGuest.Name)]
public sealed class LabPinLimitTests(ITestOutputHelper output)
{
    private const string Hierarchy = "/sys/fs/cgroup/cpuset";

    [SkippableFact]
    public async Task A_pin_that_a_control_group_limits_is_an_error_that_names_it_and_is_taken_back()
    {
        using var lab = LabGuest.Open("lab1");
        Skip.IfNot(Directory.Exists(Hierarchy) && Environment.UserName == "root", "This needs root, and control groups of version 1, where a single thread can be moved.");
        Skip.If(Environment.ProcessorCount < 2, "This needs two host CPUs.");
        using var host = new HostConnection(Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI")!);
        var tuner = new VMTuner(new VMPlanner(host, lab.Domain), TimeProvider.System, new NoJournal());
        var first = await tuner.ApplyAsync(tuner.Planner.Plan(Pin("0")), new ApplyOptions(), CancellationToken.None);
        var process = QemuProcess.Find(lab.Domain.Name, lab.Domain.Id)!;
        var thread = process.VcpuThreads()[0];
        var group = Directory.CreateDirectory($"{Hierarchy}/kvmtune-test-{Environment.ProcessId}").FullName;
        var home = File.ReadLines($"/proc/{process.ProcessId}/task/{thread}/cgroup").Select(line => line.Split(':', 3)).Single(parts => parts[1] == "cpuset")[2];
        try
        {
            await File.WriteAllTextAsync($"{group}/cpuset.mems", await File.ReadAllTextAsync($"{Hierarchy}/cpuset.mems"));
            await File.WriteAllTextAsync($"{group}/cpuset.cpus", "0");
            await File.WriteAllTextAsync($"{group}/tasks", $"{thread}");

            var error = await Assert.ThrowsAsync<KvmTuneException>(
                () => tuner.ApplyAsync(tuner.Planner.Plan(Pin("0-1")), new ApplyOptions(), CancellationToken.None));

            output.WriteLine(error.Message);
            Assert.Equal("ChangeNotEffective", error.ErrorId);
            Assert.Contains($"limited by {group}/cpuset.cpus: 0", error.Message, StringComparison.Ordinal);
            Assert.Contains("<vcpupin vcpu='0' cpuset='0'/>", lab.Domain.GetXml(), StringComparison.Ordinal);
        }
        finally
        {
            await File.WriteAllTextAsync($"{Hierarchy}{home}/tasks", $"{thread}");
            Directory.Delete(group);
            foreach (var inverse in first.Inverse)
            {
                await tuner.ApplyAsync(tuner.Planner.Plan(inverse), new ApplyOptions(), CancellationToken.None);
            }
        }

        Assert.Equal(HostReading.ReadCpus(host).OnlineCpus, process.Affinity(thread));
    }

    [SkippableFact]
    public async Task A_live_pin_asks_libvirt_for_its_document_twice_and_for_the_pin_once()
    {
        using var lab = LabGuest.Open("lab1");
        using var host = new HostConnection(Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI")!);
        Skip.IfNot(host.IsLocalQemu, "Online CPUs are read of the local kernel only.");
        var tuner = new VMTuner(new VMPlanner(host, lab.Domain), TimeProvider.System, new NoJournal());
        var first = await tuner.ApplyAsync(tuner.Planner.Plan(Pin("0")), new ApplyOptions(), CancellationToken.None);
        try
        {
            using var domain = host.Write().LookupByUuid(lab.Domain.Id);
            var warm = new VMTuner(new VMPlanner(host, domain), TimeProvider.System, new NoJournal());
            using var calls = new LibvirtCalls();
            await warm.ApplyAsync(warm.Planner.Plan(VcpuPinChange.Of(new Dictionary<int, CpuSet?> { [0] = null }) with { Scope = ChangeScope.Live }), new ApplyOptions(), CancellationToken.None);

            // The VM's own document for the plan and for applying it, and each neighbour's once.
            var neighbours = host.Read().ListDomains(DomainListFlags.Active).Count - 1;
            Assert.InRange(calls.Documents, 2, 2 + neighbours);
            Assert.Equal((1, 0), (calls.Of("virDomainPinVcpuFlags"), calls.Of("virNodeGetCPUMap")));
        }
        finally
        {
            foreach (var inverse in first.Inverse)
            {
                await tuner.ApplyAsync(tuner.Planner.Plan(inverse), new ApplyOptions(), CancellationToken.None);
            }
        }
    }

    private static VcpuPinChange Pin(string cpus) => new()
    {
        Scope = ChangeScope.Live,
        Pins = new Dictionary<int, CpuSet?> { [0] = new(cpus) },
    };
}
