// Reads what a program writes, up to a bound: a program that never stops writing must not take the memory of this one.
using System.Text;

namespace KvmTune.Hosts;

/// <summary>Text from a program.</summary>
/// <param name="reader">Where it comes from.</param>
/// <param name="most">How many characters are kept.</param>
internal sealed class BoundedText(TextReader reader, int most)
{
    private readonly TaskCompletionSource _tooMuch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _read;

    /// <summary>Completed once there was more than is kept.</summary>
    public Task TooMuch => _tooMuch.Task;

    /// <summary>The next line; null at the end. A line that is longer comes in parts.</summary>
    public async Task<string?> ReadLineAsync(int longest)
    {
        var line = new StringBuilder();
        var one = new char[1];
        while (line.Length < longest)
        {
            if (await reader.ReadAsync(one.AsMemory()) == 0)
            {
                return line.Length == 0 ? null : line.ToString();
            }

            Count(1);
            if (one[0] == '\n')
            {
                break;
            }

            line.Append(one[0]);
        }

        return line.ToString();
    }

    /// <summary>The rest, as far as it is kept. All is read, so that the program does not wait for a reader.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var text = new StringBuilder();
        var buffer = new char[16 * 1024];
        while (await reader.ReadAsync(buffer.AsMemory()) is > 0 and var count)
        {
            text.Append(buffer, 0, Count(count));
        }

        return text.ToString();
    }

    // How many of so many characters are kept.
    private int Count(int count)
    {
        var kept = Math.Min(count, most - _read);
        _read += kept;
        if (kept < count)
        {
            _tooMuch.TrySetResult();
        }

        return kept;
    }
}
