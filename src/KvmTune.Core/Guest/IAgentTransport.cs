// What the agent channel needs of libvirt: send one JSON command, and see whether the VM runs. Tests put a script in its place.
namespace KvmTune.Guest;

/// <summary>Carries JSON commands to one VM's guest agent. The calls block; the channel keeps them off the caller's thread.</summary>
public interface IAgentTransport
{
    /// <summary>The VM's name, for messages.</summary>
    string VMName { get; }

    /// <summary>Sends a command and returns the agent's whole reply (<c>{"return": …}</c>).</summary>
    /// <exception cref="GuestChannelException">
    /// There is no reply, or it is an error: <see cref="GuestChannelReason.AgentCommandFailed"/> with the agent's words.
    /// </exception>
    string Send(string command, TimeSpan timeLimit);

    /// <summary>Whether the VM runs at this moment.</summary>
    /// <exception cref="GuestChannelException">libvirt could not be asked.</exception>
    bool IsRunning();
}
