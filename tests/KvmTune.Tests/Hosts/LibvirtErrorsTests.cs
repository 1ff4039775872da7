// libvirt's errors in words: whole sentences, no function of libvirt, and advice that fits the case.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class LibvirtErrorsTests
{
    private const int InvalidArgument = 8;
    private const int XmlError = 27;

    [Fact]
    public void A_test_host_without_its_file_is_named_as_that()
    {
        var error = LibvirtErrors.Opening(Libvirt("XML error: failed to parse xml document '/nowhere/node.xml'", XmlError), "test:///nowhere/node.xml", ConnectionAccess.ReadOnly);

        Assert.Equal("ConnectionUriInvalid", error.ErrorId);
        Assert.Contains("there is no file '/nowhere/node.xml'", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("XML error", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_word_that_is_no_uri_is_named_as_that()
    {
        var error = LibvirtErrors.Opening(
            Libvirt("no connection driver available for URI 'web' does not include a driver name", (int)LibvirtErrorCode.NoConnect), "web", ConnectionAccess.ReadOnly);

        Assert.Equal("ConnectionUriInvalid", error.ErrorId);
        Assert.Contains("'web' is neither a URI nor an alias", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("does not include", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refusal_names_no_function_of_libvirt_and_ends_as_a_sentence()
    {
        var error = LibvirtErrors.Calling(Libvirt("invalid argument: total_iops_sec cannot be set higher than total_iops_sec_max .", InvalidArgument), "limiting disk 'vda'");

        Assert.Equal("LibvirtError", error.ErrorId);
        Assert.Contains("higher than total_iops_sec_max. ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("virDomain", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no full stop", "no full stop.")]
    [InlineData("a stop.", "a stop.")]
    [InlineData("a space before it .\n", "a space before it.")]
    [InlineData("Is it running?", "Is it running?")]
    public void Anothers_message_becomes_a_sentence(string message, string sentence) => Assert.Equal(sentence, KvmTuneException.Sentence(message));

    private static LibvirtException Libvirt(string message, int code) => new(message, code, 0, 2, "virDomainSetBlockIoTune", isConnectionLost: false);
}
