// Backs a VM's memory with huge pages of the host's pools, or with ordinary memory again.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.HugePages;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning.Changes;

/// <summary>One <c>&lt;page&gt;</c> as it stands in the XML; all values are null for an empty place.</summary>
/// <param name="Size">The page size.</param>
/// <param name="Unit">The unit of the size; null means KiB.</param>
/// <param name="GuestNodes">The guest's NUMA cells with this page size; null for all.</param>
public sealed record HugePageElement(string? Size, string? Unit, string? GuestNodes)
{
    /// <summary>Whether there is no page at this place.</summary>
    public bool IsNone => (Size ?? Unit ?? GuestNodes) is null;

    /// <summary>The page's size in KiB; null if it has none.</summary>
    public long? SizeKiB => Size is null ? null : XmlReading.ToKiB(Size, Unit);

    /// <summary>A page of a size.</summary>
    /// <param name="pageSizeKiB">The page size in KiB.</param>
    /// <param name="guestNodes">The guest's NUMA cells with this page size; null for all.</param>
    public static HugePageElement Of(long pageSizeKiB, CpuSet? guestNodes = null) =>
        new(pageSizeKiB.ToString(CultureInfo.InvariantCulture), "KiB", guestNodes?.ToString());

    /// <summary>For example <c>2048 KiB</c>.</summary>
    public override string ToString() => Size is null ? "default" : $"{Size} {Unit ?? "KiB"}";
}

/// <summary>
/// Sets the huge pages of <c>&lt;memoryBacking&gt;</c>, and whether the memory is locked and excluded from merging. QEMU
/// maps the guest's memory once, so a running VM uses the new settings only after its next start.
/// </summary>
public sealed record HugePagesChange : VMChange
{
    private static readonly Setting[] BackingSettings = [.. SettingCatalog.All.Where(setting => setting.Elements[0].Name == "memoryBacking")];
    private static readonly SettingPath Backing = SettingPath.Of(new SettingElement("memoryBacking"));
    private static readonly SettingPath HugePagesPath = Backing.Child("hugepages");
    private static readonly SettingPath LockedPath = Backing.Child("locked");
    private static readonly SettingPath NoSharePath = Backing.Child("nosharepages");

    /// <summary>Whether the memory is backed by huge pages.</summary>
    public required bool Enabled { get; init; }

    /// <summary>
    /// The pages by their place; empty places at the end remove pages of the document. No page at all means the host's
    /// default size.
    /// </summary>
    public IReadOnlyList<HugePageElement> Pages { get; init => field = Items.Of(value); } = Items<HugePageElement>.None;

    /// <summary>Whether the guest's memory is locked in the host's memory; null leaves the setting as it is.</summary>
    public bool? Locked { get; init; }

    /// <summary>Whether the host must not merge the memory's pages with others; null leaves the setting as it is.</summary>
    public bool? NoSharePages { get; init; }

    /// <summary>Whether pages that are missing in the host's pools are reserved first.</summary>
    public bool Reserve { get; init; }

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Memory;

    /// <inheritdoc/>
    public override bool CanBeLive => false;

    /// <inheritdoc/>
    public override string Title => string.Join(", ", new[]
    {
        Enabled ? $"huge pages of {Sizes()}" : "no huge pages",
        Words(Locked, "memory locked", "memory not locked"),
        Words(NoSharePages, "memory not merged", "memory may be merged"),
    }.OfType<string>());

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings
    {
        get
        {
            // Pages are set in the order of their places and removed in reverse, so that the places of the others keep their numbers.
            var settings = Pages.SelectMany((page, index) => page.IsNone ? [] : Values(page, index)).ToList();
            settings.AddRange(Pages.SelectMany((page, index) => page.IsNone ? Values(page, index) : []).Reverse());
            if (Pages.All(page => page.IsNone))
            {
                settings.Add(new SettingValue(HugePagesPath, Enabled ? string.Empty : null));
            }

            AddFlag(settings, NoSharePath, NoSharePages);
            AddFlag(settings, LockedPath, Locked);
            return settings;
        }
    }

    /// <summary>The pages of a document, one for each place.</summary>
    public static IReadOnlyList<HugePageElement> PagesIn(DomainDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var count = document.Find(HugePagesPath)?.Elements("page").Count() ?? 0;
        return [.. Enumerable.Range(0, count).Select(index => PageAt(index, document.Get))];
    }

