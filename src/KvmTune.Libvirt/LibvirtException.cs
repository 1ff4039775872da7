// The one exception for a libvirt call that failed.
namespace KvmTune.Libvirt;

/// <summary>
/// A libvirt call failed. <see cref="Exception.Message"/> is libvirt's own message, which libvirt may translate: use
/// <see cref="ErrorCode"/> for decisions, never the text.
/// </summary>
public sealed class LibvirtException : Exception
{
    /// <summary>An error without libvirt's details.</summary>
    public LibvirtException()
        : this("libvirt reported an error without saying which.")
    {
    }

    /// <summary>An error with a message only.</summary>
    /// <param name="message">The description of the error.</param>
    public LibvirtException(string message)
        : base(message)
    {
        Function = "";
    }

    /// <summary>An error with a message and a cause.</summary>
    /// <param name="message">The description of the error.</param>
    /// <param name="innerException">The cause.</param>
    public LibvirtException(string message, Exception innerException)
        : base(message, innerException)
    {
        Function = "";
    }

    /// <summary>An error with all details from libvirt.</summary>
    /// <param name="message">libvirt's message.</param>
    /// <param name="code">The <c>virErrorNumber</c>.</param>
    /// <param name="domain">The <c>virErrorDomain</c>.</param>
    /// <param name="level">The <c>virErrorLevel</c>.</param>
    /// <param name="function">The C function that failed.</param>
    /// <param name="isConnectionLost">Whether the connection was found dead right after the failure.</param>
    public LibvirtException(string message, int code, int domain, int level, string function, bool isConnectionLost)
        : base(message)
    {
        Code = code;
        Domain = domain;
        Level = level;
        Function = function;
        IsConnectionLost = isConnectionLost;
    }

    /// <summary>libvirt's error number (<c>virErrorNumber</c>).</summary>
    public int Code { get; }

    /// <summary><see cref="Code"/> as an enumeration; an unlisted number stays a number.</summary>
    public LibvirtErrorCode ErrorCode => (LibvirtErrorCode)Code;

    /// <summary>The part of libvirt that raised the error (<c>virErrorDomain</c>, for instance 10 for QEMU, 7 for RPC).</summary>
    public int Domain { get; }

    /// <summary>The severity (<c>virErrorLevel</c>: 1 a warning, 2 an error).</summary>
    public int Level { get; }

    /// <summary>The C function that failed, for instance <c>virDomainPinVcpuFlags</c>.</summary>
    public string Function { get; }

    /// <summary>
    /// Whether the connection was lost: the daemon has ended or does not answer. The call may or may not have been executed. A new connection is
    /// needed. False if no connection could be opened in the first place.
    /// </summary>
    public bool IsConnectionLost { get; }
}
