// The guest agent's JSON: builds the commands of KvmTune and reads their replies (QEMU: qga/qapi-schema.json).
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace KvmTune.Guest;

/// <summary>The state of a program of the agent, from <c>guest-exec-status</c>.</summary>
internal sealed record AgentExecStatus(
    bool Exited, int? ExitCode, int? Signal, byte[] OutputBytes, byte[] ErrorBytes, bool IsTruncated)
{
    public string StandardOutput => Encoding.UTF8.GetString(OutputBytes);

    public string StandardError => Encoding.UTF8.GetString(ErrorBytes);
}

/// <summary>The answer to <c>guest-info</c>.</summary>
internal sealed record AgentInfo(string Version, IReadOnlyDictionary<string, bool> Commands);

/// <summary>Builds and reads the messages of the QEMU guest agent.</summary>
internal static class AgentProtocol
{
    public const string Ping = """{"execute":"guest-ping"}""";

    public const string Info = """{"execute":"guest-info"}""";

    public static string Exec(string path, IEnumerable<string> arguments, string? standardInput)
    {
        var settings = new JsonObject
        {
            ["path"] = path,
            ["arg"] = new JsonArray([.. arguments.Select(argument => (JsonNode)argument)]),
            ["capture-output"] = true,
        };
        if (standardInput is not null)
        {
            settings["input-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(standardInput));
        }

        return new JsonObject { ["execute"] = "guest-exec", ["arguments"] = settings }.ToJsonString();
    }

    public static string ExecStatus(long processId) =>
        new JsonObject { ["execute"] = "guest-exec-status", ["arguments"] = new JsonObject { ["pid"] = processId } }.ToJsonString();

    public static AgentInfo ReadInfo(string reply) => Read(reply, "guest-info", value => new AgentInfo(
        value.GetProperty("version").GetString() ?? "unknown",
        value.GetProperty("supported_commands").EnumerateArray().ToDictionary(
            command => command.GetProperty("name").GetString() ?? throw new JsonException("a command without a name"),
            command => command.GetProperty("enabled").GetBoolean(),
            StringComparer.Ordinal)));

    public static long ReadProcessId(string reply) => Read(reply, "guest-exec", value => value.GetProperty("pid").GetInt64());

    public static AgentExecStatus ReadStatus(string reply) => Read(reply, "guest-exec-status", value => new AgentExecStatus(
        value.GetProperty("exited").GetBoolean(),
        ReadNumber(value, "exitcode"),
        ReadNumber(value, "signal"),
        ReadBytes(value, "out-data"),
        ReadBytes(value, "err-data"),
        ReadFlag(value, "out-truncated") || ReadFlag(value, "err-truncated")));

    private static T Read<T>(string reply, string command, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(reply);
            return read(document.RootElement.GetProperty("return"));
        }
        catch (Exception exception) when (GuestText.IsUnreadable(exception))
        {
            throw new GuestChannelException(
                GuestChannelReason.AgentCommandFailed, $"The guest agent's reply to {command} makes no sense: {GuestText.Shown(reply, 200)}", exception);
        }
    }

    private static int? ReadNumber(JsonElement value, string name) =>
        value.TryGetProperty(name, out var number) ? number.GetInt32() : null;

    private static bool ReadFlag(JsonElement value, string name) => value.TryGetProperty(name, out var flag) && flag.GetBoolean();

    private static byte[] ReadBytes(JsonElement value, string name) =>
        value.TryGetProperty(name, out var data) ? data.GetBytesFromBase64() : [];
}
