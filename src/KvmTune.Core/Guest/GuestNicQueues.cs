// The guest's part of a NIC with several queues: finds the interface, sets its queues (ethtool -L), and reads them back.
using System.Globalization;
using System.Text.Json;
using KvmTune.Hosts;
using static KvmTune.NumberText;

namespace KvmTune.Guest;

/// <summary>The result of the step in the guest.</summary>
/// <param name="QueuesInUse">How many queues the guest uses; null if that could not be read.</param>
/// <param name="Verifications">The values read back.</param>
/// <param name="Notes">The steps that the user has to do.</param>
internal sealed record GuestNicQueuesResult(int? QueuesInUse, IReadOnlyList<Verification> Verifications, IReadOnlyList<string> Notes);

/// <summary>How many queues of one NIC a guest uses.</summary>
/// <param name="InUse">The number of queues in use; null if it is unknown.</param>
/// <param name="Interface">The interface's name in the guest; null if it is unknown.</param>
/// <param name="Source">Where the number was read, or would have been.</param>
/// <param name="Unknown">Why the number is unknown; null if it is known.</param>
public sealed record GuestNicQueuesReading(int? InUse, string? Interface, string Source, string? Unknown)
{
    /// <summary>A failed reading.</summary>
    public static GuestNicQueuesReading NotKnown(string why, string? name) => new(null, name, "guest: agent", why.TrimEnd('.'));
}

/// <summary>Sets and reads the queues of a guest's network interface (Red Hat, RHEL 7 tuning guide, multi-queue virtio-net).</summary>
/// <param name="channel">The channel into the guest.</param>
/// <param name="agent">The guest's agent, which can name interfaces even if it may not run programs.</param>
internal sealed class GuestNicQueues(IGuestChannel channel, IAgentTransport agent)
{
    private const string Interfaces = """{"execute":"guest-network-get-interfaces"}""";
    private static readonly TimeSpan ReplyLimit = TimeSpan.FromSeconds(10);

    /// <summary>Makes the guest use that many queues.</summary>
    /// <param name="mac">The NIC's hardware address.</param>
    /// <param name="queues">The number of queues.</param>
    /// <param name="cancellationToken">Ends the step; the NIC then works with the queues that it has.</param>
    public async Task<GuestNicQueuesResult> SetAsync(string mac, int queues, CancellationToken cancellationToken)
    {
        var name = $"IF (the interface with the address {mac})";
        try
        {
            await channel.CheckAsync(cancellationToken);
            if (await FindInterfaceAsync(mac, cancellationToken) is not { } found)
            {
                return ByHand(name, queues, "no interface with this address was found in the guest");
            }

            name = found;
            return await SetInterfaceAsync(found, queues, cancellationToken);
        }
        catch (GuestChannelException exception)
        {
            return ByHand(NameByAgent(mac) ?? name, queues, exception.Message);
        }
    }

    /// <summary>Reads how many queues the guest uses. A failure is part of the reading, not an exception.</summary>
    /// <param name="mac">The NIC's hardware address.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<GuestNicQueuesReading> ReadAsync(string mac, CancellationToken cancellationToken)
    {
        try
        {
            await channel.CheckAsync(cancellationToken);
            if (await FindInterfaceAsync(mac, cancellationToken) is not { } name)
            {
                return GuestNicQueuesReading.NotKnown("no interface with this address was found in the guest", null);
            }

            var channels = await TryRunAsync("ethtool", ["-l", name], cancellationToken);
            if (channels is { Succeeded: true } && ReadCombined(channels.StandardOutput) is { } combined)
            {
                return new GuestNicQueuesReading(combined, name, $"guest: ethtool -l {name}", null);
            }

            return await CountQueuesAsync(name, cancellationToken) is { } counted
                ? new GuestNicQueuesReading(counted, name, $"guest: /sys/class/net/{name}/queues", null)
                : GuestNicQueuesReading.NotKnown($"neither ethtool nor /sys/class/net/{name}/queues shows it", name);
        }
        catch (GuestChannelException exception)
        {
            return GuestNicQueuesReading.NotKnown(exception.Message, NameByAgent(mac));
        }
    }

