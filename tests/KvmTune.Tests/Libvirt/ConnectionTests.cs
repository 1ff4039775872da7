// Opening a connection, and its information about itself and its host.
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

public sealed class ConnectionTests
{
    [Fact]
    public void A_connection_says_what_it_is_connected_to()
    {
        using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadOnly);

        Assert.Equal("test:///default", connection.Uri);
        Assert.Equal("TEST", connection.HypervisorType);
        Assert.Equal(ConnectionAccess.ReadOnly, connection.Access);
        Assert.True(connection.LibvirtVersion >= new Version(1, 2, 8));
        Assert.NotNull(connection.HypervisorVersion);
        Assert.NotEmpty(connection.HostName);
        Assert.True(connection.IsAlive);
    }

    [Fact]
    public void A_version_is_taken_from_libvirts_number()
    {
        Assert.Equal(new Version(9, 0, 3), LibvirtLibrary.ToVersion(9_000_003));
        Assert.Equal(new Version(10, 11, 12), LibvirtLibrary.ToVersion(10_011_012));
    }

    [Fact]
    public void A_missing_library_says_what_to_install()
    {
        var error = Assert.Throws<LibvirtUnavailableException>(() => LibvirtLibrary.LoadFirst(["libnothere.so.0", "libnothere.so"]));

        Assert.Contains("libnothere.so.0", error.Message, StringComparison.Ordinal);
        Assert.Contains("apt install libvirt0", error.Message, StringComparison.Ordinal);
        Assert.Contains("dnf install libvirt-libs", error.Message, StringComparison.Ordinal);
        Assert.Contains("zypper install libvirt-libs", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_host_of_the_test_driver_is_read()
    {
        using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadOnly);

        Assert.Equal([true, false, true, false, true, false, false, false], connection.GetOnlineCpus());
        Assert.Equal(8, connection.GetHostCpuCount());
        Assert.Equal([2097152L, 4194304L], connection.GetFreeMemoryBytesPerNode());
        Assert.Contains("<capabilities>", connection.GetCapabilitiesXml(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_driver_cannot_do_is_an_error_and_never_success()
    {
        using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadWrite);

        var pages = new Dictionary<uint, ulong> { [2048] = 1 };
        var error = Assert.Throws<LibvirtException>(() => connection.AllocatePages(pages, 0, 1, PageAllocation.Add));

        Assert.Equal(LibvirtErrorCode.NoSupport, error.ErrorCode);
        Assert.Equal("virNodeAllocPages", error.Function);
    }

    [Fact]
    public void A_host_that_does_not_answer_is_an_error_with_libvirts_details()
    {
        var error = Assert.Throws<LibvirtException>(
            () => LibvirtConnection.Open("test+unix:///default?socket=/nowhere/at-all", ConnectionAccess.ReadOnly));

        Assert.Equal(LibvirtErrorCode.SystemError, error.ErrorCode);
        Assert.Equal(38, error.Code);
        Assert.Equal(7, error.Domain);
        Assert.Equal(2, error.Level);
        Assert.Equal("virConnectOpenAuth", error.Function);
        Assert.Contains("/nowhere/at-all", error.Message, StringComparison.Ordinal);
        Assert.False(error.IsConnectionLost);
    }

    [Fact]
    public void A_uri_that_is_none_is_an_error()
        => Assert.Equal(
            LibvirtErrorCode.InternalError,
            Assert.Throws<LibvirtException>(() => LibvirtConnection.Open("no uri; %", ConnectionAccess.ReadOnly)).ErrorCode);

    [Fact]
    public void A_read_only_connection_refuses_changes_and_passwords()
    {
        using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadOnly);
        using var domain = connection.LookupByName("test");

        var change = Assert.Throws<LibvirtException>(() => domain.PinVcpu(0, [true], AffectTarget.Current));
        var secrets = Assert.Throws<LibvirtException>(() => domain.GetXml(DomainXmlFlags.Secure));

        Assert.Equal(LibvirtErrorCode.OperationDenied, change.ErrorCode);
        Assert.Equal(LibvirtErrorCode.OperationDenied, secrets.ErrorCode);
    }

    [Fact]
    public void After_dispose_a_connection_refuses_calls_and_can_be_disposed_again()
    {
        using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadOnly);
        connection.Dispose();
        connection.Dispose();

        Assert.False(connection.IsAlive);
        Assert.Equal("test:///default", connection.Uri);
        Assert.Throws<ObjectDisposedException>(() => connection.ListDomains());
        Assert.Throws<ObjectDisposedException>(() => connection.OnDomainLifecycle(null, _ => { }));
        Assert.Throws<ObjectDisposedException>(() => connection.OnClosed(_ => { }));
    }

    [Fact]
    public void Errors_are_those_of_the_calling_thread()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();

        Parallel.For(0, 2_000, i =>
        {
            var name = $"nobody {i}";
            var error = Assert.Throws<LibvirtException>(() => connection.LookupByUuid(Guid.NewGuid()));
            Assert.Equal(LibvirtErrorCode.NoDomain, error.ErrorCode);
            Assert.Null(connection.TryLookupByName(name));
            using var domain = connection.LookupByName("a");
            Assert.Equal("a", domain.Name);
        });
    }
}
