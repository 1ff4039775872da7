// KvmTune's own folder in the guest. It must not exist before, and is removed however a measurement ends.
using System.Globalization;
using System.Security.Cryptography;

namespace KvmTune.Guest;

/// <summary>A folder for a workload's files.</summary>
/// <remarks>
/// <see cref="RemoveAsync"/> removes it. If this process dies before that, and the folder has not been renewed for <see cref="Lease"/>, a small
/// watcher in the guest ends the noted process (<see cref="NoteProcess"/>) and removes the folder. It only stays if the guest is powered off
/// meanwhile.
/// </remarks>
public sealed class GuestTestFolder
{
    /// <summary>How long the folder outlives a measurement that does not renew it.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Part of a script that runs a program in the folder $folder. It notes the script's process there, so that the watcher can end it with its
    /// children. The start time of the process distinguishes it from a later process with the same number.
    /// </summary>
    internal const string NoteProcess = """
        began() {
            read -r line < "/proc/$1/stat" || return
            set -- ${line##*) }
            began=${20}
        }
        began "$$"
        echo "$$ $began" > "$folder/rate_process"

        """;

    private static readonly TimeSpan RemoveLimit = TimeSpan.FromMinutes(2);

    // Files are removed by name, so that only our own files are hit. The watcher has no output open, so the agent does not wait for it.
    private const string MakeScript = """
        umask 077
        mkdir -- "$1" || exit 1
        : > "$1/lease" || { rmdir -- "$1"; exit 1; }
        (
            trap '' HUP INT
            left=$2
            while [ -d "$1" ]; do
                if [ -e "$1/lease" ]; then rm -f -- "$1/lease"; left=$2; fi
                if [ "$left" -le 0 ]; then
                    if read -r process began < "$1/rate_process" && read -r line < "/proc/$process/stat"; then
                        folder=$1
                        end=$3
                        set -- ${line##*) }
                        if [ "${20}" = "$began" ]; then sh -c "$end" kvmtune "$process" 5 20; fi
                        set -- "$folder"
                    fi
                    rm -f -- "$1/data" "$1"/rate_* "$1/lease"
                    rmdir -- "$1"
                    exit
                fi
                sleep 5
                left=$((left - 5))
            done
        ) </dev/null >/dev/null 2>&1 &
        """;

    // The parent folder is synced. Otherwise a power-off in the next seconds would bring the removed files back.
    private const string RemoveScript = """
        [ -e "$1" ] || exit 0
        rm -f -- "$1/data" "$1"/rate_* "$1/lease"
        rmdir -- "$1"
        [ ! -e "$1" ] || exit 1
        sync "${1%/*}/" 2>/dev/null
        exit 0
        """;

    private const int RemoveAttempts = 3;

    private readonly IGuestChannel _channel;

    private GuestTestFolder(IGuestChannel channel, string path)
    {
        _channel = channel;
        Path = path;
    }

    /// <summary>The folder's absolute path in the guest.</summary>
    public string Path { get; }

    /// <summary>The path of the data file in it.</summary>
    public string DataFile => Path + "/data";

    /// <summary>Makes a new folder <c>.kvmtune-…</c> that only its owner can read.</summary>
    /// <exception cref="GuestChannelException">The guest did not answer.</exception>
    /// <exception cref="IOException">The folder could not be made; the message has the guest's error.</exception>
    public static Task<GuestTestFolder> MakeAsync(IGuestChannel channel, string parent, CancellationToken cancellationToken) =>
        MakeAsync(channel, parent, Lease, cancellationToken);

