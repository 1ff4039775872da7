// Runs programs on this machine (ssh, iperf3). The one file that knows the process library, so that it can be swapped.
using System.ComponentModel;
using Medallion.Shell;

namespace KvmTune.Hosts;

/// <summary>A program that runs on this machine. Its arguments are handed over one by one; no shell is involved.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly Command _command;
    private readonly BoundedText _output;
    private readonly BoundedText _errors;

    private HostProcess(Command command, int mostOutput, int mostErrors)
    {
        _command = command;
        _output = new BoundedText(command.StandardOutput, mostOutput);
        _errors = new BoundedText(command.StandardError, mostErrors);
        Output = _output.ReadToEndAsync();
    }

    /// <summary>Completed when the program has ended; its exit code.</summary>
    public Task<int> Ended => ExitCodeAsync();

    /// <summary>Completed once it has written more than it may. What is too much is read and dropped, so that it can end.</summary>
    public Task TooMuch => Task.WhenAny(_output.TooMuch, _errors.TooMuch);

    /// <summary>All that it wrote to its standard output, once it has closed that.</summary>
    public Task<string> OutputAsync() => Output;

    /// <summary>The next line of its standard error; null at its end. A longer line comes in parts.</summary>
    public Task<string?> ReadErrorLineAsync(int most) => _errors.ReadLineAsync(most);

    /// <summary>The rest of its standard error.</summary>
    public Task<string> ReadErrorsAsync() => _errors.ReadToEndAsync();

    private Task<string> Output { get; }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its name, as the <c>PATH</c> finds it.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="standardInput">What it gets on its standard input; null for an empty one.</param>
    /// <param name="mostOutput">How many characters of its standard output are kept.</param>
    /// <param name="mostErrors">How many characters of its standard error are kept.</param>
    /// <returns>The running program; null where there is no such program.</returns>
    public static HostProcess? Start(string program, IEnumerable<string> arguments, string? standardInput = null, int mostOutput = 16 * 1024 * 1024, int mostErrors = 16 * 1024 * 1024)
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

            return new HostProcess(command, mostOutput, mostErrors);
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
