// The journal of a program that uses the engine as a library and keeps no record: nothing is written, and no VM is held.
namespace KvmTune.Tuning;

/// <summary>Records nothing. What is changed so can be undone only by the result's own <see cref="VMTuningResult.Inverse"/>.</summary>
public sealed class NoJournal : IChangeJournal
{
    /// <inheritdoc/>
    public Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken) => Task.FromResult<IChangeRecord>(new NoRecord());

    private sealed class NoRecord : IChangeRecord
    {
        public long Begin(ChangeIntent intent) => 0;

        public void Reach(ChangeStep step)
        {
            // Nobody asks how far it came.
        }

        public VMTuningResult Complete(VMTuningResult result) => result with { JournalId = null };

        public VMTuningResult CompleteTakenBack(VMTuningResult result) => Complete(result);

        public void Fail(Exception exception, bool isTakenBack)
        {
            // The exception itself is all there is.
        }

        public void Withdraw()
        {
            // There is no entry.
        }

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
