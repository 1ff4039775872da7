// One kind of setting: its address in the domain XML, its name for users, and how it can be changed.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Whether a running VM can take another value of a setting.</summary>
[JsonText(typeof(EnumName))]
public enum LiveChange
{
    /// <summary>QEMU reads it only at its start.</summary>
    Never,

    /// <summary>The running VM takes it at once.</summary>
    Always,

    /// <summary>Only if another setting of the running VM allows it (host nodes: the NUMA mode restrictive).</summary>
    Sometimes,
}

/// <summary>The form of a setting's value in the XML.</summary>
[JsonText(typeof(EnumName))]
public enum SettingForm
{
    /// <summary>An attribute.</summary>
    Attribute,

    /// <summary>The text of an element.</summary>
    Text,

    /// <summary>An element that exists or not; its value is the empty text.</summary>
    Presence,
}

/// <summary>How the document of a running VM shows a setting, compared with the configuration that the VM was started with.</summary>
internal enum RunningForm
{
    /// <summary>The same.</summary>
    Same,

    /// <summary>A thread's pin: if it names all host CPUs that an unpinned thread may use, there is no pin.</summary>
    Pin,

    /// <summary>The same, unless the configuration leaves the choice to libvirt (host-model), which then shows what it chose.</summary>
    Chosen,

    /// <summary>The value that libvirt derived at the start: it can only be compared with another running document.</summary>
    Expanded,
}

/// <summary>A kind of setting. <see cref="SettingCatalog"/> lists all of them.</summary>
public sealed class Setting
{
    private readonly Func<string?, string?, bool>? _isSeenByGuest;

    /// <param name="pattern">
    /// The path below <c>&lt;domain&gt;</c> with its keys open, for example <c>cputune/vcpupin[@vcpu]/@cpuset</c>. An element that only its order
    /// distinguishes from its siblings has <c>[#]</c>. An element whose key is a list of numbers has <c>[each @vcpus]</c>: one setting per number.
    /// </param>
    /// <param name="name">The name for users, with a <c>*</c> for each key.</param>
    /// <param name="live">Whether a running VM can take it.</param>
    /// <param name="isSeenByGuest">Whether the guest can see the change from one value to another; null for never.</param>
    /// <param name="form">The form of the value in the XML; for attributes it follows from the path.</param>
    internal Setting(string pattern, string name, LiveChange live, Func<string?, string?, bool>? isSeenByGuest = null, SettingForm form = SettingForm.Text)
    {
        Name = name;
        Live = live;
        _isSeenByGuest = isSeenByGuest;
        (Elements, Attribute) = SettingPattern.Parse(pattern);
        Form = Attribute is null ? form : SettingForm.Attribute;
        Pattern = SettingPattern.Text(Elements, Attribute);
    }

    /// <summary>The path with its keys open, which identifies this kind of setting.</summary>
    public string Pattern { get; }

    /// <summary>The name for users, with a <c>*</c> for each key.</summary>
    public string Name { get; }

    /// <summary>The form of the value in the XML.</summary>
    public SettingForm Form { get; }

    /// <summary>Whether a running VM can take another value.</summary>
    public LiveChange Live { get; }

    /// <summary>Whether this module can change it, so that checkpoints include it. Other settings are only compared.</summary>
    public bool IsTunable { get; internal init; } = true;

    /// <summary>The meaning of a missing value, if some libvirt releases write that value out; null if a missing value has no such meaning.</summary>
    internal string? Missing { get; init; }

    /// <summary>How the running VM's document shows it.</summary>
    internal RunningForm Running { get; init; }

    /// <summary>The settings that are displayed together with it in one line; null for a line of its own.</summary>
    internal SettingGroup? Group { get; init; }

    /// <summary>The elements of the path.</summary>
    internal IReadOnlyList<PatternElement> Elements { get; }

    /// <summary>The attribute at the end of the path; null if the setting is an element.</summary>
    internal string? Attribute { get; }

