// The number of times that commands over many VMs read the running VMs of a host.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tests.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class RunningVMReadingTests : IDisposable
{
    private const int Count = 12;
    private static readonly CpuSet Online = new("0-7");

    private readonly NodeFile _file = new([.. Enumerable.Range(0, Count).Select(number => $"vm{number}")]);
    private readonly HostConnection _host;
    private readonly FastTime _time = new();
    private readonly List<Guid> _ids;

    public RunningVMReadingTests()
    {
        _host = new HostConnection(_file.Uri);
        _ids = [.. _host.Write().ListDomains().Select(static domain =>
        {
            using (domain)
            {
                return domain.Id;
            }
        })];
    }

    [Fact]
    public void A_VM_is_not_read_to_be_judged_beside_others()
    {
        var reading = new RunningVMReading(_host, _time);
        using var calls = new LibvirtCalls();

        Assert.Equal(Count - 1, reading.Beside(_ids[0]).CountUnpinned(Online));
        _ = reading.Beside(_ids[0]);

        Assert.Equal(Count - 1, calls.Documents);
        Assert.Equal(1, calls.Of("virConnectListAllDomains"));
    }

    [Fact]
    public void All_VMs_of_a_host_are_judged_on_one_reading_of_each()
    {
        var reading = new RunningVMReading(_host, _time);
        using var calls = new LibvirtCalls();

        Assert.All(_ids, id => Assert.Equal(Count - 1, reading.Beside(id).CountUnpinned(Online)));

        Assert.Equal(Count, calls.Documents);
        Assert.Equal(1, calls.Of("virConnectListAllDomains"));
    }

    [Fact]
    public void What_this_process_changed_is_read_again_before_another_VM_is_judged()
    {
        var reading = new RunningVMReading(_host, _time);
        Assert.Equal(Count - 1, reading.Beside(_ids[0]).CountUnpinned(Online));
        using (var domain = _host.Write().LookupByUuid(_ids[1]))
        {
            domain.PinVcpu(0, [true, false, false, false, false, false, false, false], AffectTarget.Current);
        }

        _host.NoteChange(_ids[1]);
        using var calls = new LibvirtCalls();

        Assert.Equal(Count - 1, reading.Beside(_ids[1]).CountUnpinned(Online));
        Assert.Equal(new CpuSet(0), reading.Beside(_ids[2]).Taken(Online));
        Assert.Equal(Count - 2, reading.Beside(_ids[2]).CountUnpinned(Online));

        // The VM that the others were read for, and the changed one.
        Assert.Equal(2, calls.Documents);
    }

    [Fact]
    public void All_are_read_again_after_a_while_since_others_change_VMs_too()
    {
        var reading = new RunningVMReading(_host, _time);
        _ = reading.Beside(_ids[0]);
        _time.Pass(TimeSpan.FromSeconds(2));
        using var calls = new LibvirtCalls();

        _ = reading.Beside(_ids[0]);

        Assert.Equal(Count - 1, calls.Documents);
    }

    public void Dispose()
    {
        _host.Dispose();
        _file.Dispose();
    }
}
