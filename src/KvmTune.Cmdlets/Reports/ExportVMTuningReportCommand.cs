// Export-VMTuningReport: one HTML file with the changes, the measurements, and the conclusions.
using System.Management.Automation;
using System.Text;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Experiments;
using KvmTune.Reports;

namespace KvmTune.Cmdlets.Reports;

/// <summary>
/// Writes the report of VMs' histories, or of experiments from the pipeline. A VM need not exist any more: the report uses only the journal or
/// the experiment.
/// </summary>
[Cmdlet(VerbsData.Export, "VMTuningReport", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportVMTuningReportCommand : CancellableCmdlet
{
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);

    /// <summary>The VMs whose history is reported: names, wildcards, UUIDs, or objects of this module. Experiments are reported directly.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(JournalVMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>The file to write; or an existing folder, which gets one file for each VM.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = string.Empty;

    /// <summary>Overwrites an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var reference in VMName)
        {
            Try(reference.Name, () =>
            {
                var now = TimeProvider.System.GetLocalNow();
                if (reference.Source is VMExperiment experiment)
                {
                    Write(TuningReportReader.OfExperiment(experiment, now));
                    return;
                }

                foreach (var id in Find(reference))
                {
                    Try(reference.Name, () => Write(TuningReportReader.OfHistory(Journals.Current, id, now)));
                }
            });
        }
    }

    private static List<Guid> Find(VMReference reference)
    {
        // A VM that no longer exists still has history, so this searches the journal and not a host.
        var known = Journals.Current.KnownVMs().Where(vm => reference.Means(vm.Name, vm.Id)).Select(vm => vm.Id).Distinct().ToList();
        return known.Count > 0 || WildcardPattern.ContainsWildcardCharacters(reference.Name)
            ? known
            : throw TuningReportReader.HistoryEmpty(reference.Name, Journals.Current);
    }

    private void Write(TuningReport report)
    {
        var path = GetUnresolvedProviderPathFromPSPath(Path);
        if (Directory.Exists(path))
        {
            path = System.IO.Path.Combine(path, $"{FileName(report.VMName)}.html");
        }

        if (_written.Contains(path))
        {
            throw new KvmTuneException(
                "ReportPathTaken", KvmTuneErrorCategory.InvalidArgument,
                $"'{path}' already holds the report of another object of this pipeline, so the report of '{report.VMName}' was not written. Give a folder as -Path to get one file for each VM, or use one call for each object.");
        }

        if (File.Exists(path) && !Force)
        {
            throw new KvmTuneException("ReportExists", KvmTuneErrorCategory.InvalidArgument, $"The file '{path}' exists already. Name another one, or add -Force to overwrite it.");
        }

        if (!ShouldProcess(path, $"write the report of '{report.VMName}'"))
        {
            return;
        }

        try
        {
            File.WriteAllText(path, ReportPage.Render(report), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new KvmTuneException("ReportNotWritten", KvmTuneErrorCategory.ResourceUnavailable, $"The report cannot be written to '{path}': {exception.Message}", exception);
        }

        _written.Add(path);
        // Emits the same object as Get-Item, so that the table shows the mode and the owner.
        WriteObject(InvokeProvider.Item.Get([path], force: true, literalPath: true), enumerateCollection: true);
    }

    private static string FileName(string vm)
    {
        var name = string.Join('_', vm.Split(System.IO.Path.GetInvalidFileNameChars()));
        return name.TrimStart('.').Length == 0 ? "vm" : name;
    }
}
