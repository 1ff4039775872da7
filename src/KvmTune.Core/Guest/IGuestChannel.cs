// The way into a guest: runs one program there and hands back all that it wrote.
namespace KvmTune.Guest;

/// <summary>Runs programs in one guest. Implementations may be used by several callers at the same time.</summary>
public interface IGuestChannel : IAsyncDisposable
{
    /// <summary>The kind of channel: <c>Agent</c> or <c>Ssh</c>.</summary>
    string Name { get; }

    /// <summary>Finds out whether programs can be run in the guest by this channel.</summary>
    /// <exception cref="GuestChannelException">They cannot; the reason says why, and the message what to do.</exception>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Runs a program and waits for its end. On cancellation and past the time limit the program and its children are
    /// ended in the guest, and the call returns when they are gone (bounded: a minute or so where the guest does not let them end).
    /// </summary>
    /// <returns>The program's end and whole output, whatever its exit code.</returns>
    /// <exception cref="GuestChannelException">The program could not be run, or not to its end.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the program is no longer running in the guest.</exception>
    Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken);
}
