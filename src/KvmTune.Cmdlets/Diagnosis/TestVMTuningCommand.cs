// Test-VMTuning: the settings in a VM's configuration that could be tuned, each with a change to try.
using System.Collections.Concurrent;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Diagnosis;
using KvmTune.Hosts;

namespace KvmTune.Cmdlets.Diagnosis;

/// <summary>
/// Reads the configuration of VMs and their host, applies the rules, and lists findings. A VM without findings emits nothing. Each finding's
/// plan is made when it is emitted, so that it includes the pipeline's changes for the earlier findings.
/// </summary>
[Cmdlet(VerbsDiagnostic.Test, "VMTuning")]
[OutputType(typeof(VMTuningFinding))]
public sealed class TestVMTuningCommand : VMCmdlet
{
    private readonly ConcurrentDictionary<HostConnection, VMInspector> _inspectors = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Default: all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [new("*")];

    /// <inheritdoc/>
    protected override string? Activity => "Looking at the VMs of";

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: false, vm =>
    {
        var inspector = _inspectors.GetOrAdd(vm.Host, static host => new VMInspector(host, TimeProvider.System));
        var found = Await((_, token) => inspector.LookAsync(vm.Domain, token));
        if (found.Count == 0)
        {
            WriteVerbose($"{vm.Domain.Name}: no findings: leave it alone");
        }

        foreach (var finding in found)
        {
            WriteObject(inspector.Complete(finding, vm.Domain, CancellationToken));
        }
    });
}
