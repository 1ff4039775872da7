// Why a program could not run in a guest: a fixed reason that serves as an error id, and a message that says what to do.
namespace KvmTune.Guest;

/// <summary>Why a guest channel failed. The names are stable: they are used as error ids.</summary>
[JsonText(typeof(EnumName))]
public enum GuestChannelReason
{
    /// <summary>The VM has no guest agent channel in its XML.</summary>
    AgentNotConfigured,

    /// <summary>The agent does not run in the guest, or does not answer.</summary>
    AgentNotResponding,

    /// <summary>The agent runs, but its configuration forbids <c>guest-exec</c>.</summary>
    GuestExecDisabled,

    /// <summary>The agent refused or failed a command for another reason.</summary>
    AgentCommandFailed,

    /// <summary>The VM does not run.</summary>
    GuestNotRunning,

    /// <summary>The guest was powered off or restarted, or its agent was restarted, while a program ran in it.</summary>
    GuestLost,

    /// <summary>The connection to libvirt was lost.</summary>
    ConnectionLost,

    /// <summary>The connection is read-only, or the user may not send commands to the agent.</summary>
    AccessDenied,

    /// <summary>The guest does not have the program.</summary>
    CommandNotFound,

    /// <summary>The program did not end within its time limit; it was ended in the guest.</summary>
    CommandTimedOut,

    /// <summary>A program was ended, but its end could not be confirmed.</summary>
    CommandStillRunning,

    /// <summary>The program wrote more than the channel can carry.</summary>
    OutputTooLarge,

    /// <summary>The host has no <c>ssh</c> program.</summary>
    SshNotInstalled,

    /// <summary>No address was given to reach the guest by SSH.</summary>
    SshAddressMissing,

    /// <summary>The guest could not be reached by SSH.</summary>
    SshUnreachable,

    /// <summary>The guest's host key is unknown, or differs from the known one.</summary>
    SshHostKeyRefused,

    /// <summary>The guest did not accept any key.</summary>
    SshAuthenticationFailed,
}

/// <summary>A program could not be run in a guest.</summary>
public sealed class GuestChannelException : KvmTuneException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">The fixed reason.</param>
    /// <param name="message">What was wrong, and what to do.</param>
    /// <param name="innerException">What caused it.</param>
    public GuestChannelException(GuestChannelReason reason, string message, Exception? innerException = null)
        : base(reason.ToString(), CategoryOf(reason), message, innerException) => Reason = reason;

    /// <summary>The fixed reason.</summary>
    public GuestChannelReason Reason { get; }

    /// <summary>True if trying again through this channel does not help.</summary>
    public bool IsFatal => Reason is not (GuestChannelReason.CommandTimedOut or GuestChannelReason.AgentCommandFailed
        or GuestChannelReason.OutputTooLarge);

    private static KvmTuneErrorCategory CategoryOf(GuestChannelReason reason) => reason switch
    {
        GuestChannelReason.CommandNotFound or GuestChannelReason.SshNotInstalled or GuestChannelReason.AgentNotConfigured => KvmTuneErrorCategory.NotInstalled,
        GuestChannelReason.GuestExecDisabled or GuestChannelReason.AccessDenied or GuestChannelReason.SshHostKeyRefused
            or GuestChannelReason.SshAuthenticationFailed => KvmTuneErrorCategory.PermissionDenied,
        GuestChannelReason.CommandTimedOut => KvmTuneErrorCategory.OperationTimeout,
        GuestChannelReason.GuestNotRunning or GuestChannelReason.CommandStillRunning => KvmTuneErrorCategory.InvalidOperation,
        GuestChannelReason.AgentCommandFailed or GuestChannelReason.OutputTooLarge => KvmTuneErrorCategory.InvalidResult,
        GuestChannelReason.SshAddressMissing => KvmTuneErrorCategory.InvalidArgument,
        _ => KvmTuneErrorCategory.ConnectionError,
    };
}
