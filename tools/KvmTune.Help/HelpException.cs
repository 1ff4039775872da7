// What is wrong with a page, with the place, so that the build can show it like a compiler's error.
namespace KvmTune.Help;

/// <summary>A page, or a package's licence, cannot be used.</summary>
public sealed class HelpException : Exception
{
    /// <summary>Says what is wrong and where.</summary>
    /// <param name="file">The file.</param>
    /// <param name="line">The line, from 1.</param>
    /// <param name="message">What is wrong, and what to do.</param>
    public HelpException(string file, int line, string message)
        : base(message)
    {
        File = file;
        Line = line;
    }

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>The line, from 1.</summary>
    public int Line { get; }
}
