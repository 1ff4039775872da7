// Moments appear in ISO form in every text that PowerShell makes of them (Export-Csv, Format-List, "$x"), and not in the culture's form.
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>The properties of objects that hold moments. For PowerShell, not for scripts.</summary>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public static class IsoMoments
{
    private static readonly MethodInfo ToIso = typeof(IsoMoments).GetMethod(nameof(Text))!;

    /// <summary>The property StartedAt.</summary>
    public static object? StartedAt(PSObject instance) => Of(instance, nameof(StartedAt));

    /// <summary>The property EndedAt.</summary>
    public static object? EndedAt(PSObject instance) => Of(instance, nameof(EndedAt));

    /// <summary>The property UndoneAt.</summary>
    public static object? UndoneAt(PSObject instance) => Of(instance, nameof(UndoneAt));

    /// <summary>The property MadeAt.</summary>
    public static object? MadeAt(PSObject instance) => Of(instance, nameof(MadeAt));

    /// <summary>The property AppliedAt.</summary>
    public static object? AppliedAt(PSObject instance) => Of(instance, nameof(AppliedAt));

    /// <summary>The property Time.</summary>
    public static object? Time(PSObject instance) => Of(instance, nameof(Time));

    /// <summary>A moment as text, for example <c>2026-11-24T09:24:03+00:00</c>.</summary>
    public static string Text(PSObject instance) => instance?.BaseObject is DateTimeOffset moment ? moment.ToString("yyyy-MM-ddTHH:mm:sszzz", CultureInfo.InvariantCulture) : string.Empty;

    /// <summary>The members that show the moments of a type in ISO form.</summary>
    internal static IEnumerable<CodePropertyData> MembersOf(Type type) =>
        from property in type.GetProperties()
        where (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) == typeof(DateTimeOffset)
        let getter = typeof(IsoMoments).GetMethod(property.Name, [typeof(PSObject)]) ?? throw new InvalidOperationException($"{type.Name}.{property.Name}: IsoMoments has no getter of this name.")
        select new CodePropertyData(property.Name, getter, null);

    // The value is still a moment, for comparison and arithmetic; only its text differs.
    private static PSObject? Of(PSObject instance, string name)
    {
        var owner = instance?.BaseObject;
        if (owner?.GetType().GetProperty(name)?.GetValue(owner) is not DateTimeOffset moment)
        {
            return null;
        }

        var shown = new PSObject(moment);
        shown.Methods.Add(new PSCodeMethod("ToString", ToIso));
        return shown;
    }
}