    /// <summary>
    /// The pages of a document after all or some guest nodes get a page size. A guest without cells is one node, which libvirt does not name.
    /// </summary>
    /// <param name="document">The document.</param>
    /// <param name="pageSizeKiB">The page size in KiB; null for the host's default size, for all guest nodes.</param>
    /// <param name="guestNodes">The guest's NUMA cells; null for all. Pages of other cells stay.</param>
    public static IReadOnlyList<HugePageElement> PagesWith(DomainDocument document, long? pageSizeKiB, CpuSet? guestNodes)
    {
        var isOnlyNode = document.ToConfiguration().Cpu.NumaCells.Count == 0 && new CpuSet(0).Equals(guestNodes);
        return PagesWith(PagesIn(document), pageSizeKiB, isOnlyNode ? null : guestNodes);
    }

    /// <summary>The pages after all or some guest nodes get a page size, padded to the places of a document.</summary>
    /// <param name="existing">The pages that the document has.</param>
    /// <param name="pageSizeKiB">The page size in KiB; null for the host's default size, for all guest nodes.</param>
    /// <param name="guestNodes">The guest's NUMA cells; null for all. Pages of other cells stay.</param>
    public static IReadOnlyList<HugePageElement> PagesWith(IReadOnlyList<HugePageElement> existing, long? pageSizeKiB, CpuSet? guestNodes)
    {
        var pages = existing.Where(page => guestNodes is not null && CpuSet.TryParse(page.GuestNodes, out var nodes) && !nodes.Overlaps(guestNodes)).ToList();
        if (pageSizeKiB is { } size)
        {
            pages.Add(HugePageElement.Of(size, guestNodes));
        }

        return Padded(pages, existing.Count);
    }

    /// <summary>No pages, padded to the places of a document.</summary>
    /// <param name="existing">The pages that the document has.</param>
    public static IReadOnlyList<HugePageElement> NoPages(IReadOnlyList<HugePageElement> existing) => Padded([], existing.Count);

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => BackingSettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        // Every VM has memory, so there is nothing to check.
    }

    /// <inheritdoc/>
    public override HostPreparation? Preparation(RuleContext context, HostConnection host) =>
        Enabled && Reserve && HugePageGrowth.For(context) is { Count: > 0 } growth
            ? new HugePageReservation(new HugePagePools(host), host.Uri, growth)
            : null;

    /// <inheritdoc/>
    public override Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken)
    {
        IReadOnlyList<Verification> verifications = target.Process?.MemoryMaps() is { } maps
            ? GuestMemoryCheck.Of(target.Running, target.Process, GuestPages.FromSmaps(maps), HostMemoryFacts.Read())
            : [];
        return Task.FromResult(verifications);
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Enabled = valueOf(HugePagesPath) is not null,
        Pages = [.. Pages.Select((_, index) => PageAt(index, valueOf))],
        Locked = Locked is null ? null : valueOf(LockedPath) is not null,
        NoSharePages = NoSharePages is null ? null : valueOf(NoSharePath) is not null,
        Reserve = false,
    };

    private static HugePageElement PageAt(int index, Func<SettingPath, string?> valueOf)
    {
        var path = HugePagesPath.Child("page", index);
        return new HugePageElement(valueOf(path.At("size")), valueOf(path.At("unit")), valueOf(path.At("nodeset")));
    }

    private static IEnumerable<SettingValue> Values(HugePageElement page, int index)
    {
        var path = HugePagesPath.Child("page", index);
        yield return new SettingValue(path.At("size"), page.Size);
        yield return new SettingValue(path.At("unit"), page.Unit);
        yield return new SettingValue(path.At("nodeset"), page.GuestNodes);
    }

    private static void AddFlag(List<SettingValue> settings, SettingPath path, bool? value)
    {
        if (value is { } isSet)
        {
            settings.Add(new SettingValue(path, isSet ? string.Empty : null));
        }
    }

    private static IReadOnlyList<HugePageElement> Padded(List<HugePageElement> pages, int places) =>
        [.. pages, .. Enumerable.Repeat(new HugePageElement(null, null, null), Math.Max(places - pages.Count, 0))];

    private static string? Words(bool? value, string yes, string no) => value is { } isSet ? isSet ? yes : no : null;

    private string Sizes()
    {
        var pages = Pages.Where(page => !page.IsNone).ToList();
        return pages.Count == 0
            ? "the host's default size"
            : string.Join(" and ", pages.Select(page =>
                (page.SizeKiB is { } size ? PageSize.Text(size) : "the host's default size") + (page.GuestNodes is { } nodes ? $" for guest nodes {nodes}" : null)));
    }
}
