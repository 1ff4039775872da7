// Real kills while a guest is suspended: whenever the process ends, the guest continues in the same boot, and undo leads back.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Journal;

[Trait("Category", "Lab")]
[Collection(FirstGuest.Name)]
public sealed class SuspendKillTests(ITestOutputHelper output)
{
    private static readonly int Moments = Tier.Rounds(100);

    // The guest's uptime at the last reading.
    private double _uptime;

    [SkippableTheory]
    [InlineData(ChangeStep.Saved, false)]
    [InlineData(ChangeStep.SavedStateEdited, true)]
    public Task A_guest_goes_on_after_a_kill_at_a_step(ChangeStep step, bool startedByLibvirt) => KillAtAsync(step, startedByLibvirt);

    [SkippableTheory]
    [Trait(Tier.Trait, Tier.All)]
    [InlineData(ChangeStep.Intended, false)]
    [InlineData(ChangeStep.Defined, false)]
    [InlineData(ChangeStep.Saving, false)]
    [InlineData(ChangeStep.Saved, true)]
    [InlineData(ChangeStep.SavedStateEdited, false)]
    [InlineData(ChangeStep.Started, false)]
    [InlineData(ChangeStep.Verified, false)]
    public Task A_guest_goes_on_after_a_kill_at_any_step(ChangeStep step, bool startedByLibvirt) => KillAtAsync(step, startedByLibvirt);

    [SkippableFact]
    [Trait(Tier.Trait, Tier.All)]
    public async Task A_guest_goes_on_after_a_kill_at_random_moments()
    {
        var seed = Random.Shared.Next();
        var chance = new Random(seed);
        using var lab = LabGuest.Open("lab1");
        var boot = await BootAsync(lab);
        var before = Configured(lab.Domain);
        using var host = new HostConnection(lab.Domain.Connection.Uri);
        var whole = TimeSpan.Zero;
        var killed = new SortedDictionary<ChangeStep, int>();
        var last = "none";
        for (var moment = 0; moment < Moments; moment++)
        {
            using var folder = new JournalFolder();
            // Between its intent and its end; the first change is not killed and measures the whole time.
            var after = moment == 0 ? Timeout.InfiniteTimeSpan : whole * chance.NextDouble();
            using (var child = TuningChild.Start("kill", host.Uri, lab.Domain.Id.ToString(), folder.Path, "none", nameof(ChangeStep.Verified), nameof(RestartBy.Suspend)))
            {
                Assert.Equal(nameof(ChangeStep.Intended), await child.StandardOutput.ReadLineAsync());
                var clock = Stopwatch.StartNew();
                await Task.WhenAny(child.WaitForExitAsync(), Task.Delay(after));
                whole = moment == 0 ? clock.Elapsed : whole;
                child.Kill();
                await child.WaitForExitAsync();
            }

            var entry = Assert.Single(folder.Journal.Entries(new JournalFilter()));
            var which = string.Create(CultureInfo.InvariantCulture, $"seed {seed}, moment {moment}, {after.TotalSeconds:0.00} of {whole.TotalSeconds:0.00} s, {entry.Step}");
            Assert.True(entry.Outcome == JournalOutcome.Interrupted, $"{which}: {entry.Outcome}, {entry.Explanation} The moment before: {last}. Now configured: {Configured(lab.Domain)}");
            Assert.Contains($"Undo-VMTuning -Id {entry.Id}", entry.Explanation, StringComparison.Ordinal);
            // An entry has no step before the first one after its intent.
            var step = entry.Step ?? ChangeStep.Intended;
            killed[step] = killed.GetValueOrDefault(step) + 1;
            await AssertGoesBackAsync(lab, host, folder, boot, before, which);
            last = which;
        }

        output.WriteLine($"seed {seed}: killed, explained and undone {Moments} times: {string.Join(", ", killed.Select(pair => $"{pair.Key} {pair.Value}"))}");
    }

