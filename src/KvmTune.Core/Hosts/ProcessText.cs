// What a program writes, read piece by piece while it runs and never without limit.
using System.Text;
using System.Threading.Channels;

namespace KvmTune.Hosts;

/// <summary>The text of one of a program's outputs: one side copies it in, one reader takes it out, by lines or to its end.</summary>
/// <param name="mostCharacters">How much is kept at most, in UTF-16 characters.</param>
internal sealed class ProcessText(int mostCharacters)
{
    private readonly Channel<string> _pieces = Channel.CreateUnbounded<string>(new() { SingleReader = true, SingleWriter = true });
    private readonly StringBuilder _left = new();
    private int _written;

    /// <summary>Whether more came than is kept; the rest is lost then.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Copies a stream of UTF-8 until its end, or until more came than is kept.</summary>
    /// <param name="stream">What the program writes.</param>
    /// <param name="cancellationToken">Ends the copying; what came until then can be read.</param>
    public async Task CopyAsync(Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            using var reader = new StreamReader(stream, Encoding.UTF8, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
            var buffer = new char[8192];
            int count;
            while ((count = await reader.ReadAsync(buffer, cancellationToken)) > 0)
            {
                var kept = Math.Min(count, mostCharacters - _written);
                _written += kept;
                _pieces.Writer.TryWrite(new string(buffer, 0, kept));
                if (kept < count)
                {
                    IsTooLong = true;
                    return;
                }
            }
        }
        finally
        {
            _pieces.Writer.Complete();
        }
    }

    /// <summary>The next line without its end; null where there is none any more.</summary>
    public async Task<string?> ReadLineAsync()
    {
        var searched = 0;
        while (true)
        {
            for (; searched < _left.Length; searched++)
            {
                if (_left[searched] == '\n')
                {
                    var line = _left.ToString(0, searched);
                    _left.Remove(0, searched + 1);
                    return line;
                }
            }

            if (!await _pieces.Reader.WaitToReadAsync())
            {
                return _left.Length > 0 ? Take() : null;
            }

            TakePieces();
        }
    }

    /// <summary>All that was not read yet, once the program has closed this output.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await _pieces.Reader.WaitToReadAsync())
        {
            TakePieces();
        }

        return Take();
    }

    private void TakePieces()
    {
        while (_pieces.Reader.TryRead(out var piece))
        {
            _left.Append(piece);
        }
    }

    private string Take()
    {
        var text = _left.ToString();
        _left.Clear();
        return text;
    }
}
