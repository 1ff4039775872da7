// Returns a VM's tunable settings to a recorded state, for Restore-VMTuning.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// Sets many settings of all areas. If only pins differ, a running VM takes them at once; otherwise all settings come into force at
/// the next start. Create it with <see cref="To(TuningState, string, DomainDocument)"/>.
/// </summary>
public sealed record TuningStateChange : VMChange
{
    private static readonly Setting[] All = [.. SettingCatalog.All.Where(setting => setting.IsTunable)];
    private static readonly Setting[] PinSettings = [.. All.Where(setting => setting.Running == RunningForm.Pin)];

    /// <summary>The name of the state, for example <c>checkpoint 'before'</c>.</summary>
    public required string Label { get; init; }

    /// <summary>The settings, in the order in which they are set; null for "not set".</summary>
    public required IReadOnlyList<SettingValue> Values { get; init => field = Items.Of(value); }

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.General;

    /// <inheritdoc/>
    public override bool CanBeLive => Values.Count > 0 && Values.All(setting => SettingCatalog.Find(setting.Path) is { } kind && PinSettings.Contains(kind));

    /// <inheritdoc/>
    public override bool IsReturn => true;

    /// <inheritdoc/>
    public override string Title => $"tuning state of {Label}";

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => Values;

    /// <summary>The change that returns a VM to a state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="label">The name of the state.</param>
    /// <param name="document">The VM's persistent configuration.</param>
    public static TuningStateChange To(TuningState state, string label, DomainDocument document)
    {
        ArgumentNullException.ThrowIfNull(state);
        return new TuningStateChange
        {
            Label = label,
            Values = state.ChangesOf(document),
            Trace = state.NamesIOThreads == false ? EditTrace.WithoutThreadIds : null,
        };
    }

    /// <summary>The change that returns a running VM to a state: also settings that only the running VM has otherwise.</summary>
    /// <param name="state">The state.</param>
    /// <param name="label">The name of the state.</param>
    /// <param name="document">The VM's persistent configuration.</param>
    /// <param name="running">The document of the running VM.</param>
    /// <param name="hostCpus">All host CPUs.</param>
    public static TuningStateChange To(TuningState state, string label, DomainDocument document, DomainDocument running, CpuSet hostCpus)
    {
        ArgumentNullException.ThrowIfNull(document);
        var change = To(state, label, document);
        var after = document.Copy();
        change.Edit(after);
        return change with { Values = [.. change.Values, .. state.NotInForce(running, after, hostCpus).ExceptBy(change.Values.Select(setting => setting.Path), setting => setting.Path)] };
    }

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => All;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        // The settings do not include devices that were removed since.
    }

    /// <inheritdoc/>
    public override void ApplyLive(LiveTarget target)
    {
        foreach (var pins in PinChanges(target))
        {
            pins.ApplyLive(target);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> VerifyLive(LiveTarget target) => [.. PinChanges(target).SelectMany(pins => pins.VerifyLive(target))];

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after) =>
        live ? [.. PinChanges(null).SelectMany(pins => pins.VirshCommands(vm, live, config, before, after))] : base.VirshCommands(vm, live, config, before, after);

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) =>
        this with { Label = $"before {Label}", Values = [.. Values.Select(setting => setting with { Value = valueOf(setting.Path) })] };

    private IEnumerable<PinChange> PinChanges(LiveTarget? target)
    {
        foreach (var kind in Values.GroupBy(setting => setting.Path.Elements[^1].Name, StringComparer.Ordinal))
        {
            var pins = kind.ToDictionary(setting => NumberOf(setting.Path.Elements[^1]), setting => setting.Value is { } list ? new CpuSet(list) : null);
            yield return kind.Key switch
            {
                "vcpupin" => new VcpuPinChange { Pins = pins },
                "iothreadpin" => new IOThreadPinChange { Pins = pins, HostCpus = target?.HostCpus ?? CpuSet.Empty },
                "emulatorpin" => new EmulatorPinChange { Pins = pins },
                _ => throw new InvalidOperationException($"<{kind.Key}> is a pin in the catalog that {nameof(TuningStateChange)} cannot make live."),
            };
        }
    }

    private static int NumberOf(SettingElement pin) => pin.KeyValue is null ? EmulatorPinChange.Emulator : int.Parse(pin.KeyValue, CultureInfo.InvariantCulture);
}
