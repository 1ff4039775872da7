// The few fixed shell scripts that KvmTune runs in a guest. They are constants: what varies is passed as positional parameters.
namespace KvmTune.Guest;

/// <summary>Fixed POSIX shell scripts, tried with dash, bash and busybox ash.</summary>
internal static class GuestScripts
{
    /// <summary>
    /// Ends process $1, all its descendants and all members of its session: SIGTERM, up to $2 tenths of a second, then SIGKILL.
    /// Exits 0 when none of them is left (a zombie that waits for its parent counts as gone).
    /// </summary>
    public const string EndProcesses = """
        root=$1
        tenths=$2
        collect() {
            all=" $root "
            grown=1
            while [ "$grown" = 1 ]; do
                grown=0
                for s in /proc/[0-9]*/stat; do
                    p=${s#/proc/}
                    p=${p%/stat}
                    case $all in *" $p "*) continue ;; esac
                    { read -r line < "$s"; } 2>/dev/null || continue
                    set -- ${line##*) }
                    case $all in *" $2 "*) all="$all$p "; grown=1; continue ;; esac
                    if [ "$4" = "$root" ]; then all="$all$p "; grown=1; fi
                done
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
            collect
            left || exit 0
            kill -s "$signal" $some 2>/dev/null
            n=$tenths
            while left; do
                [ "$n" -gt 0 ] || break
                sleep 0.1 2>/dev/null || { sleep 1; n=$((n - 9)); }
                n=$((n - 1))
            done
        done
        if left; then
            echo "still running:$some"
            exit 1
        fi
        """;

    /// <summary>
    /// Runs "$@" with its outputs in files, and hands on what is short at once; of what is long it tells where it is. The first line of its
    /// output says which. The exit code is the program's; a signal's is 128 and its number.
    /// </summary>
    public const string RunIntoFiles = """
        d=$(mktemp -d "${TMPDIR:-/tmp}/kvmtune-XXXXXX") || exit 125
        trap 'rm -f "$d/out" "$d/err"; rmdir "$d"; exit 143' TERM INT HUP
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
        fi
        exit $code
        """;

    /// <summary>Piece $2 (from 0) of file $1, in pieces of 1 MiB.</summary>
    public const string ReadPiece = """dd if="$1" bs=1048576 skip="$2" count=1 2>/dev/null""";

    /// <summary>Removes the folder $1 of <see cref="RunIntoFiles"/>.</summary>
    public const string RemoveFiles = """rm -f "$1/out" "$1/err"; rmdir "$1" """;

    /// <summary>Prints the name of the network device with the hardware address $1: a real device, nothing that is stacked on one.</summary>
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

    /// <summary>The command that runs a script, whose output is short.</summary>
    public static GuestCommand Command(string script, params IReadOnlyList<string> parameters) =>
        new("/bin/sh", ["-c", script, "kvmtune", .. parameters]) { HasShortOutput = true };
}
