// The base class of all completers: filters by the typed text, adds quotes where needed, and offers nothing if the values are unknown.
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using KvmTune.Cmdlets.Common;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Completion;

/// <summary>A completion value with its tooltip.</summary>
/// <param name="Value">The value.</param>
/// <param name="ToolTip">Its description.</param>
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
            // Without the host there are no names: completion offers nothing, and the command itself reports the error.
            return [];
        }

        return candidates.Where(candidate => pattern.IsMatch(candidate.Value))
            .Select(candidate => new CompletionResult(Quote(candidate.Value), candidate.Value, CompletionResultType.ParameterValue, candidate.ToolTip));
    }

    /// <summary>All values that fit the parameters given so far.</summary>
    protected abstract IEnumerable<Candidate> Candidates(IDictionary boundParameters);

    /// <summary>The host according to the parameters given so far.</summary>
    protected static HostConnection Host(IDictionary boundParameters) => HostConnections.Get(boundParameters["ConnectionUri"]?.ToString());

    /// <summary>The configuration of the VM that the parameters given so far name; null if they name none.</summary>
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

    /// <summary>The CPU abilities that the host can give the named VM, or a new VM; null if they are unknown.</summary>
    protected static GuestCpuAbilities? GuestCpus(IDictionary boundParameters)
    {
        var vm = VM(boundParameters);
        return GuestCpuAbilities.Read(Host(boundParameters), vm?.Architecture, vm?.Machine, vm?.DomainType);
    }

    // PowerShell parses a bare word that begins with a digit as a number if it can (1e5, 007), and then passes another text.
    private static string Quote(string value) =>
        value.Length > 0 && value.All(character => char.IsLetterOrDigit(character) || character is '-' or '_' or '.' or ':' or '/' or '+')
            && (char.IsLetter(value[0]) || (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _) && (value[0] != '0' || value.Length == 1)))
            ? value
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(value)}'";
}
