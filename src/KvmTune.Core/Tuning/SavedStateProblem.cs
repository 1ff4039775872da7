// Why the definition that libvirt saved with a guest's state could not be read: what is to be done differs by it.
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>Why a saved definition could not be read.</summary>
internal enum SavedStateProblem
{
    /// <summary>libvirt could not be asked to the end: nothing is known of the state.</summary>
    ConnectionLost,

    /// <summary>This user may not read it. It is as it was.</summary>
    NotPermitted,

    /// <summary>There is none any more: somebody else has started the VM, or removed its state.</summary>
    Absent,

    /// <summary>The file is not whole, or is no saved state.</summary>
    Damaged,

    /// <summary>Another cause, for instance a file that cannot be opened at this moment, or a libvirt that cannot read one: the state may be good.</summary>
    Unreadable,
}

/// <summary>Tells the problems apart.</summary>
internal static class SavedStateProblems
{
    /// <summary>The problem behind an error of <see cref="LibvirtDomain.GetManagedSaveXml"/>.</summary>
    /// <remarks>
    /// libvirt 9.0, <c>qemuSaveImageOpen</c>: a header that is short, marked as incomplete, of no saved state or of another version is
    /// <see cref="LibvirtErrorCode.OperationFailed"/>, a definition in it that is no XML one of the XML errors, a file that cannot be opened a system error;
    /// <c>qemuDomainManagedSaveGetXMLDesc</c> says <see cref="LibvirtErrorCode.OperationInvalid"/> where there is no file.
    /// </remarks>
    /// <param name="exception">The error.</param>
    /// <param name="hasState">Whether libvirt still says that there is a saved state.</param>
    public static SavedStateProblem Of(LibvirtException exception, Func<bool> hasState) => exception switch
    {
        { IsConnectionLost: true } => SavedStateProblem.ConnectionLost,
        {
            ErrorCode: LibvirtErrorCode.AccessDenied or LibvirtErrorCode.OperationDenied or LibvirtErrorCode.AuthenticationFailed
            or LibvirtErrorCode.AuthenticationCancelled or LibvirtErrorCode.AuthenticationUnavailable
        } => SavedStateProblem.NotPermitted,
        _ when !hasState() => SavedStateProblem.Absent,
        { ErrorCode: LibvirtErrorCode.OperationFailed or LibvirtErrorCode.XmlError or LibvirtErrorCode.XmlDetail or LibvirtErrorCode.XmlInvalidSchema } => SavedStateProblem.Damaged,
        _ => SavedStateProblem.Unreadable,
    };
}
