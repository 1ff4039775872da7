using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("plain text, ümlaut, 日本語 and 🚀\n\tnext", "plain text, ümlaut, 日本語 and 🚀\n\tnext")]
    [InlineData("\u001b[2Jgone", "\\u001B[2Jgone")]
    [InlineData("a\rb", "a\\u000Db")]
    [InlineData("\u009b31m", "\\u009B31m")]
    [InlineData("bell\a\b\u007f\0", "bell\\u0007\\u0008\\u007F\\u0000")]
    [InlineData("\u202egnp.exe\u2066", "\\u202Egnp.exe\\u2066")]
    [InlineData(null, "")]
    public void What_a_terminal_obeys_becomes_its_number(string? text, string expected)
    {
        Assert.Equal(expected, TerminalText.Of(text));
        Assert.Equal(expected, TerminalText.Of(TerminalText.Of(text)));
    }

    [Fact]
    public void Half_a_surrogate_pair_becomes_its_number() => Assert.Equal("half \\uD83D!", TerminalText.Of("half \ud83d!"));

    [Fact]
    public void An_error_of_the_engine_never_carries_any() =>
        Assert.Equal("it said \\u001B]0;x\\u0007", new KvmTuneException("Any", KvmTuneErrorCategory.InvalidResult, "it said \u001b]0;x\a").Message);
}
