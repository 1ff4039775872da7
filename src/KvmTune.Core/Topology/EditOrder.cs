// The order in which one edit sets its settings: each setting must find the elements that it needs, and none that will be removed.
namespace KvmTune.Topology;

/// <summary>Orders settings.</summary>
internal static class EditOrder
{
    /// <summary>The settings in the order for setting them.</summary>
    /// <param name="settings">The settings, each with its value.</param>
    /// <param name="trace">If an edit is taken back: the places of elements before it; otherwise null.</param>
    /// <remarks>
    /// Removals come first; then elements return to their places from the front. Elements that only their place distinguishes are removed after
    /// that, the last one first, so that the others keep their numbers. I/O threads are removed at the end, because something may name them until
    /// then. Elements without a value are set again near the end, because a removal also removes elements that become empty.
    /// </remarks>
    public static IEnumerable<SettingValue> Of(IReadOnlyList<SettingValue> settings, EditTrace? trace)
    {
        var isThread = settings.ToLookup(setting => setting.Value is null && IOThreadElements.ThreadOf(setting.Path) is not null);
        var goes = isThread[false].Where(setting => setting.Value is null).ToLookup(setting => HasPlace(setting.Path));
        var stays = settings.Where(setting => setting.Value is not null).ToList();
        return goes[false]
            .Concat(stays.OrderBy(setting => trace?.PlaceOf(setting.Path), StringComparer.Ordinal))
            .Concat(goes[true].OrderByDescending(setting => setting.Path.Elements.Max(element => element.Index)))
            .Concat(stays.Where(setting => SettingCatalog.Get(setting.Path).Form == SettingForm.Presence))
            .Concat(isThread[true]);
    }

    private static bool HasPlace(SettingPath path) => SettingCatalog.Get(path).Elements.Any(element => element.IsPlace);
}