    private async Task<GuestNicQueuesResult> SetInterfaceAsync(string name, int queues, CancellationToken cancellationToken)
    {
        var before = await CountQueuesAsync(name, cancellationToken);
        var notes = new List<string>();
        if (before != queues)
        {
            var set = await TryRunAsync("ethtool", ["-L", name, "combined", Text(queues)], cancellationToken);
            if (set is not { Succeeded: true })
            {
                return before is null || set is not null
                    ? ByHand(name, queues, set is null ? "the guest has no ethtool" : $"ethtool -L ended with {set.Describe()}")
                    : ByHand(name, queues, FormattableString.Invariant($"the guest uses {before} and has no ethtool to change that"));
            }

            notes.Add(FormattableString.Invariant(
                $"In '{agent.VMName}' {name} came up with {before ?? 1} queues and was set to {queues}. A reboot of the guest resets that; to keep it, run at each boot: ethtool -L {name} combined {queues}"));
        }

        var after = await CountQueuesAsync(name, cancellationToken);
        var channels = await TryRunAsync("ethtool", ["-l", name], cancellationToken);
        var combined = channels is { Succeeded: true } ? ReadCombined(channels.StandardOutput) : null;
        var verifications = new List<Verification>();
        if (combined is { } shown)
        {
            verifications.Add(new Verification($"{name} combined queues", VerifiedBy.Guest, $"guest: ethtool -l {name}", Text(queues), Text(shown)));
        }

        if (after is { } counted)
        {
            verifications.Add(new Verification($"{name} queues in use", VerifiedBy.Guest, $"guest: /sys/class/net/{name}/queues", Text(queues), Text(counted)));
        }

        return new GuestNicQueuesResult(combined ?? after, verifications, notes);
    }

    // Finds the device itself, not a bond, bridge or VLAN on top of it with the same address.
    private async Task<string?> FindInterfaceAsync(string mac, CancellationToken cancellationToken)
    {
        var result = await channel.RunAsync(GuestScripts.Command(GuestScripts.FindInterface, mac.ToLowerInvariant()), cancellationToken);

        return result is { Succeeded: true } ? Name(result.StandardOutput.Trim()) : null;
    }

    // Linux allows up to 15 characters except blanks, slashes and colons (net/core/dev.c, dev_valid_name). Users may paste the name into a
    // shell, so names with characters that a shell interprets are refused.
    private static string? Name(string? text) => text is { Length: > 0 and < 16 } && text[0] != '-'
        && text.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '_' or '-' or '@') ? text : null;

    private async Task<int?> CountQueuesAsync(string name, CancellationToken cancellationToken)
    {
        var result = await channel.RunAsync(GuestScripts.Command(GuestScripts.CountQueues, name), cancellationToken);
        return int.TryParse(result.StandardOutput.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 ? count : null;
    }

    private async Task<GuestCommandResult?> TryRunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            var result = await channel.RunAsync(new GuestCommand(program, arguments), cancellationToken);
            return result.ExitCode is 126 or 127 ? null : result;
        }
        catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.CommandNotFound)
        {
            return null;
        }
    }

    // "Combined:" appears twice: first among the maximums, then among the current settings.
    internal static int? ReadCombined(string channels)
    {
        var current = channels[Math.Max(channels.IndexOf("Current", StringComparison.Ordinal), 0)..];
        var line = current.Split('\n').FirstOrDefault(line => line.StartsWith("Combined:", StringComparison.Ordinal));
        return int.TryParse(line?["Combined:".Length..].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var combined) ? combined : null;
    }

    private string? NameByAgent(string mac)
    {
        try
        {
            using var reply = JsonDocument.Parse(agent.Send(Interfaces, ReplyLimit));
            return reply.RootElement.GetProperty("return").EnumerateArray()
                .Where(entry => entry.TryGetProperty("hardware-address", out var address) && string.Equals(address.GetString(), mac, StringComparison.OrdinalIgnoreCase))
                .Select(entry => Name(entry.GetProperty("name").GetString()))
                .FirstOrDefault();
        }
        catch (Exception exception) when (exception is GuestChannelException || GuestText.IsUnreadable(exception))
        {
            return null;
        }
    }

    private GuestNicQueuesResult ByHand(string name, int queues, string why) => new(null, [], [FormattableString.Invariant(
        $"In the guest of '{agent.VMName}' run: ethtool -L {name} combined {queues}, then check with: ethtool -l {name}. ({why.TrimEnd('.')}.)")]);
}
