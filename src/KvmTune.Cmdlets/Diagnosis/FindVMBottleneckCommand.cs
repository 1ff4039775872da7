// Find-VMBottleneck: watches VMs for an interval and reports the area that slows each one, with its counters; or that none does.
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Cmdlets.Diagnosis;

/// <summary>Watches all given VMs at the same time, and judges each by the USE method. Nothing is changed.</summary>
[Cmdlet(VerbsCommon.Find, "VMBottleneck")]
[OutputType(typeof(VMBottleneckReport))]
public sealed class FindVMBottleneckCommand : VMCmdlet
{
    private readonly List<VMTarget> _targets = [];
    private BottleneckThresholds _thresholds = BottleneckThresholds.Default;

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Default: all running VMs.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [new("*")];

    /// <summary>How long to watch.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Replaces thresholds, by name: <c>@{ VcpuDelayPercent = 20 }</c>.</summary>
    [Parameter]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public Hashtable Threshold { get; set; } = [];

    /// <summary>Does not ask the guests: values from their own counters are then unknown.</summary>
    [Parameter]
    public SwitchParameter SkipGuest { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        try
        {
            _thresholds = BottleneckThresholds.With(Threshold.Cast<DictionaryEntry>().ToDictionary(
                entry => entry.Key.ToString()!, entry => Number(entry.Value), StringComparer.Ordinal));
        }
        catch (KvmTuneException exception)
        {
            ThrowTerminatingError(ErrorRecords.Make(exception, Threshold));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: false, keep: true, vm =>
    {
        if (_targets.Exists(known => known.Domain.Id == vm.Domain.Id && ReferenceEquals(known.Host, vm.Host)))
        {
            return false;
        }

        if (!vm.Domain.IsActive)
        {
            var error = BottleneckFinder.NotRunning(vm.Domain.Name);
            if (!WildcardPattern.ContainsWildcardCharacters(vm.Reference.Name))
            {
                throw error;
            }

            WriteVerbose(error.Message);
            return false;
        }

        _targets.Add(vm);
        return true;
    });

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        if (_targets.Count == 0)
        {
            return;
        }

        var options = new BottleneckOptions { Interval = Interval, Thresholds = _thresholds, AsksGuests = !SkipGuest };
        var hosts = _targets.GroupBy(target => target.Host).ToList();
        var bars = hosts.ConvertAll(host => new ProgressReporter(this, $"Watching VMs of {host.Key.Uri}", hosts.IndexOf(host)));
        try
        {
            var found = Await((post, token) => Task.WhenAll(hosts.Select((host, i) => WatchAsync(host, options, bars[i].Through(post), token))));
            foreach (var watched in found)
            {
                watched.Write(this);
            }
        }
        finally
        {
            bars.ForEach(bar => bar.Complete());
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _targets.ForEach(target => target.Domain.Dispose());
            _targets.Clear();
        }

        base.Dispose(disposing);
    }

    private static double Number(object? value) => LanguagePrimitives.TryConvertTo<double>(value, CultureInfo.InvariantCulture, out var number) ? number : double.NaN;

    // An error of one host does not stop the reports of the others.
    private static async Task<Watched> WatchAsync(
        IGrouping<HostConnection, VMTarget> host, BottleneckOptions options, IProgress<KvmTune.Measurement.MeasurementProgress> progress, CancellationToken token)
    {
        var domains = host.Select(target => target.Domain).ToList();
        try
        {
            var reports = await new BottleneckFinder(TimeProvider.System).FindAsync(host.Key, domains, options, progress, token);
            return new Watched(host.Key.Uri, domains, reports, null);
        }
        catch (Exception exception) when (exception is KvmTuneException or LibvirtException)
        {
            return new Watched(host.Key.Uri, domains, [], exception);
        }
    }

    private sealed record Watched(string Uri, IReadOnlyList<LibvirtDomain> Domains, IReadOnlyList<VMBottleneckReport> Reports, Exception? Error)
    {
        public void Write(FindVMBottleneckCommand cmdlet)
        {
            if (Error is not null)
            {
                cmdlet.Try(Uri, () => throw Error);
                return;
            }

            foreach (var report in Reports)
            {
                cmdlet.WriteObject(report);
            }

            foreach (var gone in Domains.Where(domain => !Reports.Any(report => report.VMId == domain.Id)))
            {
                cmdlet.Try(gone.Name, () => throw new KvmTuneException(
                    "GuestNotRunning", KvmTuneErrorCategory.InvalidOperation, $"'{gone.Name}' ended while it was watched. Start it, and look again."));
            }
        }
    }
}
