// A guest agent whose guest is this machine: real programs, real shells and a real /proc, without a guest.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using KvmTune.Guest;

namespace KvmTune.Tests.Guest;

/// <param name="temporary">The folder for temporary files of its programs.</param>
internal sealed class HostAgent(string temporary) : IAgentTransport
{
    private readonly ConcurrentDictionary<long, (Process Process, Task<byte[]> Output, Task<byte[]> Errors)> _running = new();

    public string VMName => "host";

    public bool IsRunning() => true;

    public string Send(string command, TimeSpan timeLimit)
    {
        var message = JsonNode.Parse(command)!;
        return message["execute"]!.GetValue<string>() switch
        {
            "guest-exec" => Start(message["arguments"]!),
            "guest-exec-status" => Status(message["arguments"]!["pid"]!.GetValue<long>()),
            _ => throw new NotSupportedException(command),
        };
    }

    private string Start(JsonNode arguments)
    {
        var start = new ProcessStartInfo(arguments["path"]!.GetValue<string>(), arguments["arg"]!.AsArray().Select(argument => argument!.GetValue<string>()))
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = temporary;
        var process = Process.Start(start)!;
        if (arguments["input-data"] is { } input)
        {
            process.StandardInput.BaseStream.Write(Convert.FromBase64String(input.GetValue<string>()));
        }

        process.StandardInput.Close();
        _running[process.Id] = (process, ReadAsync(process.StandardOutput.BaseStream), ReadAsync(process.StandardError.BaseStream));
        return $$"""{"return": {"pid": {{process.Id}} } }""";
    }

    private string Status(long id)
    {
        var (process, output, errors) = _running[id];
        return process.HasExited
            ? new JsonObject
            {
                ["return"] = new JsonObject
                {
                    ["exited"] = true,
                    ["exitcode"] = process.ExitCode,
                    ["out-data"] = Convert.ToBase64String(output.Result),
                    ["err-data"] = Convert.ToBase64String(errors.Result),
                },
            }.ToJsonString()
            : """{"return": {"exited": false}}""";
    }

    private static async Task<byte[]> ReadAsync(Stream stream)
    {
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }
}
