// Detects changes that a script block made to a VM directly although it should only plan, and takes them back.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Experiments;

/// <summary>The configuration of a VM at one moment, and the way back to it.</summary>
public sealed class VMStateGuard
{
    private readonly HostConnection _host;
    private readonly LibvirtDomain _domain;
    private readonly VMSnapshot _before;

    /// <summary>Records the VM's present state.</summary>
    /// <param name="host">The host.</param>
    /// <param name="domain">The VM, on a writable connection; it stays the caller's.</param>
    public VMStateGuard(HostConnection host, LibvirtDomain domain)
    {
        (_host, _domain) = (host, domain);
        _before = VMReading.Snapshot(domain);
    }

    /// <summary>Takes back all later changes: the whole persistent configuration, and the pins of the running VM.</summary>
    /// <returns>The changes in words; empty for none. A change that could not be taken back is marked.</returns>
    public async Task<IReadOnlyList<string>> TakeBackAsync(CancellationToken cancellationToken)
    {
        var now = VMReading.Snapshot(_domain);
        var changed = new List<string>();
        if (_before.Persistent is { } before && now.Persistent is { } after && !string.Equals(before.ToXml(), after.ToXml(), StringComparison.Ordinal))
        {
            var differences = SettingComparer.Compare(before.Settings, after.Settings);
            changed.AddRange(differences.Count > 0 ? differences.Select(difference => difference.ToString()) : ["something in the persistent configuration"]);
            using (_host.Write().DefineXml(before.ToXml(), validate: true))
            {
                // Disposes the new handle: this object already has one for the VM.
            }
        }

        if (_before.Running is { } ran && now.Running is { } runs)
        {
            changed.AddRange(await TakeBackRunningAsync(ran, runs, cancellationToken));
        }

        return changed.Distinct(StringComparer.Ordinal).ToList();
    }

    private async Task<IEnumerable<string>> TakeBackRunningAsync(DomainDocument before, DomainDocument now, CancellationToken cancellationToken)
    {
        var hostCpus = HostReading.OnlineCpus(_host);
        var differences = SettingComparer.Compare(before.Settings, now.Settings, hostCpus);
        if (differences.Count == 0)
        {
            return [];
        }

        using var planner = new VMPlanner(_host, _domain);
        var tuner = new VMTuner(planner, TimeProvider.System, new NoJournal());
        var none = new Dictionary<int, CpuSet?>();
        foreach (var kind in new PinChange[]
        {
            new VcpuPinChange { Scope = ChangeScope.Live, Pins = none },
            new EmulatorPinChange { Scope = ChangeScope.Live, Pins = none },
            new IOThreadPinChange { Scope = ChangeScope.Live, Pins = none, HostCpus = hostCpus },
        })
        {
            if (Differing(kind, before.ToConfiguration(), now.ToConfiguration()) is { Pins.Count: > 0 } change)
            {
                await tuner.ApplyAsync(planner.Plan(change, cancellationToken), new ApplyOptions(), cancellationToken);
            }
        }

        var stillDiffering = VMReading.Running(_domain) is { } left ? SettingComparer.Compare(before.Settings, left.Settings, hostCpus) : [];
        return differences.Select(difference => stillDiffering.Contains(difference) ? $"{difference} (in the running VM, where it still is)" : difference.ToString());
    }

    // The pins of one kind that differ, with their earlier values.
    private static PinChange Differing(PinChange kind, VMConfiguration before, VMConfiguration now)
    {
        var (was, isNow) = (kind.PinsOf(before), kind.PinsOf(now));
        return kind with
        {
            Pins = was.Keys.Union(isNow.Keys)
                .Where(number => !Equals(was.GetValueOrDefault(number), isNow.GetValueOrDefault(number)))
                .ToDictionary(number => number, number => was.GetValueOrDefault(number)),
        };
    }
}
