// The order in which the settings of one edit are set, so that each finds the elements that it needs, and none that are to go.
namespace KvmTune.Topology;

/// <summary>Orders settings.</summary>
internal static class EditOrder
{
    /// <summary>The settings in the order to set them.</summary>
    /// <param name="settings">The settings, each with its value.</param>
    /// <param name="trace">Where elements stood before the edit that is taken back; null otherwise.</param>
    /// <remarks>
    /// What goes, goes first; then elements return to their places from the front. Where only the place tells elements apart, those that go do
    /// so after that and from the last one back: a place keeps its number while it is needed. I/O threads go at the end: until then something
    /// may name them. Elements without a value are made again in the end, since a removal also removes elements that it leaves empty.
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
