// The one exception of the engine: what was wrong, with a fixed id and category that the cmdlets hand on as they are.
namespace KvmTune;

/// <summary>What kind of failure an error is; the names are those of PowerShell's error categories.</summary>
[JsonText(typeof(EnumName))]
public enum KvmTuneErrorCategory
{
    /// <summary>Something named does not exist.</summary>
    ObjectNotFound,

    /// <summary>A value cannot be used.</summary>
    InvalidArgument,

    /// <summary>The state of the VM or host does not allow it.</summary>
    InvalidOperation,

    /// <summary>A rule or a right forbids it.</summary>
    PermissionDenied,

    /// <summary>The host, the daemon or the guest cannot be reached.</summary>
    ConnectionError,

    /// <summary>Something is not installed.</summary>
    NotInstalled,

    /// <summary>It took longer than allowed.</summary>
    OperationTimeout,

    /// <summary>Somebody else is in the way.</summary>
    ResourceBusy,

    /// <summary>Something that is needed cannot be used now, for example a full disk.</summary>
    ResourceUnavailable,

    /// <summary>What was done did not take effect.</summary>
    InvalidResult,

    /// <summary>What is stored cannot be read.</summary>
    InvalidData,

    /// <summary>Somebody else could have prepared it.</summary>
    SecurityError,

    /// <summary>The driver or program cannot do it.</summary>
    NotImplemented,
}

/// <summary>An error of the engine. The message says what was wrong, with the value, and what to do.</summary>
public class KvmTuneException : Exception
{
    /// <summary>Makes an error.</summary>
    /// <param name="errorId">A fixed PascalCase word that scripts can rely on.</param>
    /// <param name="category">The kind of failure.</param>
    /// <param name="message">What was wrong, with the value, and what to do. What a terminal would obey in it is neutralised.</param>
    /// <param name="innerException">What caused it.</param>
    public KvmTuneException(string errorId, KvmTuneErrorCategory category, string message, Exception? innerException = null)
        : base(TerminalText.Of(message), innerException)
    {
        ErrorId = errorId;
        Category = category;
    }

    /// <summary>A fixed PascalCase word that scripts can rely on.</summary>
    public string ErrorId { get; }

    /// <summary>The kind of failure.</summary>
    public KvmTuneErrorCategory Category { get; }

    /// <summary>Somebody else's message as a sentence: libvirt's and the guest agent's have no full stop, and more text follows them.</summary>
    internal static string Sentence(string message)
    {
        var text = message.TrimEnd();
        return text.EndsWith('?') || text.EndsWith('!') ? text : $"{text.TrimEnd('.', ' ')}.";
    }
}
