// Every error of the engine and of the cmdlets, printed for review by a person, and checked against the rules for readable messages.
using System.Text;
using System.Text.RegularExpressions;
using KvmTune.Tests.Corpus;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Documentation;

public sealed partial class ErrorMessagesTests(ITestOutputHelper output)
{
    // Words that a reader cannot use, or has to read twice. "{…}" stands for a value.
    private static readonly (string Pattern, string Why)[] Unwanted =
    [
        (@"\(Parameter '", "it names a parameter of a method, which is none of a cmdlet"),
        (@"Object reference", "it says nothing of the cause"),
        (@"\\A|\\z|\[\^|\\d", "it shows a regular expression"),
        (@"\bdomain\b(?! XML)", "a VM is called a VM"),
        (@"[a-z]\.[A-Z][a-z]", "two sentences run together"),
        (@"(?<!\| ?)  (?! ?\|)", "it has two spaces side by side"),
        (@"\bshall\b|\bwhoever\b|\ball the same\b|\bis at it\b|\bwhat is there already\b|\bcannot be told\b|\bnobody knows\b|\bcannot be had\b|\banew\b|\bnevertheless\b|\b[Ss]ay -[A-Z]|(?<!\b[Tt]here )\bis no (?!longer\b)", "plain words say it better (CONTRIBUTING, Words)"),
        (@"!\s*\z", "an error does not shout"),
    ];

    private static string Sources => Path.Combine(LibvirtCorpus.RepositoryRoot(), "src");

    [Fact]
    public void Every_error_can_be_read()
    {
        var messages = All().ToList();
        Assert.True(messages.Count > 80, $"Only {messages.Count} messages were found: has the way that errors are made changed?");
        foreach (var (id, text, _) in messages.OrderBy(message => message.Id, StringComparer.Ordinal))
        {
            output.WriteLine($"{id}: {text}");
        }

        var bad = (
            from message in messages
            from unwanted in Unwanted
            where Regex.IsMatch(message.Text, unwanted.Pattern, RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
            select $"{message.File}: {message.Id}: {unwanted.Why}: {message.Text}").ToList();
        Assert.True(bad.Count == 0, string.Join('\n', bad));
    }

    [Fact]
    public void An_error_is_a_sentence_or_several() => Assert.All(All(), message => Assert.True(
        message.Text.TrimEnd(' ', '|')[^1] is '.' or '?' or ')' or '}',
        $"{message.File}: {message.Id} does not end as a sentence does: {message.Text}"));

    private static IEnumerable<(string Id, string Text, string File)> All() =>
        from file in Directory.EnumerateFiles(Sources, "*.cs", SearchOption.AllDirectories)
        where !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
        let text = File.ReadAllText(file)
        from Match match in Error().Matches(text)
        let message = Literals(text, match.Index + match.Length)
        where message.Length > 0
        select (match.Groups["id"].Value, message, Path.GetRelativePath(Sources, file));

    // The text of an argument: its literals one after the other, each interpolation hole as {…}, up to the end of the call.
    private static string Literals(string source, int from)
    {
        var text = new StringBuilder();
        var depth = 0;
        for (var at = from; at < source.Length && depth >= 0; at++)
        {
            switch (source[at])
            {
                case '(' or '[':
                    depth++;
                    break;
                case ')' or ']':
                    depth--;
                    break;
                case ',' when depth == 0:
                    return text.ToString();
                case '"':
                    at = Literal(source, at, text);
                    break;
                case '\'':
                    at += source[at + 1] == '\\' ? 3 : 2;
                    break;
                case '?' or ':' when source[at - 1] == ' ' && source[at + 1] == ' ' && text.Length > 0:
                    // Two alternatives.
                    text.Append(" | ");
                    break;
                case '/' when source[at + 1] == '/':
                    at = source.IndexOf('\n', at);
                    break;
            }
        }

        return text.ToString();
    }

    private static int Literal(string source, int quote, StringBuilder text)
    {
        var isInterpolated = quote > 0 && (source[quote - 1] == '$' || (source[quote - 1] == '@' && source[quote - 2] == '$'));
        var at = quote + 1;
        for (; source[at] != '"'; at++)
        {
            if (source[at] == '\\')
            {
                text.Append(source[++at] == 'n' ? '\n' : source[at]);
            }
            else if (isInterpolated && source[at] == '{' && source[at + 1] != '{')
            {
                at = Hole(source, at);
                text.Append("{…}");
            }
            else
            {
                at += isInterpolated && source[at] is '{' or '}' ? 1 : 0;
                text.Append(source[at]);
            }
        }

        return at;
    }

    private static int Hole(string source, int brace)
    {
        var depth = 1;
        for (var at = brace + 1; ; at++)
        {
            if (source[at] == '"')
            {
                at = Literal(source, at, new StringBuilder());
            }
            else if (source[at] == '{')
            {
                depth++;
            }
            else if (source[at] == '}' && --depth == 0)
            {
                return at;
            }
        }
    }

    [GeneratedRegex("\"(?<id>[A-Z][A-Za-z0-9]+)\",\\s*KvmTuneErrorCategory\\.\\w+,\\s*", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Error();
}
