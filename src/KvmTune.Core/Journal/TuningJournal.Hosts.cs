// Changes of hosts in the journal: the intent is recorded before and the outcome after, as for a VM.
using System.Text.Json;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <content>Changes of hosts.</content>
public sealed partial class TuningJournal
{
    /// <summary>Makes a change of a host, with a durable intent before it and the outcome after it, while the host is locked.</summary>
    /// <param name="intent">The intent.</param>
    /// <param name="work">Makes the change.</param>
    /// <param name="warn">Takes a warning if the outcome could not be recorded; the change itself was made.</param>
    /// <param name="cancellationToken">Ends the wait for another process.</param>
    /// <exception cref="KvmTuneException">
    /// Another process is changing the host (<c>HostIsBeingTuned</c>), the journal cannot be used (<c>JournalUnavailable</c>; then nothing was
    /// touched), or the work fails.
    /// </exception>
    public async Task<T> RecordHostChangeAsync<T>(HostChangeIntent intent, Func<T> work, Action<string> warn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(intent);
        ArgumentNullException.ThrowIfNull(work);
        var name = VMLock.NameOf(intent.ConnectionUri);
        using var held = await LockAsync(name, cancellationToken) ?? throw new KvmTuneException(
            "HostIsBeingTuned", KvmTuneErrorCategory.ResourceBusy,
            $"{VMLock.Holder(name) ?? "Another process"} is changing the host {intent.ConnectionUri}; '{intent.Title}' did nothing. Try again when it is done.");
        var id = Insert(
            JournalKind.HostChange, JsonSerializer.Serialize(intent, TuningJson.Options), vmId: null, vmName: string.Empty, intent.ConnectionUri,
            TuningArea.Memory, intent.Title, _time.GetUtcNow(), experimentId: null, baselineId: null, intent.Undoes);
        _underWay[id] = true;
        try
        {
            var result = work();
            try
            {
                End(id, JournalOutcome.Applied, restarted: false, error: null, result: null);
                if (intent.Undoes is { } undone)
                {
                    LinkUndone(id, undone);
                }
            }
            catch (KvmTuneException exception)
            {
                warn($"The change was made, but the journal could not record that: {exception.Message} Its entry {id} shows as interrupted, and can be undone.");
            }

            return result;
        }
        catch (Exception exception)
        {
            TryEnd(id, JournalOutcome.Failed, ReasonOf(exception));
            throw;
        }
        finally
        {
            _underWay.TryRemove(id, out _);
        }
    }

    private static string ReasonOf(Exception exception) =>
        exception is OperationCanceledException ? "It was cancelled." : KvmTuneException.Sentence(exception.Message);

    // An entry without an outcome shows as interrupted, which undo can handle.
    private void TryEnd(long id, JournalOutcome outcome, string error)
    {
        try
        {
            End(id, outcome, restarted: false, error, result: null);
        }
        catch (KvmTuneException)
        {
            // The error of the change itself is the one that the caller needs.
        }
    }
}
