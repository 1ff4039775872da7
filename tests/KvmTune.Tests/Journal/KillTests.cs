// The process that changes a VM is killed with SIGKILL: the journal explains the VM's state, and undo restores it. The VM is in the test's own
// libvirtd with the test driver behind it, so that it survives the killed process.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Tests.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class KillTests
{
    private static readonly int Rounds = Tier.Rounds(200);

    [SkippableTheory]
    [InlineData(ChangeStep.Intended)]
    [InlineData(ChangeStep.Defined)]
    [InlineData(ChangeStep.ShuttingDown)]
    [InlineData(ChangeStep.ShutDown)]
    [InlineData(ChangeStep.Started)]
    [InlineData(ChangeStep.Verified)]
    public async Task A_change_that_was_killed_after_a_step_is_explained_and_undone(ChangeStep step)
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "There is no libvirtd to start.");
        using var daemon = PrivateDaemon.Start();
        using var folder = new JournalFolder();
        using var host = new HostConnection(daemon.Uri);
        using var vm = Define(host);
        vm.Start();
        var before = vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

        Assert.Empty(await TuningChild.KilledAtAsync(daemon.Uri, vm.Id, folder.Path, "none", step));

        var entry = folder.Journal.LastStanding(vm.Id)!;
        Assert.Equal(JournalOutcome.Interrupted, entry.Outcome);
        Assert.Contains($"Undo-VMTuning -Id {entry.Id}", entry.Explanation, StringComparison.Ordinal);
        Assert.Equal(step == ChangeStep.Intended, vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure) == before);
        await new TuningUndo(folder.Journal, host, TimeProvider.System).UndoAsync(entry.Id, new UndoOptions { Restart = true }, CancellationToken.None);

        Assert.Equal(before, vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure));
        Assert.True(vm.IsActive);
        Assert.DoesNotContain("cache=", vm.GetXml(), StringComparison.Ordinal);
        Assert.NotNull(folder.Journal.Find(entry.Id).UndoneAt);
        Assert.Null(folder.Journal.LastStanding(vm.Id));
    }

    [SkippableFact]
    public async Task A_change_that_is_switched_to_and_fro_is_taken_back_by_one_undo_whenever_it_was_killed()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "There is no libvirtd to start.");
        using var daemon = PrivateDaemon.Start();
        using var host = new HostConnection(daemon.Uri);
        using var vm = Define(host);
        vm.Start();
        var configured = vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);
        var chance = new Random(16);
        for (var round = 0; round < Tier.Rounds(50); round++)
        {
            using var folder = new JournalFolder();
            using (var child = TuningChild.Start("switch", daemon.Uri, vm.Id.ToString(), folder.Path))
            {
                Assert.Equal("switching", await child.StandardOutput.ReadLineAsync());
                await Task.Delay(TimeSpan.FromMilliseconds(chance.Next(50)));
                child.Kill();
                await child.WaitForExitAsync();
            }

            var entry = Assert.Single(folder.Journal.Entries(new JournalFilter()));
            Assert.Equal(JournalOutcome.Interrupted, entry.Outcome);
            await new TuningUndo(folder.Journal, host, TimeProvider.System).UndoAsync(entry.Id, new UndoOptions(), CancellationToken.None);

            Assert.Equal(configured, vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure));
            Assert.Empty(SettingComparer.Pending(DomainSettings.Read(vm.GetXml()), DomainSettings.Read(configured), HostReading.OnlineCpus(host)));
            Assert.NotNull(folder.Journal.Find(entry.Id).UndoneAt);
        }
    }

    [SkippableFact]
    public async Task Two_processes_that_fight_over_one_vm_lose_no_change_and_mix_none()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "There is no libvirtd to start.");
        using var daemon = PrivateDaemon.Start();
        using var folder = new JournalFolder();
        using var host = new HostConnection(daemon.Uri);
        using var vm = Define(host);
        var rounds = Rounds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using var first = TuningChild.Start("fight", daemon.Uri, vm.Id.ToString(), folder.Path, "0 2", rounds);
        using var second = TuningChild.Start("fight", daemon.Uri, vm.Id.ToString(), folder.Path, "4 0,2", rounds);
        var both = Task.WhenAll(first.WaitForExitAsync(), second.WaitForExitAsync());
        while (!both.IsCompleted)
        {
            var pins = DomainXmlReader.Read(vm.GetXml(DomainXmlFlags.Inactive)).VcpuPins;
            Assert.True(pins.Count == 0 || (pins.Count == 2 && pins[0] == pins[1]), $"A state that neither made: {string.Join(", ", pins)}");
            await Task.WhenAny(both, Task.Delay(1));
        }

        Assert.True(first.ExitCode == 0 && second.ExitCode == 0, await first.StandardError.ReadToEndAsync() + await second.StandardError.ReadToEndAsync());
        var entries = folder.Journal.Entries(new JournalFilter());
        Assert.All(entries, entry => Assert.Equal(JournalOutcome.Applied, entry.Outcome));

        // Each change began with the state after the one before it, and the VM has the state after the last one.
        var state = "(not set)";
        foreach (var entry in entries)
        {
            var difference = entry.Differences[0];
            Assert.Equal(state, difference.Before ?? "(not set)");
            state = difference.After!;
        }

        Assert.Equal(state, DomainXmlReader.Read(vm.GetXml(DomainXmlFlags.Inactive)).VcpuPins[0].ToString());
        Assert.InRange(entries.Count, Rounds, 2 * Rounds);
    }

    [SkippableFact]
    public async Task A_daemon_that_dies_in_the_middle_leaves_an_entry_that_says_so()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "There is no libvirtd to start.");
        using var daemon = PrivateDaemon.Start();
        using var folder = new JournalFolder();
        using var host = new HostConnection(daemon.Uri);
        using var vm = Define(host);
        var tuner = new VMTuner(new VMPlanner(host, vm), TimeProvider.System, new StepJournal(folder.Journal, ChangeStep.Intended, daemon.Kill));

        await Assert.ThrowsAsync<KvmTuneException>(() => tuner.ApplyAsync(
            tuner.Planner.Plan(TuningChild.Cache("none")), new ApplyOptions(), CancellationToken.None));

        var entry = folder.Journal.LastStanding(vm.Id)!;
        Assert.Equal(JournalOutcome.Failed, entry.Outcome);
        Assert.Contains("may be left", entry.Explanation, StringComparison.Ordinal);
    }

    private static LibvirtDomain Define(HostConnection host) => host.Write().DefineXml(
        $"""
        <domain type='test'><name>killed {Guid.NewGuid():N}</name><memory>1024</memory><vcpu>2</vcpu><os><type>hvm</type></os><devices>
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vdb' bus='virtio'/></disk></devices></domain>
        """,
        validate: false);
}
