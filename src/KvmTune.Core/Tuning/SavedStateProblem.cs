// Why the definition that libvirt saved with a guest's state could not be read: each reason needs another reaction.
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>Why a saved definition could not be read.</summary>
internal enum SavedStateProblem
{
    /// <summary>The connection to libvirt broke: nothing is known about the state.</summary>
    ConnectionLost,

    /// <summary>This user may not read it. It is unchanged.</summary>
    NotPermitted,

    /// <summary>It no longer exists: somebody else started the VM or removed its state.</summary>
    Absent,

    /// <summary>The file is incomplete, or is not a saved state.</summary>
    Damaged,

    /// <summary>Another cause, for example a file that cannot be opened now, or a libvirt that cannot read one: the state may be good.</summary>
    Unreadable,
}

/// <summary>Distinguishes the problems.</summary>
internal static class SavedStateProblems
{
    /// <summary>The problem behind an error of <see cref="LibvirtDomain.GetManagedSaveXml"/>.</summary>
    /// <remarks>
    /// libvirt 9.0, <c>qemuSaveImageOpen</c>: a header that is short, marked as incomplete, of no saved state or of another version gives
    /// <see cref="LibvirtErrorCode.OperationFailed"/>; a definition that is not XML gives one of the XML errors; a file that cannot be opened
    /// gives a system error. <c>qemuDomainManagedSaveGetXMLDesc</c> gives <see cref="LibvirtErrorCode.OperationInvalid"/> if there is no file.
    /// </remarks>
    /// <param name="exception">The error.</param>
    /// <param name="hasState">Whether libvirt still reports a saved state.</param>
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
