// I/O threads of several disks, and undo of one of them: the number of threads follows, and what another disk uses stays.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class DiskIOThreadUndoTests : IDisposable
{
    private readonly JournalFolder _folder = new();
    private readonly HostConnection _host = new("test:///default");
    private readonly LibvirtDomain _vm;
    private readonly string _before;

    public DiskIOThreadUndoTests()
    {
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>threads {Guid.NewGuid():N}</name><memory>1024</memory><vcpu>2</vcpu><os><type>hvm</type></os><devices>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/e'/><target dev='vdb' bus='virtio'/></disk>
            </devices></domain>
            """,
            validate: false);
        _before = Persistent();
    }

    private VMTuner Tuner => new(new VMPlanner(_host, _vm), TimeProvider.System, _folder.Journal);

    [Theory]
    [InlineData(false, 0, 1)]
    [InlineData(false, 1, 0)]
    [InlineData(true, 0, 1)]
    [InlineData(true, 1, 0)]
    public async Task Each_of_two_disks_can_be_undone_first(bool force, int first, int second)
    {
        long[] changes = [await GiveAsync(new DiskIOThreadRequest("vda")), await GiveAsync(new DiskIOThreadRequest("vdb"))];
        Assert.Contains("<iothreads>2</iothreads>", Persistent(), StringComparison.Ordinal);

        Assert.Equal(TuningOutcome.Applied, (await UndoAsync(changes[first], force)).Outcome);
        Assert.Contains("<iothreads>1</iothreads>", Persistent(), StringComparison.Ordinal);
        Assert.Contains($"iothread='{second + 1}'", Persistent(), StringComparison.Ordinal);
        Assert.Equal(TuningOutcome.Applied, (await UndoAsync(changes[second], force)).Outcome);

        Assert.Equal(_before, Persistent());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_thread_that_another_disk_came_to_use_stays(bool force)
    {
        var first = await GiveAsync(new DiskIOThreadRequest("vda"));
        await GiveAsync(new DiskIOThreadRequest("vdb") { IOThreads = [1] });

        await UndoAsync(first, force);

        var vm = DomainXmlReader.Read(Persistent());
        Assert.Equal([1], vm.IOThreadIds);
        Assert.Null(vm.Disks[0].IOThread);
        Assert.Equal(1, vm.Disks[1].IOThread);
    }

    public void Dispose()
    {
        _vm.Undefine();
        _vm.Dispose();
        _host.Dispose();
        _folder.Dispose();
    }

    private async Task<long> GiveAsync(DiskIOThreadRequest request) => (await Tuner.ApplyAsync(
        Tuner.Planner.Plan(request.ToChange(DomainDocument.Parse(Persistent()))), new ApplyOptions(), CancellationToken.None)).JournalId!.Value;

    private Task<VMTuningResult> UndoAsync(long id, bool force) =>
        new TuningUndo(_folder.Journal, _host, TimeProvider.System).UndoAsync(id, new UndoOptions { Force = force }, CancellationToken.None);

    private string Persistent() => _vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);
}
