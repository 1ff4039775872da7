// The root of all completers: filters by what was typed, quotes what needs it, and stays silent where nothing can be known.
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using KvmTune.Cmdlets.Common;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Completion;

/// <summary>A value that can be completed to, with the line that explains it.</summary>
/// <param name="Value">The value.</param>
/// <param name="ToolTip">What it is.</param>
public sealed record Candidate(string Value, string ToolTip);

/// <summary>Completes values of a parameter.</summary>
public abstract class Completer : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var typed = (wordToComplete ?? string.Empty).Trim('\'', '"');
        var pattern = new WildcardPattern(WildcardPattern.Escape(typed) + "*", WildcardOptions.IgnoreCase);
        IEnumerable<Candidate> candidates;
        try
        {
            candidates = Candidates(fakeBoundParameters).ToList();
        }
        catch (Exception exception) when (exception is KvmTuneException or LibvirtException or LibvirtUnavailableException)
        {
            // No host, no names: completion offers nothing, and the command itself will say why.
            return [];
        }

        return candidates.Where(candidate => pattern.IsMatch(candidate.Value))
            .Select(candidate => new CompletionResult(Quote(candidate.Value), candidate.Value, CompletionResultType.ParameterValue, candidate.ToolTip));
    }

    /// <summary>All values that make sense with the parameters given so far.</summary>
    protected abstract IEnumerable<Candidate> Candidates(IDictionary boundParameters);

    /// <summary>The host that the parameters given so far mean.</summary>
    protected static HostConnection Host(IDictionary boundParameters) => HostConnections.Get(boundParameters["ConnectionUri"]?.ToString());

    /// <summary>The configuration of the VM that the parameters given so far name; null when they name none.</summary>
    protected static VMConfiguration? VM(IDictionary boundParameters)
    {
        var host = Host(boundParameters);
        if ((boundParameters["VMName"] ?? boundParameters["VM"])?.ToString() is not { Length: > 0 } name
            || host.Read().TryLookupByName(name) is not { } domain)
        {
            return null;
        }

        using (domain)
        {
            return DomainXmlReader.Read(domain.GetXml());
        }
    }

    /// <summary>Which CPUs the host can give the VM that the parameters given so far name, or a new one; null where that is not known.</summary>
    protected static GuestCpuAbilities? GuestCpus(IDictionary boundParameters)
    {
        var vm = VM(boundParameters);
        return GuestCpuAbilities.Read(Host(boundParameters), vm?.Architecture, vm?.Machine, vm?.DomainType);
    }

    // A bare word that begins with a digit is a number to PowerShell where it can be (1e5, 007), and comes out as another word.
    private static string Quote(string value) =>
        value.Length > 0 && value.All(character => char.IsLetterOrDigit(character) || character is '-' or '_' or '.' or ':' or '/' or '+')
            && (char.IsLetter(value[0]) || (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _) && (value[0] != '0' || value.Length == 1)))
            ? value
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(value)}'";
}
