// Cmdlets that change VMs: each creates its change as a value; planning, asking and applying are the same for all.
using System.Management.Automation;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that makes one change to each VM.</summary>
public abstract class VMChangeCmdlet : TuningCmdlet
{
    private readonly Dictionary<HostConnection, RunningVMReading> _running = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>
    /// Where the change is made: in the running VM (Live), in its persistent configuration (Config), or in both. Default: wherever it is possible.
    /// </summary>
    [Parameter]
    public ChangeScope Scope { get; set; }

    /// <summary>Emits the change as a plan and changes nothing.</summary>
    [Parameter]
    public SwitchParameter AsPlan { get; set; }

    private PipedSettings? _piped;
    private bool _isVMGiven;

    /// <summary>The error in the given settings; null for none. Called for each object of the pipeline, which can bring settings.</summary>
    protected virtual KvmTuneException? CheckSettings() => null;

    /// <summary>The changes that the parameters describe for one VM.</summary>
    protected abstract IEnumerable<VMChange> CreateChanges(VMTarget vm);

    /// <inheritdoc/>
    protected override string? Activity => "Changing the VMs of";

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        _piped = new PipedSettings(this);
        _isVMGiven = MyInvocation.BoundParameters.ContainsKey(nameof(VMName));
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        // A VM that is given on the command line is not the object of the pipeline.
        if ((_piped!.Settle(!_isVMGiven && VMName.Length == 1 ? VMName[0].Source : null) ?? CheckSettings()) is { } wrong)
        {
            if (!MyInvocation.ExpectingInput)
            {
                ThrowTerminatingError(ErrorRecords.Make(wrong, null));
            }

            WriteError(ErrorRecords.Make(wrong, VMName.Length == 1 ? VMName[0].Source ?? VMName[0].Name : null));
            return;
        }

        ForEachVM(VMName, writable: true, vm =>
        {
            if (!_running.TryGetValue(vm.Host, out var running))
            {
                _running[vm.Host] = running = new RunningVMReading(vm.Host);
            }

            using var planner = new VMPlanner(vm.Host, vm.Domain) { Running = running };
            foreach (var change in CreateChanges(vm))
            {
                var plan = planner.Plan(change, CancellationToken);
                if (AsPlan)
                {
                    PlanCollector.Current?.Add(plan);
                    WriteObject(plan);
                }
                else
                {
                    PlanApplication.Apply(this, new VMTuner(planner, TimeProvider.System, Journals.Current), plan, Force, ApplyOptions(vm.Reference.Performance));
                }
            }
        });
    }
}
