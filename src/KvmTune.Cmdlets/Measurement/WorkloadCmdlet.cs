// The parameters of Measure-VMPerformance for the workload itself: the result carries them, so that a later measurement on the same pipeline
// repeats them unless its command line has others.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>A cmdlet with parameters for a workload, and for access to the guest.</summary>
public abstract class WorkloadCmdlet : VMCmdlet
{
    private static readonly WorkloadRequest Defaults = new() { Name = string.Empty };

    // Without this check, a setting that the named workload does not have would be ignored silently.
    private static readonly (string Parameter, string Workload)[] Owners =
    [
        (nameof(Command), "Command"),
        (nameof(Metric), "Command"),
        (nameof(CommandTimeLimit), "Command"),
        (nameof(HostAddress), "Network"),
        (nameof(Streams), "Network"),
    ];

    private Guid? _reachedBySsh;

    /// <summary>The workload; by default that of the measurement on the pipeline, or Command if -Command is given.</summary>
    [Parameter(Position = 1)]
    [ArgumentCompleter(typeof(WorkloadCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Workload { get; set; }

    /// <summary>The number of counted runs, without the warm-up.</summary>
    [Parameter]
    [ValidateRange(1, 10_000)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int Runs { get; set; } = Defaults.Runs;

    /// <summary>The time of steady load in one run, without the ramp of one second.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan RunTime { get; set; } = TimeSpan.FromSeconds(Defaults.RunTimeSeconds);

    /// <summary>The folder in the guest for the file of a disk workload; by default on the largest writable file system.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public string? GuestPath { get; set; }

    /// <summary>The size of a disk workload's file in MiB; by default it depends on the free space.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? FileSizeMiB { get; set; }

    /// <summary>
    /// The access to the guest: Agent, Ssh, or Auto, which uses the agent, or SSH if the agent cannot run programs and -SshHost is given.
    /// </summary>
    [Parameter]
    public GuestChannelKind Channel { get; set; } = Defaults.Channel;

    /// <summary>The guest's address for SSH. Use it with one VM only.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public string? SshHost { get; set; }

    /// <summary>The user in the guest; by default ssh's own setting.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public string? SshUser { get; set; }

    /// <summary>The port of the guest's SSH server; by default ssh's own setting.</summary>
    [Parameter]
    [ValidateRange(1, 65535)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? SshPort { get; set; }

    /// <summary>The file with the private key; by default ssh's own setting.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SshKey { get; set; }

    /// <summary>The file with the known host keys, which are always checked; by default ssh's own setting.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SshKnownHosts { get; set; }

    /// <summary>The workload Network: the address by which the guest reaches this machine; by default found on the VM's bridge.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public string? HostAddress { get; set; }

    /// <summary>The workload Network: the number of parallel streams in each direction.</summary>
    [Parameter]
    [ValidateRange(1, 128)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int Streams { get; set; } = Defaults.Streams;

    /// <summary>The workload Command: the program and its arguments, each as a separate string. No shell interprets them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public string[]? Command { get; set; }

    /// <summary>
    /// The workload Command: hashtables with Name, Pattern or JsonPath, Unit, Direction (Higher or Lower), and Primary for the deciding one.
    /// </summary>
    [Parameter]
    [CommandMetricTransformation]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public CommandMetric[]? Metric { get; set; }

    /// <summary>The workload Command: the time limit of one run; at the limit the program is stopped in the guest.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan? CommandTimeLimit { get; set; }

    /// <summary>The area that the workload Observe watches, for cmdlets with such a parameter -Area; null if it is not given.</summary>
    protected virtual ObservedArea? WatchedArea => null;

    /// <summary>The workload to run in a VM.</summary>
    /// <param name="before">The workload of the measurement on the pipeline; null for none.</param>
    /// <param name="vm">The VM.</param>
    /// <exception cref="KvmTuneException">No workload is given, or a setting does not fit the workload or the VM.</exception>
    protected WorkloadRequest Request(WorkloadRequest? before, VMTarget vm)
    {
        var named = Workload ?? (Command is null ? null : "Command");
        if ((named ?? before?.Name) is not { } name)
        {
            throw new KvmTuneException(
                "WorkloadMissing", KvmTuneErrorCategory.InvalidArgument,
                $"Name a workload for '{vm.Domain.Name}' with -Workload: {string.Join(", ", WorkloadCatalog.CreateDefault().All.Select(known => known.Name))}.{(vm.Reference.Change is null ? null : " The change on the pipeline followed no measurement whose workload could be repeated.")}");
        }

        (string Parameter, string Workload)[] owned = [.. Owners.Where(setting => IsGiven(setting.Parameter)), .. WatchedArea is null ? [] : new[] { ("Area", "Observe") }];
        foreach (var (parameter, owner) in owned)
        {
            if (!owner.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                throw Invalid($"-{parameter} is a setting of the workload {owner}, and this call runs {name}.");
            }
        }

        var request = before is not null && before.Name.Equals(name, StringComparison.OrdinalIgnoreCase)
            ? before
            : new WorkloadRequest { Name = name };
        return request with
        {
            Name = name,
            Runs = IsGiven(nameof(Runs)) ? Runs : request.Runs,
            RunTimeSeconds = IsGiven(nameof(RunTime)) ? RunTime.TotalSeconds : request.RunTimeSeconds,
            GuestPath = GuestPath ?? request.GuestPath,
            FileSizeMiB = FileSizeMiB ?? request.FileSizeMiB,
            Channel = IsGiven(nameof(Channel)) ? Channel : before?.Channel ?? request.Channel,
            Ssh = Endpoint(before?.Ssh, vm),
            HostAddress = HostAddress ?? request.HostAddress,
            Streams = IsGiven(nameof(Streams)) ? Streams : request.Streams,
            Area = WatchedArea ?? request.Area,
            Command = Program(name, request.Command),
        };
    }

    /// <summary>Whether the user gave a parameter.</summary>
    protected bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    private CommandSettings? Program(string workload, CommandSettings? before)
    {
        if (!workload.Equals("Command", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        if (Command is null && before is null)
        {
            throw Invalid("The workload Command runs your own program: name it with -Command, for example -Command pgbench, '-T', '3', 'db'.");
        }

        if (Metric is null && before is null)
        {
            throw Invalid($"Describe with -Metric what to read from the output of {Command![0]}: a Name, a Pattern or a JsonPath, a Unit and a Direction.");
        }

        return new CommandSettings
        {
            Path = Command?[0] ?? before!.Path,
            Arguments = Command?[1..] ?? before!.Arguments,
            Metrics = Metric ?? before!.Metrics,
            TimeLimitSeconds = CommandTimeLimit?.TotalSeconds ?? before?.TimeLimitSeconds ?? TimeSpan.FromMinutes(10).TotalSeconds,
        };
    }

    private SshEndpoint? Endpoint(SshEndpoint? before, VMTarget vm)
    {
        if ((SshHost ?? before?.HostName) is not { } host)
        {
            var given = Array.Find([nameof(SshUser), nameof(SshPort), nameof(SshKey), nameof(SshKnownHosts)], IsGiven);
            return given is null ? null : throw Invalid($"-{given} needs the guest's address too: -SshHost.");
        }

        if (SshHost is not null && (_reachedBySsh ??= vm.Domain.Id) != vm.Domain.Id)
        {
            throw Invalid($"-SshHost {host} is one guest's address, and '{vm.Domain.Name}' is another VM. Use one call for each VM.");
        }

        return new SshEndpoint
        {
            HostName = host,
            UserName = SshUser ?? before?.UserName,
            Port = SshPort ?? before?.Port,
            IdentityFile = FullPath(SshKey) ?? before?.IdentityFile,
            KnownHostsFile = FullPath(SshKnownHosts) ?? before?.KnownHostsFile,
        };
    }

    private static KvmTuneException Invalid(string message) => new("InvalidSetting", KvmTuneErrorCategory.InvalidArgument, message);

    private string? FullPath(string? path) => path is null ? null : SessionState.Path.GetUnresolvedProviderPathFromPSPath(path);
}
