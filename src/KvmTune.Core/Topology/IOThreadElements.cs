// The I/O threads of a VM in its XML: a number, and perhaps their ids. Callers add and remove threads; this class keeps both elements correct.
using System.Globalization;
using System.Xml.Linq;
using static KvmTune.NumberText;

namespace KvmTune.Topology;

/// <summary>
/// Reads and edits <c>&lt;iothreads&gt;</c> and <c>&lt;iothreadids&gt;</c>. A number alone means the ids from 1 on; threads without a named
/// id get the lowest free ids (libvirt 9.0 virDomainDefIOThreadIDArrayInit).
/// </summary>
internal static class IOThreadElements
{
    private static readonly Setting Thread = SettingCatalog.Get("iothreadids/iothread[@id]");

    /// <summary>The address of the number of threads, which is not a setting by itself.</summary>
    public static SettingPath CountPath { get; } = SettingPath.Of(new SettingElement("iothreads"));

    /// <summary>The address of a thread.</summary>
    public static SettingPath PathOf(int id) => Thread.At(Text(id));

    /// <summary>The id of the thread at an address; null if the address names something else.</summary>
    public static int? ThreadOf(SettingPath path) =>
        path is { Attribute: null, Elements: [{ Name: "iothreadids" }, { Name: "iothread" } thread] }
        && int.TryParse(thread.KeyValue, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    /// <summary>The ids of the threads that the number includes in addition to the named ones.</summary>
    public static IEnumerable<int> Unnamed(IReadOnlyCollection<int> named, int count)
    {
        for (var (id, missing) = (1, count - named.Count); missing > 0; id++)
        {
            if (!named.Contains(id))
            {
                missing--;
                yield return id;
            }
        }
    }

    /// <summary>The threads of a document.</summary>
    public static IReadOnlyList<int> Ids(XElement domain)
    {
        List<int> named = [.. domain.Elements("iothreadids").Elements("iothread").Select(thread => Number((string?)thread.Attribute("id"))).OfType<int>()];
        return [.. named, .. Unnamed(named, Number(domain.Element("iothreads")?.Value) ?? 0)];
    }

    /// <summary>Adds or removes a thread; a thread that the document uses elsewhere is not removed.</summary>
    public static void Set(DomainDocument document, int id, bool isThere, EditTrace? trace)
    {
        var domain = document.Domain;
        var ids = Ids(domain);
        if (ids.Contains(id) == isThere || (!isThere && IsUsed(domain, id)))
        {
            return;
        }

        List<int> threads = [.. isThere ? ids.Append(id) : ids.Where(other => other != id)];
        var isRow = threads.Count == 0 || threads.Max() == threads.Count;
        if (domain.Element("iothreadids") is { } named)
        {
            if (isRow && (threads.Count == 0 || trace?.Missing.Contains("iothreadids") == true))
            {
                DomainDocument.Remove(named);
            }
            else
            {
                named.Elements("iothread").Where(thread => Number((string?)thread.Attribute("id")) is not { } other || !threads.Contains(other)).ToList()
                    .ForEach(DomainDocument.Remove);
            }
        }

        if (threads.Count > 0)
        {
            document.FindOrCreate(CountPath, trace).Value = Text(threads.Count);
        }
        else if (domain.Element("iothreads") is { } count)
        {
            DomainDocument.Remove(count);
        }

        // libvirt itself names all threads as soon as one is added.
        if (domain.Element("iothreadids") is not null || !isRow || (isThere && trace?.Missing.Contains("iothreadids") != true))
        {
            threads.Order().ToList().ForEach(thread => document.FindOrCreate(PathOf(thread), trace));
        }
    }

    /// <summary>Whether a disk, a controller, or a pin, schedule or limit of its own names the thread.</summary>
    public static bool IsUsed(XElement domain, int id)
    {
        var drivers = domain.Elements("devices").Elements().Where(device => device.Name.LocalName is "disk" or "controller").Elements("driver").ToList();
        return drivers.Any(driver => Number((string?)driver.Attribute("iothread")) == id)
            || drivers.Elements("iothreads").Elements("iothread").Any(thread => Number((string?)thread.Attribute("id")) == id)
            || domain.Elements("cputune").Elements("iothreadpin").Any(pin => Number((string?)pin.Attribute("iothread")) == id)
            || domain.Elements("cputune").Elements("iothreadsched").Any(schedule => CpuSet.TryParse((string?)schedule.Attribute("iothreads"), out var scheduled) && scheduled.Contains(id))
            || domain.Elements("iothreadids").Elements("iothread").Any(thread =>
                Number((string?)thread.Attribute("id")) == id && (thread.HasElements || thread.Attributes().Skip(1).Any()));
    }

    private static int? Number(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
