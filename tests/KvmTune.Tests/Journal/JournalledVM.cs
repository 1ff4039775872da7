// A VM of libvirt's test driver with its own journal: the base of tests of recording and undoing.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Tuning;

namespace KvmTune.Tests.Journal;

public abstract class JournalledVM : IDisposable
{
    private protected readonly JournalFolder _folder = new();
    private protected readonly HostConnection _host = new("test:///default");
    private protected readonly LibvirtDomain _vm;
    private protected readonly string _before;

    /// <summary>Defines it with raw disks of these names.</summary>
    private protected JournalledVM(params string[] disks)
    {
        var devices = string.Concat(disks.Select(disk => $"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/{disk}'/><target dev='{disk}' bus='virtio'/></disk>"));
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>journal {Guid.NewGuid():N}</name><metadata><x:a xmlns:x='urn:x'>keep</x:a></metadata><memory>1024</memory><vcpu>2</vcpu>
            <os><type>hvm</type></os><devices>{devices}</devices></domain>
            """,
            validate: false);
        _before = Persistent();
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        using (var left = _host.Write().TryLookupByUuid(_vm.Id))
        {
            left?.Undefine();
        }

        _vm.Dispose();
        _host.Dispose();
        _folder.Dispose();
    }

    private protected VMTuner Tuner(IChangeJournal? journal = null) => new(new VMPlanner(_host, _vm), TimeProvider.System, journal ?? _folder.Journal);

    private protected Task<VMTuningResult> ApplyAsync(VMChange change, IChangeJournal? journal = null)
    {
        var tuner = Tuner(journal);
        return tuner.ApplyAsync(tuner.Planner.Plan(change), new ApplyOptions(), CancellationToken.None);
    }

    /// <summary>Sets a disk's cache mode.</summary>
    private protected Task<VMTuningResult> ApplyAsync(string cache, IChangeJournal? journal = null) => ApplyAsync(TuningChild.Cache(cache), journal);

    private protected Task<VMTuningResult> UndoAsync(long id, bool force = false) =>
        new TuningUndo(_folder.Journal, _host, TimeProvider.System).UndoAsync(id, new UndoOptions { Force = force }, CancellationToken.None);

    /// <summary>The persistent configuration, with its secrets.</summary>
    private protected string Persistent() => _vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);
}
