// Real kills on a real guest: the process that changes it is killed with SIGKILL, and undo restores the guest, running and configured.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Journal;

[Trait("Category", "Lab")]
[Collection(FirstGuest.Name)]
public sealed class LabKillTests
{
    private static readonly int Rounds = Tier.Rounds(200);

    [SkippableTheory]
    [InlineData("pin", ChangeStep.Intended)]
    [InlineData("pin", ChangeStep.Defined)]
    [InlineData("pin", ChangeStep.MadeLive)]
    [InlineData("pin", ChangeStep.Verified)]
    [InlineData("none", ChangeStep.ShuttingDown)]
    [InlineData("none", ChangeStep.ShutDown)]
    [InlineData("none", ChangeStep.Started)]
    public async Task A_killed_change_of_a_running_guest_is_taken_back_in_full(string change, ChangeStep step)
    {
        using var lab = await ReadyAsync();
        var vm = lab.Domain;
        using var folder = new JournalFolder();
        using var host = new HostConnection(vm.Connection.Uri);
        var before = vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

        Assert.Empty(await TuningChild.KilledAtAsync(host.Uri, vm.Id, folder.Path, change, step));

        var entry = folder.Journal.LastStanding(vm.Id)!;
        Assert.Equal(JournalOutcome.Interrupted, entry.Outcome);
        await new TuningUndo(folder.Journal, host, TimeProvider.System).UndoAsync(entry.Id, new UndoOptions { Restart = true }, CancellationToken.None);

        Assert.Equal(before, vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure));
        Assert.True(vm.IsActive);
        Assert.Empty(SettingComparer.Pending(DomainSettings.Read(vm.GetXml()), DomainSettings.Read(before), HostReading.OnlineCpus(host)));
        Assert.NotNull(folder.Journal.Find(entry.Id).UndoneAt);
    }

    [SkippableFact]
    public async Task A_define_that_the_daemon_finishes_after_the_kill_is_taken_back_too()
    {
        using var lab = await ReadyAsync();
        var vm = lab.Domain;
        using var host = new HostConnection(vm.Connection.Uri);
        var before = vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);
        var rounds = Tier.Rounds(40);
        for (var round = 0; round < rounds; round++)
        {
            using var folder = new JournalFolder();
            using (var child = TuningChild.Start("kill", host.Uri, vm.Id.ToString(), folder.Path, "pin", nameof(ChangeStep.Verified), nameof(RestartBy.Reboot)))
            {
                Assert.Equal(nameof(ChangeStep.Intended), await child.StandardOutput.ReadLineAsync());
                // While libvirt validates the document.
                await Task.Delay(60 * round / rounds);
                child.Kill();
                await child.WaitForExitAsync();
            }

            var entry = folder.Journal.LastStanding(vm.Id)!;
            await new TuningUndo(folder.Journal, host, TimeProvider.System).UndoAsync(entry.Id, new UndoOptions(), CancellationToken.None);

            await Task.Delay(TimeSpan.FromSeconds(1));
            Assert.True(before == vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure), $"killed {60 * round / rounds} ms after the intent");
        }
    }

    [SkippableFact]
    public async Task Two_processes_fight_over_one_guest_and_lose_no_change()
    {
        using var lab = await ReadyAsync();
        var vm = lab.Domain;
        using var folder = new JournalFolder();
        using var host = new HostConnection(vm.Connection.Uri);
        var before = vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);
        var rounds = Rounds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            using var first = TuningChild.Start("fight", host.Uri, vm.Id.ToString(), folder.Path, "0 1", rounds);
            using var second = TuningChild.Start("fight", host.Uri, vm.Id.ToString(), folder.Path, "1 0-1", rounds);
            await Task.WhenAll(first.WaitForExitAsync(), second.WaitForExitAsync());
            Assert.True(first.ExitCode == 0 && second.ExitCode == 0, await first.StandardError.ReadToEndAsync() + await second.StandardError.ReadToEndAsync());

            string? state = null;
            foreach (var entry in folder.Journal.Entries(new JournalFilter()))
            {
                // The guest runs, and a setting that is only configured waits for its restart.
                Assert.True(entry.Outcome is JournalOutcome.Applied or JournalOutcome.RestartPending, $"{entry.Id}: {entry.Explanation}");
                Assert.Equal(state, entry.Differences[0].Before);
                Assert.All(entry.Differences, difference => Assert.Equal(entry.Differences[0].After, difference.After));
                state = entry.Differences[0].After;
            }

            Assert.Equal(state, DomainXmlReader.Read(vm.GetXml(DomainXmlFlags.Inactive)).VcpuPins[0].ToString());
        }
        finally
        {
            using (host.Write().DefineXml(before, validate: true))
            {
                // Back to the original state.
            }
        }
    }

    // A guest that still boots does not react to a shutdown request.
    private static async Task<LabGuest> ReadyAsync()
    {
        var lab = LabGuest.Open("lab1");
        await (await lab.ChannelAsync()).DisposeAsync();
        return lab;
    }
}
