// Runs an action of the test when a change has reached a step.
using KvmTune.Tuning;

namespace KvmTune.Tests.Journal;

internal sealed class StepJournal(IChangeJournal journal, ChangeStep when, Action act) : IChangeJournal
{
    public async Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken) =>
        new Record(await journal.HoldAsync(plan, cancellationToken), when, act);

    private sealed class Record(IChangeRecord record, ChangeStep when, Action act) : IChangeRecord
    {
        public long Begin(ChangeIntent intent) => record.Begin(intent);

        public void Reach(ChangeStep step)
        {
            record.Reach(step);
            if (step == when)
            {
                act();
            }
        }

        public VMTuningResult Complete(VMTuningResult result) => record.Complete(result);

        public VMTuningResult CompleteTakenBack(VMTuningResult result) => record.CompleteTakenBack(result);

        public void Fail(Exception exception, bool isTakenBack) => record.Fail(exception, isTakenBack);

        public void Withdraw() => record.Withdraw();

        public void Dispose() => record.Dispose();
    }
}
