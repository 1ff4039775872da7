// Changes of hosts in the journal: the same intent before and outcome after as for a VM.
using System.Text.Json;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <content>Changes of hosts.</content>
public sealed partial class TuningJournal
{
    /// <summary>Makes a change of a host: its intent is durable before, its outcome is recorded after, and no other process changes the host meanwhile.</summary>
    /// <param name="intent">What is going to be done.</param>
    /// <param name="work">Does it.</param>
    /// <param name="warn">Takes a sentence where the outcome could not be recorded: what was done is done.</param>
    /// <param name="cancellationToken">Ends the wait for another process.</param>
    /// <exception cref="KvmTuneException">
    /// Another process is changing the host (<c>HostIsBeingTuned</c>), the journal cannot be used (<c>JournalUnavailable</c>; nothing was
    /// touched then), or what the work throws.
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
            TryEnd(id, JournalOutcome.Failed, exception.Message);
            throw;
        }
        finally
        {
            _underWay.TryRemove(id, out _);
        }
    }

    // What is left without an outcome shows as interrupted, which undo understands.
    private void TryEnd(long id, JournalOutcome outcome, string error)
    {
        try
        {
            End(id, outcome, restarted: false, error, result: null);
        }
        catch (KvmTuneException)
        {
            // The error that the caller is about to see is the one that counts.
        }
    }
}
