// libvirt's error numbers that a caller may need to distinguish.
namespace KvmTune.Libvirt;

/// <summary>
/// The common values of libvirt's <c>virErrorNumber</c> (virterror.h), with libvirt's numbers. A value that is not listed here is still passed
/// on as its number.
/// </summary>
public enum LibvirtErrorCode
{
    /// <summary>No error was recorded (VIR_ERR_OK).</summary>
    None = 0,

    /// <summary>An internal error, also of a driver or of QEMU (VIR_ERR_INTERNAL_ERROR).</summary>
    InternalError = 1,

    /// <summary>Out of memory (VIR_ERR_NO_MEMORY).</summary>
    NoMemory = 2,

    /// <summary>The driver has no such function at all (VIR_ERR_NO_SUPPORT).</summary>
    NoSupport = 3,

    /// <summary>The host name could not be resolved (VIR_ERR_UNKNOWN_HOST).</summary>
    UnknownHost = 4,

    /// <summary>No driver takes this URI (VIR_ERR_NO_CONNECT).</summary>
    NoConnect = 5,

    /// <summary>The connection is not valid any more (VIR_ERR_INVALID_CONN).</summary>
    InvalidConnection = 6,

    /// <summary>The domain handle is not valid (VIR_ERR_INVALID_DOMAIN).</summary>
    InvalidDomain = 7,

    /// <summary>An argument is wrong (VIR_ERR_INVALID_ARG).</summary>
    InvalidArgument = 8,

    /// <summary>The operation failed (VIR_ERR_OPERATION_FAILED).</summary>
    OperationFailed = 9,

    /// <summary>The XML is not what libvirt expects (VIR_ERR_XML_ERROR).</summary>
    XmlError = 27,

    /// <summary>A domain with this name or UUID exists already (VIR_ERR_DOM_EXIST).</summary>
    DomainExists = 28,

    /// <summary>A change on a read-only connection (VIR_ERR_OPERATION_DENIED).</summary>
    OperationDenied = 29,

    /// <summary>A file could not be opened (VIR_ERR_OPEN_FAILED).</summary>
    OpenFailed = 30,

    /// <summary>The XML is not well-formed (VIR_ERR_XML_DETAIL).</summary>
    XmlDetail = 35,

    /// <summary>A system call failed; also: no daemon answers, or the socket may not be opened (VIR_ERR_SYSTEM_ERROR).</summary>
    SystemError = 38,

    /// <summary>An error in the communication with the daemon (VIR_ERR_RPC).</summary>
    Rpc = 39,

    /// <summary>There is no such domain (VIR_ERR_NO_DOMAIN).</summary>
    NoDomain = 42,

    /// <summary>There is no such network (VIR_ERR_NO_NETWORK).</summary>
    NoNetwork = 43,

    /// <summary>Authentication failed (VIR_ERR_AUTH_FAILED).</summary>
    AuthenticationFailed = 45,

    /// <summary>The operation is not valid in the domain's current state (VIR_ERR_OPERATION_INVALID).</summary>
    OperationInvalid = 55,

    /// <summary>The configuration contains an unsupported setting (VIR_ERR_CONFIG_UNSUPPORTED).</summary>
    ConfigUnsupported = 67,

    /// <summary>The operation took too long, for instance because another one holds the domain (VIR_ERR_OPERATION_TIMEOUT).</summary>
    OperationTimeout = 68,

    /// <summary>A hook script failed (VIR_ERR_HOOK_SCRIPT_FAILED).</summary>
    HookScriptFailed = 70,

    /// <summary>The driver knows the function but not this argument or flag (VIR_ERR_ARGUMENT_UNSUPPORTED).</summary>
    ArgumentUnsupported = 74,

    /// <summary>The operation was aborted (VIR_ERR_OPERATION_ABORTED).</summary>
    OperationAborted = 78,

    /// <summary>The user cancelled authentication (VIR_ERR_AUTH_CANCELLED).</summary>
    AuthenticationCancelled = 79,

    /// <summary>The domain has no such metadata (VIR_ERR_NO_DOMAIN_METADATA).</summary>
    NoDomainMetadata = 80,

    /// <summary>A number is out of range (VIR_ERR_OVERFLOW).</summary>
    Overflow = 82,

    /// <summary>The driver knows the function but cannot do it here (VIR_ERR_OPERATION_UNSUPPORTED).</summary>
    OperationUnsupported = 84,

    /// <summary>The ssh transport failed (VIR_ERR_SSH).</summary>
    Ssh = 85,

    /// <summary>The guest agent is not connected or does not answer (VIR_ERR_AGENT_UNRESPONSIVE).</summary>
    AgentUnresponsive = 86,

    /// <summary>Something else uses the resource (VIR_ERR_RESOURCE_BUSY).</summary>
    ResourceBusy = 87,

    /// <summary>An access driver refused the operation (VIR_ERR_ACCESS_DENIED).</summary>
    AccessDenied = 88,

    /// <summary>A D-Bus service failed (VIR_ERR_DBUS_SERVICE).</summary>
    DBusService = 89,

    /// <summary>The CPU is not compatible with the host's (VIR_ERR_CPU_INCOMPATIBLE).</summary>
    CpuIncompatible = 91,

    /// <summary>The XML does not fit the schema (VIR_ERR_XML_INVALID_SCHEMA).</summary>
    XmlInvalidSchema = 92,

    /// <summary>Authentication is needed and there is no way to ask for it (VIR_ERR_AUTH_UNAVAILABLE).</summary>
    AuthenticationUnavailable = 94,

    /// <summary>The guest agent did not answer the synchronisation before a command (VIR_ERR_AGENT_UNSYNCED).</summary>
    AgentUnsynced = 97,

    /// <summary>The libssh transport failed (VIR_ERR_LIBSSH).</summary>
    LibSsh = 98,

    /// <summary>The device does not exist (VIR_ERR_DEVICE_MISSING).</summary>
    DeviceMissing = 99,

    /// <summary>More than one domain matches (VIR_ERR_MULTIPLE_DOMAINS).</summary>
    MultipleDomains = 110,
}
