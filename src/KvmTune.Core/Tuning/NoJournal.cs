// The journal for a program that uses the engine as a library and keeps no record: it writes nothing and holds no VM.
namespace KvmTune.Tuning;

/// <summary>Records nothing. Only the result's own <see cref="VMTuningResult.Inverse"/> can undo a change.</summary>
public sealed class NoJournal : IChangeJournal
{
    /// <inheritdoc/>
    public Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken) => Task.FromResult<IChangeRecord>(new NoRecord());

    private sealed class NoRecord : IChangeRecord
    {
        public long Begin(ChangeIntent intent) => 0;

        public void Reach(ChangeStep step)
        {
            // Nobody reads the steps.
        }

        public VMTuningResult Complete(VMTuningResult result) => result with { JournalId = null };

        public VMTuningResult CompleteTakenBack(VMTuningResult result) => Complete(result);

        public void Fail(Exception exception, bool isTakenBack)
        {
            // The caller has the exception.
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
