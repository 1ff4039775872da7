// A process that changes a VM, to be killed or to compete with another one: a test starts this assembly again.
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tests.Journal;

/// <summary>The child's code and the test's code for it.</summary>
internal static partial class TuningChild
{
    /// <summary>Starts a child.</summary>
    /// <param name="arguments">Its task; see <see cref="Main"/>.</param>
    public static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(
        "dotnet", ["exec", typeof(TuningChild).Assembly.Location, .. arguments])
    {
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    /// <summary>Starts a child that makes a change and is killed at a step; returns how it ended.</summary>
    public static async Task<string> KilledAtAsync(
        string uri, Guid vmId, string folder, string change, ChangeStep step, RestartBy by = RestartBy.Reboot)
    {
        using var child = Start("kill", uri, vmId.ToString(), folder, change, step.ToString(), by.ToString());
        var errors = child.StandardError.ReadToEndAsync();
        await child.WaitForExitAsync();
        return child.ExitCode == 128 + 9 ? string.Empty : $"ended with {child.ExitCode.ToString(CultureInfo.InvariantCulture)}: {await errors}";
    }

    /// <summary>
    /// kill URI VM FOLDER CHANGE STEP BY: makes one change, with that kind of restart if it needs one, prints each step when it is reached, and kills
    /// itself at the given step.
    /// switch URI VM FOLDER: switches a pin there and back without end, and prints its start, to be killed at any moment.
    /// fight URI VM FOLDER PINS ROUNDS: makes as many changes as rounds, pinning both vCPUs to each of the host CPUs in turn.
    /// </summary>
    public static async Task<int> Main(string[] arguments)
    {
        using var host = new HostConnection(arguments[1]);
        using var journal = new TuningJournal(arguments[3], TimeProvider.System) { Wait = TimeSpan.FromMinutes(2) };
        using var domain = host.Write().TryLookupByUuid(Guid.Parse(arguments[2]))!;
        if (arguments[0] == "kill")
        {
            var tuner = new VMTuner(new VMPlanner(host, domain), TimeProvider.System, new KillingJournal(journal, Enum.Parse<ChangeStep>(arguments[5])));
            var restart = arguments[4] != "pin";
            VMChange change = restart ? Cache(arguments[4]) : Pin("0", ChangeScope.Auto);
            await tuner.ApplyAsync(tuner.Planner.Plan(change), new ApplyOptions { Restart = restart, RestartOptions = new RestartOptions { By = Enum.Parse<RestartBy>(arguments[6]) } }, CancellationToken.None);
            return 0;
        }

        if (arguments[0] == "switch")
        {
            var tuner = new VMTuner(new VMPlanner(host, domain), TimeProvider.System, journal);
            using var live = await tuner.OpenSwitchAsync(tuner.Planner.Plan(Pin("0", ChangeScope.Auto)), new ApplyOptions(), CancellationToken.None);
            await Console.Out.WriteLineAsync("switching");
            while (true)
            {
                live.To(isCandidate: true);
                live.To(isCandidate: false);
            }
        }

        var pins = arguments[4].Split(' ');
        for (var round = 0; round < int.Parse(arguments[5], CultureInfo.InvariantCulture); round++)
        {
            await FightAsync(new VMTuner(new VMPlanner(host, domain), TimeProvider.System, journal), Pin(pins[round % pins.Length], ChangeScope.Config));
        }

        return 0;
    }

    /// <summary>Sets a disk's cache mode.</summary>
    public static DiskDriverChange Cache(string cache) => new()
    {
        Disk = "vdb",
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache },
    };

    private static VcpuPinChange Pin(string cpus, ChangeScope scope) => new()
    {
        Scope = scope,
        Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(cpus), [1] = new CpuSet(cpus) },
    };

    // The second process gets an error, because the settings of its plan have changed, and plans again.
    private static async Task FightAsync(VMTuner tuner, VMChange change)
    {
        while (true)
        {
            try
            {
                await tuner.ApplyAsync(tuner.Planner.Plan(change), new ApplyOptions(), CancellationToken.None);
                return;
            }
            catch (KvmTuneException exception) when (exception.ErrorId == "ConcurrentEdit")
            {
                // Try again.
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);

    private sealed class KillingJournal(IChangeJournal journal, ChangeStep step) : IChangeJournal
    {
        public async Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken) =>
            new KillingRecord(await journal.HoldAsync(plan, cancellationToken), step);
    }

    private sealed class KillingRecord(IChangeRecord record, ChangeStep last) : IChangeRecord
    {
        public long Begin(ChangeIntent intent) => record.Begin(intent);

        public void Reach(ChangeStep step)
        {
            record.Reach(step);
            Console.Out.WriteLine(step);
            if (step == last)
            {
                if (Kill(Environment.ProcessId, 9) == 0)
                {
                    Thread.Sleep(Timeout.Infinite);
                }
            }
        }

        public VMTuningResult Complete(VMTuningResult result) => record.Complete(result);

        public VMTuningResult CompleteTakenBack(VMTuningResult result) => record.CompleteTakenBack(result);

        public void Fail(Exception exception, bool isTakenBack) => record.Fail(exception, isTakenBack);

        public void Withdraw() => record.Withdraw();

        public void Dispose() => record.Dispose();
    }
}
