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
    protected override void ProcessRecord() => ReadEachVM(VMName, Inspect, Emit);

    private (HostConnection Host, VMInspection Inspection) Inspect(VMTarget vm, CancellationToken cancellationToken) =>
        (vm.Host, InspectorOf(vm.Host).InspectAsync(vm.Domain, cancellationToken).GetAwaiter().GetResult());

    private VMInspector InspectorOf(HostConnection host) => _inspectors.GetOrAdd(host, static host => new VMInspector(host, TimeProvider.System));

    // What a pipeline did with the findings before may change what is seen, and each plan.
    private void Emit((HostConnection Host, VMInspection Inspection) read)
    {
        var (host, inspection) = read;
        var inspector = InspectorOf(host);
        if (!inspector.IsCurrent(inspection))
        {
            using var domain = host.Read().LookupByUuid(inspection.VMId);
            inspection = Await((_, token) => inspector.InspectAsync(domain, token));
        }

        if (inspection.Findings.Count == 0)
        {
            WriteVerbose($"{inspection.VMName}: no findings: leave it alone");
        }

        for (var index = 0; index < inspection.Findings.Count; index++)
        {
            WriteObject(inspector.IsCurrent(inspection) ? inspection.Findings[index] : Anew(host, inspection, index));
        }
    }

    private VMTuningFinding Anew(HostConnection host, VMInspection inspection, int index)
    {
        using var domain = host.Read().LookupByUuid(inspection.VMId);
        return InspectorOf(host).Complete(inspection.Detected[index], domain, CancellationToken);
    }
}
