// A page of docs/help: what platyPS' form says of a cmdlet.
namespace KvmTune.Help;

/// <summary>The help of one cmdlet. Texts are paragraphs, without the marks of Markdown.</summary>
public sealed record HelpPage
{
    /// <summary>The file that it was read from.</summary>
    public required string File { get; init; }

    /// <summary>The cmdlet's name.</summary>
    public required string Name { get; init; }

    /// <summary>What the cmdlet does, in a sentence.</summary>
    public IReadOnlyList<string> Synopsis { get; init; } = [];

    /// <summary>One line for each parameter set, as <c>Get-Command -Syntax</c> prints it.</summary>
    public IReadOnlyList<string> Syntax { get; init; } = [];

    /// <summary>What one needs to know to use it.</summary>
    public IReadOnlyList<string> Description { get; init; } = [];

    /// <summary>The examples, in order.</summary>
    public IReadOnlyList<HelpExample> Examples { get; init; } = [];

    /// <summary>The parameters, in order.</summary>
    public IReadOnlyList<HelpParameter> Parameters { get; init; } = [];

    /// <summary>The types that come down the pipeline.</summary>
    public IReadOnlyList<HelpType> Inputs { get; init; } = [];

    /// <summary>The types that come out.</summary>
    public IReadOnlyList<HelpType> Outputs { get; init; } = [];

    /// <summary>Notes: what can go wrong, and what is at risk.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Where to read on: cmdlets, topics, addresses.</summary>
    public IReadOnlyList<HelpLink> Links { get; init; } = [];
}

/// <summary>An example.</summary>
/// <param name="Title">Its title, with its number.</param>
/// <param name="Introduction">What stands before the code.</param>
/// <param name="Code">The commands.</param>
/// <param name="Remarks">What stands behind the code.</param>
/// <param name="Line">The line of the title in the page, from 1.</param>
public sealed record HelpExample(string Title, IReadOnlyList<string> Introduction, IReadOnlyList<string> Code, IReadOnlyList<string> Remarks, int Line);

/// <summary>A parameter.</summary>
/// <param name="Name">Its name, without the dash.</param>
/// <param name="Description">What it means.</param>
/// <param name="Facts">The yaml block: Type, Required, Position and so on, by their names.</param>
/// <param name="Line">The line of its heading in the page, from 1.</param>
public sealed record HelpParameter(string Name, IReadOnlyList<string> Description, IReadOnlyDictionary<string, string> Facts, int Line)
{
    /// <summary>A fact of the yaml block; empty where it has none of that name.</summary>
    public string Fact(string name) => Facts.GetValueOrDefault(name, string.Empty);
}

/// <summary>A type that goes in or comes out.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is.</param>
public sealed record HelpType(string Name, IReadOnlyList<string> Description);

/// <summary>A link.</summary>
/// <param name="Text">What is shown.</param>
/// <param name="Address">Where it leads; empty for another page of the module.</param>
public sealed record HelpLink(string Text, string Address);
