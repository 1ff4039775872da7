// Completers that read the journal: its VMs, its checkpoints, and its changes by id.
using System.Collections;
using System.Globalization;
using KvmTune.Cmdlets.Common;
using KvmTune.Journal;

namespace KvmTune.Cmdlets.Completion;

/// <summary>The VMs of the journal, including VMs that no longer exist.</summary>
public sealed class JournalVMNameCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        Journals.Current.KnownVMs().Select(vm => new Candidate(vm.Name, $"{vm.Name} ({vm.Id})"))
            .DistinctBy(candidate => candidate.Value, StringComparer.Ordinal).OrderBy(candidate => candidate.Value, StringComparer.OrdinalIgnoreCase);
}

/// <summary>The checkpoints of the VM, or of all VMs.</summary>
public sealed class CheckpointNameCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters)
    {
        var vm = (boundParameters["VMName"] ?? boundParameters["VM"])?.ToString();
        return Journals.Current.Entries(new JournalFilter { Kind = JournalKind.Checkpoint }, static _ => { })
            .Where(entry => vm is null or "" || string.Equals(entry.VMName, vm, StringComparison.OrdinalIgnoreCase))
            .GroupBy(entry => entry.Title, StringComparer.Ordinal)
            .Select(named => new Candidate(named.Key, $"{string.Join(", ", named.Select(entry => entry.VMName))}, {Formatting.Moment(named.Last().StartedAt)}"));
    }
}

/// <summary>The changes in the journal by their ids, or the entries of the kind that the line names, the newest first.</summary>
public sealed class JournalIdCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        Journals.Current.Entries(new JournalFilter { Kind = KindOf(boundParameters), IsBrief = true }, static _ => { }).Reverse().Select(entry => new Candidate(
            entry.Id.ToString(CultureInfo.InvariantCulture), $"{entry.VMName}: {entry.Title} ({entry.Outcome}, {Formatting.Moment(entry.StartedAt)})"));

    private static JournalKind? KindOf(IDictionary boundParameters) =>
        Enum.TryParse<JournalKind>(boundParameters["Kind"]?.ToString(), ignoreCase: true, out var kind) ? kind : null;
}

/// <summary>The experiments in the journal, the newest first.</summary>
public sealed class ExperimentIdCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        Journals.Current.Entries(new JournalFilter { IsBrief = true }, static _ => { }).Reverse().Where(entry => entry.ExperimentId is not null).DistinctBy(entry => entry.ExperimentId)
            .Select(entry => new Candidate(entry.ExperimentId.ToString()!, $"{entry.VMName}: {entry.Title} ({Formatting.Moment(entry.StartedAt)})"));
}