    [SkippableFact]
    public async Task A_guest_that_does_not_start_with_the_new_definition_goes_on_with_the_old_one()
    {
        using var lab = LabGuest.Open("lab1");
        var vm = lab.Domain;
        var (boot, before) = (await BootAsync(lab), Configured(vm));
        using var folder = new JournalFolder();
        using var host = new HostConnection(vm.Connection.Uri);

        // A missing disk, written into the saved definition right before the start.
        var journal = new StepJournal(folder.Journal, ChangeStep.SavedStateEdited, () => vm.DefineManagedSaveXml(
            vm.GetManagedSaveXml(DomainXmlFlags.Secure).Replace("lab1-data.qcow2", "nowhere.qcow2", StringComparison.Ordinal)));
        var refused = await Assert.ThrowsAsync<KvmTuneException>(() => SuspendAsync(journal, host, vm));

        Assert.Equal(VMRestarter.StartFailed, refused.ErrorId);
        Assert.Contains("goes on with its former ones", refused.Message, StringComparison.Ordinal);
        Assert.Equal(DomainState.Running, vm.GetState());
        Assert.False(vm.HasManagedSave);
        Assert.Equal(before, Configured(vm));
        Assert.Null(Cache(vm.GetXml()));
        Assert.Equal(boot, await BootAsync(lab));
        Assert.Equal(JournalOutcome.TakenBack, folder.Journal.Entries(new JournalFilter()).Single().Outcome);
    }

    [SkippableFact]
    [Trait(Tier.Trait, Tier.All)]
    public async Task A_guest_that_does_not_start_at_all_stays_saved_and_undo_lets_it_go_on()
    {
        using var lab = LabGuest.Open("lab1");
        var vm = lab.Domain;
        var (boot, before) = (await BootAsync(lab), Configured(vm));
        using var folder = new JournalFolder();
        using var host = new HostConnection(vm.Connection.Uri);
        var disk = System.Xml.Linq.XDocument.Parse(before).Descendants("source").Select(source => (string?)source.Attribute("file"))
            .Single(file => file?.EndsWith("lab1-data.qcow2", StringComparison.Ordinal) == true)!;

        var journal = new StepJournal(folder.Journal, ChangeStep.SavedStateEdited, () => File.Move(disk, disk + ".away"));
        try
        {
            var stuck = await Assert.ThrowsAsync<KvmTuneException>(() => SuspendAsync(journal, host, vm));
            Assert.Equal(VMSuspender.NotResumed, stuck.ErrorId);
            Assert.Contains("virsh start lab1", stuck.Message, StringComparison.Ordinal);
            Assert.True(vm.HasManagedSave);
            Assert.Equal(JournalOutcome.Failed, folder.Journal.LastStanding(vm.Id)!.Outcome);
        }
        finally
        {
            File.Move(disk + ".away", disk);
        }

        await AssertGoesBackAsync(lab, host, folder, boot, before, "after the disk came back");
    }

    [SkippableFact]
    [Trait(Tier.Trait, Tier.All)]
    public async Task A_saved_state_that_is_damaged_is_told_and_goes_on_when_it_is_mended()
    {
        using var lab = LabGuest.Open("lab1");
        var vm = lab.Domain;
        var (boot, before) = (await BootAsync(lab), Configured(vm));
        using var folder = new JournalFolder();
        using var host = new HostConnection(vm.Connection.Uri);
        Assert.Empty(await TuningChild.KilledAtAsync(host.Uri, vm.Id, folder.Path, "none", ChangeStep.Saved, RestartBy.Suspend));
        using (var file = File.Open("/var/lib/libvirt/qemu/save/lab1.save", FileMode.Open))
        {
            var first = (byte)file.ReadByte();
            file.Position = 0;
            file.WriteByte((byte)~first);
            file.Flush();
            try
            {
                var stuck = await Assert.ThrowsAsync<KvmTuneException>(() => new TuningUndo(folder.Journal, host, TimeProvider.System)
                    .UndoAsync(folder.Journal.LastStanding(vm.Id)!.Id, new UndoOptions { Restart = true }, CancellationToken.None));

                Assert.Equal(VMSuspender.NotResumed, stuck.ErrorId);
                Assert.Contains("is damaged", stuck.Message, StringComparison.Ordinal);
                Assert.DoesNotContain("Nothing is lost", stuck.Message, StringComparison.Ordinal);
                Assert.True(vm.HasManagedSave);
            }
            finally
            {
                file.Position = 0;
                file.WriteByte(first);
            }
        }

        await AssertGoesBackAsync(lab, host, folder, boot, before, "after it was mended");
    }

