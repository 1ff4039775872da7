// The few fixed shell scripts of KvmTune in a guest. They are constants; variable parts are passed as positional parameters.
namespace KvmTune.Guest;

/// <summary>Fixed POSIX shell scripts, tried with dash, bash and busybox ash.</summary>
internal static class GuestScripts
{
    /// <summary>
    /// Ends process $1, all its descendants and all members of its session: SIGTERM, up to $2 seconds, then SIGKILL, up to $3 seconds.
    /// Exits 0 when none of them is left (a zombie that waits for its parent counts as gone).
    /// </summary>
    /// <remarks>
    /// Each process is stopped when it is found, and continues when it has its signal. Otherwise a program that starts others without a pause would
    /// have new ones at each look, and a look takes a second in a busy guest. Times are read from the guest's clock, because a sleep of a tenth of a
    /// second takes several seconds in a guest under full load.
    /// </remarks>
    public const string EndProcesses = """
        root=$1
        limit=$2
        last=$3
        clock() {
            read -r now rest < /proc/uptime
            now=${now%%.*}
        }
        collect() {
            all=" $root "
            kill -s STOP "$root" 2>/dev/null
            grown=1
            while [ "$grown" = 1 ]; do
                grown=0
                for s in /proc/[0-9]*/stat; do
                    p=${s#/proc/}
                    p=${p%/stat}
                    case $all in *" $p "*) continue ;; esac
                    { read -r line < "$s"; } 2>/dev/null || continue
                    set -- ${line##*) }
                    case $all in *" $2 "*) ;; *) [ "$4" = "$root" ] || continue ;; esac
                    all="$all$p "
                    grown=1
                    kill -s STOP "$p" 2>/dev/null
                done
                clock
                [ "$now" -lt "$until" ] || break
            done
        }
        left() {
            some=
            for p in $all; do
                { read -r line < "/proc/$p/stat"; } 2>/dev/null || continue
                set -- ${line##*) }
                case $1 in Z|X) ;; *) some="$some $p" ;; esac
            done
            [ -n "$some" ]
        }
        for signal in TERM KILL; do
            clock
            until=$((now + limit + 1))
            collect
            left || exit 0
            kill -s "$signal" $some 2>/dev/null
            kill -s CONT $some 2>/dev/null
            clock
            until=$((now + limit + 1))
            while left; do
                clock
                [ "$now" -lt "$until" ] || break
                sleep 0.1 2>/dev/null || sleep 1
            done
            limit=$last
        done
        if left; then
            echo "still running:$some"
            exit 1
        fi
        """;

    /// <summary>
    /// Runs "$@" after $1 with its outputs in the folder $1, to which <see cref="OutputFolder"/> adds the path. It prints a short output
    /// at once, and of a long one only the sizes. The first line of its own output tells which. The exit code is the program's; for a signal it is
    /// 128 plus its number.
    /// </summary>
    /// <remarks>
    /// The caller removes the folder of a long output, and of a program that it ended. If the caller dies, the guest removes it after ten minutes.
    /// </remarks>
    public const string RunIntoFiles = OutputFolder + """
        (umask 077; mkdir "$d") || exit 125
        "$@" >"$d/out" 2>"$d/err"
        code=$?
        set -- $(wc -c <"$d/out") $(wc -c <"$d/err")
        if [ $(($1 + $2)) -le 1000000 ]; then
            echo short
            cat "$d/out"
            cat "$d/err" >&2
            rm -f "$d/out" "$d/err"
            rmdir "$d"
        else
            echo "long $1 $2 $d"
            (
                trap '' HUP INT
                left=600
                while [ -d "$d" ] && [ "$left" -gt 0 ]; do
                    sleep 5
                    left=$((left - 5))
                done
                rm -f "$d/out" "$d/err"
                [ ! -d "$d" ] || rmdir "$d"
            ) </dev/null >/dev/null 2>&1 &
        fi
        exit $code
        """;

    /// <summary>Removes the folder $1 of <see cref="RunIntoFiles"/>, if it exists.</summary>
    public const string RemoveFiles = OutputFolder + """
        [ -e "$d" ] || exit 0
        rm -f "$d/out" "$d/err"
        rmdir "$d"
        """;

    private const string OutputFolder = """
        d=${TMPDIR:-/tmp}/$1
        shift

        """;

    /// <summary>Prints piece $2 (from 0) of file $1, in pieces of 1 MiB.</summary>
    public const string ReadPiece = """dd if="$1" bs=1048576 skip="$2" count=1 2>/dev/null""";

    /// <summary>Prints the name of the network device with the hardware address $1: a real device, not one stacked on it.</summary>
    public const string FindInterface = """
        for folder in /sys/class/net/*; do
            [ -e "$folder/device" ] || continue
            { read -r address < "$folder/address"; } 2>/dev/null || continue
            if [ "$address" = "$1" ]; then echo "${folder##*/}"; exit 0; fi
        done
        exit 1
        """;

    /// <summary>Prints how many receive queues of the network interface $1 are in use.</summary>
    public const string CountQueues = """
        n=0
        for queue in "/sys/class/net/$1/queues"/rx-*; do
            if [ -e "$queue" ]; then n=$((n + 1)); fi
        done
        echo "$n"
        """;

    /// <summary>How long <see cref="EndProcesses"/> may take: twice the time that it gives the processes, for a guest under full load.</summary>
    public static readonly TimeSpan EndLimit = TimeSpan.FromMinutes(1);

    // fio needs a moment for its last requests. A process that waits for a slow disk does not even react to SIGKILL before the disk answers.
    private const string TermSeconds = "5";
    private const string KillSeconds = "20";

    /// <summary>The command that ends a process, its descendants and its session.</summary>
    public static GuestCommand End(string processId) =>
        Command(EndProcesses, processId, TermSeconds, KillSeconds) with { TimeLimit = EndLimit };

    /// <summary>The command that runs a script with a short output.</summary>
    public static GuestCommand Command(string script, params IReadOnlyList<string> parameters) =>
        new("/bin/sh", ["-c", script, "kvmtune", .. parameters]) { HasShortOutput = true };
}
