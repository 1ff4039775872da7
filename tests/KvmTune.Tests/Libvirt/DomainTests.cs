// Finding domains, reading and defining their XML, starting and stopping them.
using System.Text;
using System.Xml.Linq;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

public sealed class DomainTests
{
    public static TheoryData<string> DifficultNames => new(
        "with space", "it's", "say \"hi\"", "$(touch x) `id`", "a;b&c|d", "<tag>&amp;", "Überprüfung", "база-данных",
        "データベース", "🐧", "%s%n", "-rf", "..", new string('x', 200));

    [Theory]
    [MemberData(nameof(DifficultNames))]
    public void Names_arrive_as_they_are_both_ways(string name)
    {
        using var node = new NodeFile("other", name);
        using var connection = node.Open();

        using var found = connection.LookupByName(name);
        Assert.Equal(name, found.Name);
        Assert.Equal(name, XDocument.Parse(found.GetXml()).Root!.Element("name")!.Value);
        Assert.Contains(name, connection.ListDomains().Select(domain => domain.Name));

        using var defined = connection.DefineXml(NodeFile.Domain(name + "2").ToString(), validate: true);
        Assert.Equal(name + "2", defined.Name);
    }

    [Fact]
    public void A_name_with_a_zero_character_is_refused_rather_than_cut_off()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();

        Assert.Throws<ArgumentException>(() => connection.LookupByName("a\0b"));
        Assert.Throws<ArgumentException>(() => connection.TryLookupByName("a\0b"));
    }

    [Fact]
    public void A_domain_is_found_by_its_uuid()
    {
        var id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");
        using var node = new NodeFile([NodeFile.Domain("a", id), NodeFile.Domain("b")]);
        using var connection = node.Open();

        using var domain = connection.LookupByUuid(id);

        Assert.Equal("a", domain.Name);
        Assert.Equal(id, domain.Id);
        using var same = connection.TryLookupByUuid(id);
        Assert.NotNull(same);
    }

    [Fact]
    public void An_unknown_domain_is_an_error_or_null_as_asked()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();

        var error = Assert.Throws<LibvirtException>(() => connection.LookupByUuid(Guid.NewGuid()));
        Assert.Equal(LibvirtErrorCode.NoDomain, error.ErrorCode);
        Assert.Equal("virDomainLookupByUUID", error.Function);
        Assert.False(error.IsConnectionLost);
        Assert.Null(connection.TryLookupByName("b"));
        Assert.Null(connection.TryLookupByUuid(Guid.NewGuid()));
    }

    [Fact]
    public void Listing_filters_by_state()
    {
        using var node = new NodeFile("a", "b");
        using var connection = node.Open();
        using var stopped = connection.LookupByName("b");
        stopped.Destroy();

        Assert.Equal(["a", "b"], Names(DomainListFlags.All));
        Assert.Equal(["a"], Names(DomainListFlags.Active));
        Assert.Equal(["b"], Names(DomainListFlags.Inactive));
        Assert.Equal(["a", "b"], Names(DomainListFlags.Persistent));
        Assert.Empty(Names(DomainListFlags.Transient));

        IEnumerable<string> Names(DomainListFlags flags)
            => connection.ListDomains(flags).Select(domain => domain.Name).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void A_domain_is_stopped_started_and_undefined()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        Assert.Equal(DomainState.Running, domain.GetState());
        Assert.True(domain.IsActive);
        Assert.True(domain.IsPersistent);

        domain.Shutdown();
        Assert.Equal(DomainState.ShutOff, domain.GetState(out var reason));
        Assert.Equal(1, reason); // VIR_DOMAIN_SHUTOFF_SHUTDOWN
        Assert.False(domain.IsActive);

        domain.Start();
        Assert.True(domain.IsActive);
        Assert.Equal(LibvirtErrorCode.InternalError, Assert.Throws<LibvirtException>(domain.Start).ErrorCode);

        domain.Destroy();
        Assert.Equal(LibvirtErrorCode.OperationInvalid, Assert.Throws<LibvirtException>(domain.Destroy).ErrorCode);
        domain.Undefine();
        Assert.Null(connection.TryLookupByName("a"));
    }

    [Fact]
    public void Name_and_uuid_stay_readable_after_dispose_and_calls_are_refused()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        var id = domain.Id;
        domain.Dispose();
        domain.Dispose();

        Assert.Equal("a", domain.Name);
        Assert.Equal(id, domain.Id);
        Assert.Throws<ObjectDisposedException>(() => domain.GetXml());
        Assert.Throws<ObjectDisposedException>(() => domain.GetState());
        Assert.Throws<ObjectDisposedException>(() => connection.GetAllDomainStatistics([domain]));
    }

    [Fact]
    public void A_domain_keeps_the_native_connection_open()
    {
        using var node = new NodeFile("a");
        LibvirtDomain domain;
        using (var connection = node.Open())
        {
            domain = connection.LookupByName("a");
        }

        using (domain)
        {
            Assert.Equal(DomainState.Running, domain.GetState());
        }
    }

    [Fact]
    public void The_xml_as_bytes_is_the_xml_as_text()
    {
        using var node = new NodeFile("Ünïcödé 世界");
        using var connection = node.Open();
        using var domain = connection.ListDomains().Single();
        var text = domain.GetXml();

        using var bytes = domain.GetXmlUtf8();

        Assert.Equal(text, bytes.ToString());
        Assert.Equal(Encoding.UTF8.GetByteCount(text), bytes.Length);
        Assert.Equal(Encoding.UTF8.GetBytes(text), bytes.Span.ToArray());
    }

    [Fact]
    public void Bytes_of_xml_cannot_be_read_after_dispose()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.ListDomains().Single();
        var bytes = domain.GetXmlUtf8();

        bytes.Dispose();

        Assert.Throws<ObjectDisposedException>(() => bytes.Span.Length);
    }

    [Fact]
    public void Defining_with_validation_refuses_what_the_schema_does_not_know()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        var unknown = NodeFile.Domain("b", null, new XElement("bogus")).ToString();

        var error = Assert.Throws<LibvirtException>(() => connection.DefineXml(unknown, validate: true));

        Assert.Equal(LibvirtErrorCode.XmlInvalidSchema, error.ErrorCode);
        Assert.Contains("bogus", error.Message, StringComparison.Ordinal);
        Assert.Null(connection.TryLookupByName("b"));
        using var unchecked_ = connection.DefineXml(unknown, validate: false);
        Assert.Equal("b", unchecked_.Name);
    }

    [Fact]
    public void Broken_xml_is_an_error_with_the_place()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();

        var error = Assert.Throws<LibvirtException>(() => connection.DefineXml("<domain><name>b</domain>", validate: true));

        Assert.Equal(LibvirtErrorCode.XmlDetail, error.ErrorCode);
        Assert.Equal("virDomainDefineXMLFlags", error.Function);
    }

    [Fact]
    public void An_agent_command_on_a_driver_without_agents_is_an_error()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        var error = Assert.Throws<LibvirtException>(
            () => domain.AgentCommand("""{"execute":"guest-ping"}""", TimeSpan.FromSeconds(1)));

        Assert.Equal(LibvirtErrorCode.NoSupport, error.ErrorCode);
        Assert.Equal("virDomainQemuAgentCommand", error.Function);
        Assert.Throws<ArgumentOutOfRangeException>(() => domain.AgentCommand("{}", TimeSpan.Zero));
    }
}
