// A guest agent with the answers of a test.
using System.Text.Json.Nodes;
using KvmTune.Guest;

namespace KvmTune.Tests.Guest;

internal sealed class ScriptedAgent : IAgentTransport
{
    public string VMName => "vm";

    public Func<bool> IsRunningNow { get; init; } = () => true;

    public string Info { get; init; } = """{"return": {"version": "7.2", "supported_commands": []}}""";

    public Func<string, IReadOnlyList<string>, long> OnExec { get; init; } = (_, _) => 7;

    public Func<long, string> OnStatus { get; init; } = _ => """{"exited": true, "exitcode": 0}""";

    public List<string> Started { get; } = [];

    public bool IsRunning() => IsRunningNow();

    public string Send(string command, TimeSpan timeLimit)
    {
        var message = JsonNode.Parse(command)!;
        switch (message["execute"]!.GetValue<string>())
        {
            case "guest-exec":
                var path = message["arguments"]!["path"]!.GetValue<string>();
                Started.Add(path);
                var arguments = message["arguments"]!["arg"]!.AsArray().Select(argument => argument!.GetValue<string>()).ToList();
                return $$"""{"return": {"pid": {{OnExec(path, arguments)}} } }""";
            case "guest-exec-status":
                return $$"""{"return": {{OnStatus(message["arguments"]!["pid"]!.GetValue<long>())}} }""";
            case "guest-info":
                return Info;
            default:
                return """{"return": {}}""";
        }
    }
}
