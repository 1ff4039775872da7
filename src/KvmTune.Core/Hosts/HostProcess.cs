// Runs programs on this machine (ssh, iperf3). The one file that knows the process library, so that it can be swapped.
using System.ComponentModel;
using Medallion.Shell;

namespace KvmTune.Hosts;

/// <summary>A program that runs on this machine. Its arguments are handed over one by one; no shell is involved.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly Command _command;
    private readonly Task<string> _output;

    private HostProcess(Command command)
    {
        _command = command;
        _output = command.StandardOutput.ReadToEndAsync();
    }

    /// <summary>Completed when the program has ended; its exit code.</summary>
    public Task<int> Ended => ExitCodeAsync();

    /// <summary>All that it wrote to its standard output, once it has closed that.</summary>
    public Task<string> OutputAsync() => _output;

    /// <summary>The next line of its standard error; null at its end.</summary>
    public Task<string?> ReadErrorLineAsync() => _command.StandardError.ReadLineAsync()!;

    /// <summary>The rest of its standard error.</summary>
    public Task<string> ReadErrorsAsync() => _command.StandardError.ReadToEndAsync();

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its name, as the <c>PATH</c> finds it.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="standardInput">What it gets on its standard input; null for an empty one.</param>
    /// <returns>The running program; null where there is no such program.</returns>
    public static HostProcess? Start(string program, IEnumerable<string> arguments, string? standardInput = null)
    {
        try
        {
            var command = Command.Run(program, arguments, options => options.ThrowOnError(false).DisposeOnExit(false));
            if (standardInput is null)
            {
                command.StandardInput.Dispose();
            }
            else
            {
                _ = FeedAsync(command, standardInput);
            }

            return new HostProcess(command);
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Ends the program at once where it still runs, and lets go of it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_command.Task.IsCompleted)
        {
            _command.Kill();
            await Task.WhenAny(_command.Task, Task.Delay(TimeSpan.FromSeconds(5)));
        }

        ((IDisposable)_command).Dispose();
    }

    private static async Task FeedAsync(Command command, string text)
    {
        try
        {
            await command.StandardInput.WriteAsync(text);
            command.StandardInput.Dispose();
        }
        catch (IOException)
        {
            // The program ended without reading all of it, which is its right.
        }
    }

    private async Task<int> ExitCodeAsync() => (await _command.Task).ExitCode;
}