    [SkippableFact]
    [Trait(Tier.Trait, Tier.All)]
    public async Task Cancelling_a_save_leaves_the_guest_running()
    {
        using var lab = LabGuest.Open("lab1");
        var vm = lab.Domain;
        var (boot, before) = (await BootAsync(lab), Configured(vm));
        using var folder = new JournalFolder();
        using var host = new HostConnection(vm.Connection.Uri);
        using var cancel = new CancellationTokenSource();
        using var saving = vm.Connection.OnDomainLifecycle(vm, lifecycle =>
        {
            if (lifecycle.Type == DomainLifecycleEventType.Suspended)
            {
                cancel.Cancel();
            }
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => SuspendAsync(folder.Journal, host, vm, cancel.Token));

        Assert.Equal(DomainState.Running, vm.GetState());
        Assert.False(vm.HasManagedSave);
        Assert.Equal(before, Configured(vm));
        Assert.Equal(boot, await BootAsync(lab));
    }

    private static async Task<VMTuningResult> SuspendAsync(IChangeJournal journal, HostConnection host, LibvirtDomain vm, CancellationToken cancellationToken = default)
    {
        using var planner = new VMPlanner(host, vm);
        return await new VMTuner(planner, TimeProvider.System, journal).ApplyAsync(
            planner.Plan(TuningChild.Cache("none"), CancellationToken.None),
            new ApplyOptions { Restart = true, RestartOptions = new RestartOptions { By = RestartBy.Suspend } },
            cancellationToken);
    }

    private async Task KillAtAsync(ChangeStep step, bool startedByLibvirt)
    {
        using var lab = LabGuest.Open("lab1");
        var boot = await BootAsync(lab);
        var before = Configured(lab.Domain);
        using var folder = new JournalFolder();
        using var host = new HostConnection(lab.Domain.Connection.Uri);

        Assert.Empty(await TuningChild.KilledAtAsync(host.Uri, lab.Domain.Id, folder.Path, "none", step, RestartBy.Suspend));

        Assert.Equal(step is ChangeStep.Saved or ChangeStep.SavedStateEdited, lab.Domain.HasManagedSave);
        if (startedByLibvirt)
        {
            // Without this module: a normal start of a VM that is off.
            lab.Domain.Start();
            Assert.Equal(boot, await BootAsync(lab));
            Assert.Equal(step == ChangeStep.SavedStateEdited ? "none" : null, Cache(lab.Domain.GetXml()));
        }

        await AssertGoesBackAsync(lab, host, folder, boot, before, step.ToString());
    }

    // The XML is one of the two, undo leads back, and the guest is in the same boot.
    private async Task AssertGoesBackAsync(LabGuest lab, HostConnection host, JournalFolder folder, string boot, string before, string which)
    {
        var vm = lab.Domain;
        Assert.True(Configured(vm) == before || Cache(Configured(vm)) == "none", which);
        if (folder.Journal.LastStanding(vm.Id) is { } entry)
        {
            Assert.True(entry.Outcome is JournalOutcome.Interrupted or JournalOutcome.Applied or JournalOutcome.Failed, $"{which}: {entry.Explanation}");
            var options = new UndoOptions { Restart = true, RestartOptions = new RestartOptions { By = RestartBy.Suspend } };
            await new TuningUndo(folder.Journal, host, TimeProvider.System).UndoAsync(entry.Id, options, CancellationToken.None);
        }

        Assert.True(vm.IsActive, which);
        Assert.Equal(DomainState.Running, vm.GetState());
        Assert.False(vm.HasManagedSave, which);
        Assert.Equal(before, Configured(vm));
        Assert.Empty(SettingComparer.Pending(DomainSettings.Read(vm.GetXml()), DomainSettings.Read(before), HostReading.OnlineCpus(host)));
        Assert.Equal(boot, await BootAsync(lab));
    }

    private static string Configured(LibvirtDomain vm) => vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private static string? Cache(string xml) => DomainXmlReader.Read(xml).Disks.Single(disk => disk.Target == "vdb").Cache;

    // The kernel's unique id of this boot. An older saved state would have the same id, but not a growing uptime.
    private async Task<string> BootAsync(LabGuest lab)
    {
        await using var channel = await lab.ChannelAsync();
        var command = new GuestCommand("/bin/cat", ["/proc/sys/kernel/random/boot_id", "/proc/uptime"]) { TimeLimit = TimeSpan.FromMinutes(1) };
        var result = await channel.RunAsync(command, CancellationToken.None);
        Assert.True(result.Succeeded, result.StandardError);
        var lines = result.StandardOutput.Split('\n');
        var uptime = double.Parse(lines[1].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.True(uptime > _uptime, $"The guest's uptime went from {_uptime} s back to {uptime} s.");
        _uptime = uptime;
        return lines[0];
    }
}
