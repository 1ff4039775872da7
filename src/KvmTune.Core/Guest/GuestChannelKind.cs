// The choice of the channel into a guest.
namespace KvmTune.Guest;

/// <summary>The channels into a guest.</summary>
[JsonText(typeof(EnumName))]
public enum GuestChannelKind
{
    /// <summary>The guest agent if it can run programs, else SSH if an address is known.</summary>
    Auto,

    /// <summary>The QEMU guest agent.</summary>
    Agent,

    /// <summary>SSH.</summary>
    Ssh,
}