    internal static async Task<GuestTestFolder> MakeAsync(
        IGuestChannel channel, string parent, TimeSpan leaseTime, CancellationToken cancellationToken)
    {
        var name = ".kvmtune-" + RandomNumberGenerator.GetHexString(12, lowercase: true);
        var folder = new GuestTestFolder(channel, parent is "/" ? "/" + name : parent + "/" + name);
        var lease = ((int)leaseTime.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        try
        {
            var result = await channel.RunAsync(GuestScripts.Command(MakeScript, folder.Path, lease, GuestScripts.EndProcesses), cancellationToken);
            if (!result.Succeeded)
            {
                throw new IOException($"The folder {folder.Path} could not be made in the guest: {result.Describe()}");
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or GuestChannelException
        {
            Reason: GuestChannelReason.CommandTimedOut or GuestChannelReason.CommandStillRunning or GuestChannelReason.AgentNotResponding
                    or GuestChannelReason.ConnectionLost
        })
        {
            // The folder may exist although the call failed.
            await folder.RemoveAfterAsync(exception);
            throw;
        }

        return folder;
    }

    /// <summary>Renews the lease.</summary>
    /// <exception cref="GuestChannelException">The guest did not answer.</exception>
    public Task RenewAsync(CancellationToken cancellationToken) =>
        _channel.RunAsync(GuestScripts.Command(""": > "$1/lease" """, Path), cancellationToken);

    /// <summary>Removes the folder and makes sure that it is gone. Not cancellable: this is the clean-up.</summary>
    /// <exception cref="GuestChannelException">The guest did not answer.</exception>
    /// <exception cref="IOException">The folder still exists; the message has the guest's error.</exception>
    public async Task RemoveAsync()
    {
        // A program that is just ending can still hold or create a file, so a failed removal is tried again.
        // So is a removal that a busy guest did not answer in time.
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var result = await _channel.RunAsync(GuestScripts.Command(RemoveScript, Path) with { TimeLimit = RemoveLimit }, CancellationToken.None);
                if (result.Succeeded)
                {
                    return;
                }

                if (attempt == RemoveAttempts)
                {
                    throw new IOException($"{Path} could not be removed in the guest: {result.Describe()}");
                }
            }
            catch (GuestChannelException exception) when (attempt < RemoveAttempts
                && exception.Reason is GuestChannelReason.AgentNotResponding or GuestChannelReason.CommandTimedOut)
            {
                // Try again.
            }
        }
    }

    private async Task RemoveAfterAsync(Exception cause)
    {
        try
        {
            await RemoveAsync();
        }
        catch (Exception exception) when (exception is GuestChannelException or IOException)
        {
            if (cause is GuestChannelException first)
            {
                // The same cause probably prevented the creation and the removal, so the first error explains it.
                throw new GuestChannelException(first.Reason, $"{first.Message} Whether {Path} was made in the guest is not known.", first);
            }

            throw;
        }
    }

    /// <summary>
    /// Runs a program that writes a small file into the folder. The same call reads and removes the file, and renews the lease, because
    /// every call starts another process in the guest.
    /// </summary>
    /// <returns>The program's result, and the file's text; null if there is no file.</returns>
    /// <exception cref="GuestChannelException">The program could not be run.</exception>
    public async Task<(GuestCommandResult Result, string? File)> RunAndTakeAsync(
        GuestCommand command, string name, CancellationToken cancellationToken)
    {
        const string script = """
            file=$1/$2
            mark=$3
            : > "$1/lease"
            shift 3
            "$@"
            code=$?
            if [ -e "$file" ]; then
                printf '\n%s\n' "$mark"
                cat -- "$file"
                rm -f -- "$file"
            fi
            exit $code
            """;
        var mark = "kvmtune-file " + RandomNumberGenerator.GetHexString(12, lowercase: true);
        var result = await _channel.RunAsync(
            command with { Wrapped = command.Program, Path = "/bin/sh", Arguments = ["-c", script, "kvmtune", Path, name, mark, command.Path, .. command.Arguments] },
            cancellationToken);
        var parts = result.StandardOutput.Split($"\n{mark}\n", 2);
        return (result.OfShell() with { StandardOutput = parts[0] }, parts.Length == 2 ? parts[1] : null);
    }
}
