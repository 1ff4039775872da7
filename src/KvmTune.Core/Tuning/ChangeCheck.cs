// What a change from outside (a file, a job, another host) is checked for: that it sets what its kind sets, and nothing that is no value.
using System.Xml;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Checks changes before they touch a document.</summary>
internal static class ChangeCheck
{
    /// <summary>The settings of a change, where all are of its kind.</summary>
    /// <exception cref="KvmTuneException">One is not (<c>ForeignSetting</c>).</exception>
    public static IReadOnlyList<SettingValue> Settings(VMChange change)
    {
        if (change.RunningPart is { } running && running.GetType() != change.GetType())
        {
            throw Foreign(change, $"'{TerminalText.Line(running.Title)}' in the running VM");
        }

        var settings = change.Settings;
        foreach (var setting in settings)
        {
            if (SettingCatalog.Find(setting.Path) is not { IsTunable: true } kind || !change.Kinds.Contains(kind) || !IsWhole(setting.Path))
            {
                throw Foreign(change, $"'{TerminalText.Line(setting.Path.ToString())}'");
            }

            if (setting.Value is { } value && (value.Any(char.IsControl) || !IsXml(value)))
            {
                throw new KvmTuneException(
                    "InvalidSettingValue", KvmTuneErrorCategory.InvalidArgument,
                    $"'{TerminalText.Line(value)}' cannot be a value of {TerminalText.Line(setting.Path.ToString())}: it has characters that no setting has. Make the change anew.");
            }
        }

        return settings;
    }

    // With a key wherever the catalog has one.
    private static bool IsWhole(SettingPath path) =>
        path.Elements.All(element => element is { Index: >= 0 } && (element.KeyAttribute is null) == (element.KeyValue is null));

    private static bool IsXml(string value)
    {
        try
        {
            return XmlConvert.VerifyXmlChars(value) is not null;
        }
        catch (XmlException)
        {
            return false;
        }
    }

    private static KvmTuneException Foreign(VMChange change, string what) => new(
        "ForeignSetting", KvmTuneErrorCategory.InvalidArgument,
        $"'{TerminalText.Line(change.Title)}' would also set {what}, which a {change.GetType().Name} cannot set. The plan is not as this module made it; make it anew.");
}
