// Checks a change from outside (a file, a job, another host): it may set only the settings of its kind, and only valid values.
using System.Xml;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Checks changes before they touch a document.</summary>
internal static class ChangeCheck
{
    /// <summary>Checks that the change of the running VM is of the same kind.</summary>
    /// <exception cref="KvmTuneException">It is of another kind (<c>ForeignSetting</c>).</exception>
    public static void RunningPart(VMChange change)
    {
        if (change.RunningPart is { } running && running.GetType() != change.GetType())
        {
            throw Foreign(change, $"'{TerminalText.Line(running.Title)}' in the running VM");
        }
    }

    /// <summary>The settings of a change, if all of them belong to its kind.</summary>
    /// <exception cref="KvmTuneException">
    /// A setting does not belong to it (<c>ForeignSetting</c>), or a value has forbidden characters (<c>InvalidSettingValue</c>).
    /// </exception>
    public static IReadOnlyList<SettingValue> Settings(VMChange change)
    {
        RunningPart(change);
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
                    $"'{TerminalText.Line(value)}' cannot be a value of {TerminalText.Line(setting.Path.ToString())}: it has characters that are not allowed in a setting. Make the change again.");
            }
        }

        return settings;
    }

    // A path is complete if each element with a key attribute also has the key's value.
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
        $"'{TerminalText.Line(change.Title)}' would also set {what}, which a {change.GetType().Name} cannot set. The plan was altered after it was made; make it again.");
}
