// Watch-VMPerformance: the activity of VMs in each interval: an object for each VM and interval, or a table that is refreshed in place.
using System.Management.Automation;
using System.Runtime.ExceptionServices;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Cmdlets.Diagnosis;

/// <summary>Watches the running VMs of hosts. libvirt is asked once an interval for all of them; guests are not asked.</summary>
[Cmdlet(VerbsCommon.Watch, "VMPerformance")]
[OutputType(typeof(VMPerformanceSample))]
public sealed class WatchVMPerformanceCommand : VMCmdlet
{
    private readonly Dictionary<HostConnection, List<Func<string, Guid, bool>>> _wanted = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Default: all running VMs.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [new("*")];

    /// <summary>The length of an interval.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>The number of intervals. Default: until Ctrl+C.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int Count { get; set; }

    /// <summary>Refreshes a table each interval instead of emitting objects; the VM that uses most CPU comes first.</summary>
    [Parameter]
    public SwitchParameter Live { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var reference in VMName)
        {
            Try(reference.Name, () =>
            {
                var host = HostConnections.Get(ConnectionUri ?? reference.ConnectionUri);
                var filter = Filter(host, reference);
                if (!_wanted.TryGetValue(host, out var filters))
                {
                    _wanted[host] = filters = [];
                }

                filters.Add(filter);
            });
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_wanted.Count == 0)
        {
            return;
        }

        using var table = Live ? new LiveTable(Host) : null;
        if (_wanted.Count == 1)
        {
            var only = _wanted.Keys.Single();
            Try(only.Uri, () => Watch(only, show => show(), table, CancellationToken));
            return;
        }

        // Each host on a separate thread: a slow host does not delay the others.
        Await(async (post, token) =>
        {
            await Task.WhenAll(_wanted.Keys.Select(host => Task.Factory.StartNew(
                () =>
                {
                    try
                    {
                        Watch(host, post, table, token);
                    }
                    catch (Exception exception) when (exception is KvmTuneException or LibvirtException)
                    {
                        // An error of one host does not stop the others.
                        var error = ExceptionDispatchInfo.Capture(exception);
                        post(() => Try(host.Uri, error.Throw));
                    }
                },
                token,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default)));
            return true;
        });
    }

    private void Watch(HostConnection host, Action<Action> post, LiveTable? table, CancellationToken token)
    {
        var filters = _wanted[host];
        int? count = MyInvocation.BoundParameters.ContainsKey(nameof(Count)) ? Count : null;
        foreach (var samples in new PerformanceWatcher(host).Watch((name, id) => filters.Exists(filter => filter(name, id)), Interval, count, token))
        {
            post(() => Show(host, samples, table));
        }
    }

    private void Show(HostConnection host, IReadOnlyList<VMPerformanceSample> samples, LiveTable? table)
    {
        if (table is null)
        {
            WriteObject(samples, enumerateCollection: true);
        }
        else
        {
            table.Draw(host.Uri, samples);
        }
    }

    // A VM that the user names must exist; a VM that matches a pattern may appear later.
    private static Func<string, Guid, bool> Filter(HostConnection host, VMReference reference)
    {
        using var named = FindNamed(reference, host, host.Read());
        if (named is null)
        {
            var pattern = new WildcardPattern(reference.Name, WildcardOptions.IgnoreCase);
            return (name, _) => pattern.IsMatch(name);
        }

        var wanted = named.IsActive ? named.Id : throw BottleneckFinder.NotRunning(named.Name);
        return (_, vmId) => vmId == wanted;
    }
}
