// I/O threads of several disks, and undo of one of them: the number of threads follows, and threads that another disk uses stay.
using KvmTune.Journal;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class DiskIOThreadUndoTests() : JournalledVM("vda", "vdb")
{
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

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public async Task A_thread_that_both_came_to_use_is_gone_when_both_are_undone(int first, int second)
    {
        long[] changes = [await GiveAsync(new DiskIOThreadRequest("vda") { IOThreads = [3] }), await GiveAsync(new DiskIOThreadRequest("vdb") { IOThreads = [3] })];

        await UndoAsync(changes[first], force: true);
        Assert.Equal([3], DomainXmlReader.Read(Persistent()).IOThreadIds);
        var last = await UndoAsync(changes[second], force: true);
        Assert.Equal(_before, Persistent());

        // The undo of the undo also restores the thread.
        await UndoAsync(last.JournalId!.Value);
        Assert.Equal([3], DomainXmlReader.Read(Persistent()).IOThreadIds);
    }

    [Fact]
    public async Task A_thread_that_somebody_made_by_hand_stays()
    {
        await UndoAsync(await GiveAsync(new DiskIOThreadRequest("vda") { IOThreads = [3] }));
        _host.Write().DefineXml(Persistent().Replace("<vcpu", "<iothreads>1</iothreads><iothreadids><iothread id='3'/></iothreadids><vcpu", StringComparison.Ordinal), validate: false).Dispose();

        await UndoAsync(await GiveAsync(new DiskIOThreadRequest("vdb") { IOThreads = [3] }));

        Assert.Equal([3], DomainXmlReader.Read(Persistent()).IOThreadIds);
    }

    private async Task<long> GiveAsync(DiskIOThreadRequest request) => (await ApplyAsync(request.ToChange(DomainDocument.Parse(Persistent())))).JournalId!.Value;
}