    /// <summary>
    /// Whether the guest could notice the change from one value to another: then a saved state of the guest must not be resumed with the new
    /// value.
    /// </summary>
    public bool IsSeenByGuest(string? before, string? after) =>
        _isSeenByGuest is not null && !string.Equals(before, after, StringComparison.Ordinal) && _isSeenByGuest(before, after);

    /// <summary>The address of one setting of this kind.</summary>
    /// <param name="keys">The keys in the order of the path; for elements that only their order distinguishes, the place from 0.</param>
    public SettingPath At(params string[] keys)
    {
        var steps = new List<SettingElement>(Elements.Count);
        var next = 0;
        foreach (var element in Elements)
        {
            var key = element.IsKeyed ? keys[next++] : null;
            steps.Add(element.IsPlace
                ? new SettingElement(element.Name, Index: int.Parse(key!, CultureInfo.InvariantCulture), Type: element.Type)
                : new SettingElement(element.Name, element.KeyChild, element.KeyAttribute, key, Type: element.Type));
        }

        return new SettingPath(steps, Attribute);
    }

    /// <summary>The name of one setting of this kind, for example <c>vCPU 0 pin</c>.</summary>
    public string NameOf(SettingPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var keys = path.Elements.Zip(Elements).Where(pair => pair.Second.IsKeyed)
            .Select(pair => pair.Second.IsPlace ? pair.First.Index.ToString(CultureInfo.InvariantCulture) : pair.First.KeyValue).ToList();
        return NameWith(Name, keys.ElementAtOrDefault(0), keys.ElementAtOrDefault(1));
    }

    /// <summary>Whether two values mean the same: libvirt normalizes lists of CPUs or nodes.</summary>
    public bool IsSame(string? one, string? other) =>
        string.Equals(one ?? Missing, other ?? Missing, StringComparison.Ordinal)
        || (Attribute is "cpuset" or "nodeset" or "cpus" && CpuSet.TryParse(one, out var left) && CpuSet.TryParse(other, out var right) && left == right);

    /// <summary>For example <c>vCPU * pin</c>.</summary>
    public override string ToString() => Name;

    /// <summary>A value for display.</summary>
    internal string? Shown(string? value) => value is not null && Form == SettingForm.Presence ? "yes" : value;

    internal static string NameWith(string name, string? key, string? subKey)
    {
        if (key is null || name.IndexOf('*', StringComparison.Ordinal) is not (>= 0 and var first))
        {
            return name;
        }

        var rest = name[(first + 1)..];
        return $"{name[..first]}{key}{(subKey is null ? rest : rest.Replace("*", subKey, StringComparison.Ordinal))}";
    }
}

/// <summary>Settings that users read as one, for example the four numbers of a CPU topology.</summary>
/// <param name="Name">The name, with a <c>*</c> for the first key of the settings.</param>
/// <param name="Text">All values of the group in one text; null for "not set".</param>
internal sealed record SettingGroup(string Name, Func<IReadOnlyList<SettingReading>, string?> Text);

/// <summary>A setting with its value in a document.</summary>
/// <param name="Setting">The kind of setting.</param>
/// <param name="Key">The key of the first element of the path that has a key; null if none has.</param>
/// <param name="SubKey">The key of the second such element.</param>
/// <param name="Value">The value; the empty text for an element that only exists or not.</param>
public readonly record struct SettingReading(Setting Setting, string? Key, string? SubKey, string Value)
{
    /// <summary>Its address.</summary>
    public SettingPath Path => (Key, SubKey) switch
    {
        (null, _) => Setting.At(),
        (_, null) => Setting.At(Key),
        _ => Setting.At(Key, SubKey),
    };

    /// <summary>Its name, for example <c>vCPU 0 pin</c>.</summary>
    public string Name => Setting.NameWith(Setting.Name, Key, SubKey);

    internal bool IsSameSettingAs(in SettingReading other) =>
        ReferenceEquals(Setting, other.Setting)
        && string.Equals(Key, other.Key, StringComparison.Ordinal)
        && string.Equals(SubKey, other.SubKey, StringComparison.Ordinal);
}
