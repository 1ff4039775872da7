// Which way into a guest is taken.
namespace KvmTune.Guest;

/// <summary>The ways into a guest.</summary>
[JsonText(typeof(EnumName))]
public enum GuestChannelKind
{
    /// <summary>The guest agent where it can run programs, else SSH where an address is known.</summary>
    Auto,

    /// <summary>The QEMU guest agent.</summary>
    Agent,

    /// <summary>SSH.</summary>
    Ssh,
}
