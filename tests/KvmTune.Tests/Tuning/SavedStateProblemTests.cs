// The reason why a saved definition could not be read, from libvirt's error.
using KvmTune.Libvirt;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class SavedStateProblemTests
{
    [Theory]
    [InlineData(LibvirtErrorCode.OperationFailed, false, true, SavedStateProblem.Damaged)]
    [InlineData(LibvirtErrorCode.XmlError, false, true, SavedStateProblem.Damaged)]
    [InlineData(LibvirtErrorCode.XmlDetail, false, true, SavedStateProblem.Damaged)]
    [InlineData(LibvirtErrorCode.OperationInvalid, false, false, SavedStateProblem.Absent)]
    [InlineData(LibvirtErrorCode.OperationFailed, false, false, SavedStateProblem.Absent)]
    [InlineData(LibvirtErrorCode.AccessDenied, false, true, SavedStateProblem.NotPermitted)]
    [InlineData(LibvirtErrorCode.OperationDenied, false, true, SavedStateProblem.NotPermitted)]
    [InlineData(LibvirtErrorCode.AuthenticationFailed, false, true, SavedStateProblem.NotPermitted)]
    [InlineData(LibvirtErrorCode.AuthenticationUnavailable, false, true, SavedStateProblem.NotPermitted)]
    [InlineData(LibvirtErrorCode.SystemError, false, true, SavedStateProblem.Unreadable)]
    [InlineData(LibvirtErrorCode.OperationTimeout, false, true, SavedStateProblem.Unreadable)]
    [InlineData(LibvirtErrorCode.NoSupport, false, true, SavedStateProblem.Unreadable)]
    [InlineData(LibvirtErrorCode.OperationInvalid, false, true, SavedStateProblem.Unreadable)]
    [InlineData(LibvirtErrorCode.SystemError, true, true, SavedStateProblem.ConnectionLost)]
    [InlineData(LibvirtErrorCode.OperationFailed, true, true, SavedStateProblem.ConnectionLost)]
    internal void Each_error_is_taken_for_what_it_is(LibvirtErrorCode code, bool isLost, bool hasState, SavedStateProblem problem) =>
        Assert.Equal(problem, SavedStateProblems.Of(new LibvirtException("said", (int)code, 10, 2, "virDomainManagedSaveGetXMLDesc", isLost), () => hasState));

    [Fact]
    public void A_daemon_that_is_gone_is_not_asked_anything_more() =>
        Assert.Equal(SavedStateProblem.ConnectionLost, SavedStateProblems.Of(
            new LibvirtException("said", (int)LibvirtErrorCode.Rpc, 7, 2, "virDomainManagedSaveGetXMLDesc", true), () => throw new InvalidOperationException("asked")));
}
