#!/usr/bin/env bash
# run.sh [fast|all]: every test of a tier, built before; `./bootstrap.sh test` builds, brings the lab up around this, and calls it.
#   fast   what needs no lab
#          (nothing said) with every cmdlet, most rules and every kind of change on a real guest
#   all    what repeats for its own sake too: each example of the help, each workload by SSH, the whole corpus, kills by the hundred
# With two host CPUs or more, parts run beside each other that have no guest in common.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tier=${1:-default}
results=$PWD/out/test-results
case $tier in
    fast | default) of_tier='&Tier!=All' leave_out=All ;;
    all) of_tier='' leave_out='' ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
export KVMTUNE_TEST_TIER=$tier

say() { printf '\n== %s\n' "$*"; }

# xunit NAME FILTER: the tests of the tier that a filter takes.
xunit() { dotnet test tests/KvmTune.Tests -c Release --no-build --filter "$2$of_tier" --logger "trx;LogFileName=$results/$1.trx"; }

# pester NAME TAG LEAVE_OUT: the part of the suite with a tag; all of it without one.
pester() {
    pwsh -NoProfile -NonInteractive -File tests/Pester/Invoke-Suite.ps1 -CountsPath "$results/$1.counts" -TimesPath "$results/$1.times" \
        ${2:+-Tag "$2"} -ExcludeTag "$3"
}

# part NAME COMMAND…: a command with its output in a log; what it took, and how it ended, are noted.
part() {
    local name=$1 code=0
    shift
    TIMEFORMAT='%R %U %S'
    { time "$@" >"$results/$name.log" 2>&1 || code=$?; } 2>"$results/$name.took"
    echo "$code" >"$results/$name.code"
}

# beside LANE LANE: lanes at once where there are two host CPUs. A lane is the names of parts, which run one after another, each a
# function of its name; the output of each in one piece.
beside() {
    local name lane
    say "$(for name in $*; do printf '%s; ' "${about[$name]}"; done | sed 's/; $//')"
    for lane; do
        for name in $lane; do part "$name" "part_$name"; done &
        if [ "$(nproc)" -lt 2 ]; then wait; fi
    done
    wait
    for name in $*; do
        parts+=("$name")
        say "$name: ${about[$name]}, $(awk '{ printf "%d s", $1 }' "$results/$name.took")"
        cat "$results/$name.log"
        if [ "$(cat "$results/$name.code")" != 0 ]; then status=1; fi
    done
}

declare -A about=(
    [engine]='xunit: the engine, against values and the test driver'
    [guests]='xunit: the engine, on the guests of the lab'
    [hosts]='Pester: the cmdlets, on hosts that are not there'
    [lab1]='Pester: the cmdlets, on the guest lab1'
    [lab2]='Pester: the cmdlets, on the guest lab2'
    [lab]='Pester: the cmdlets, on all of the lab'
)
part_engine() { xunit engine 'Category!=Lab'; }
part_guests() { xunit guests 'Category=Lab'; }
part_hosts() { pester hosts '' "Lab,Package${leave_out:+,$leave_out}"; } # the Debian package is tested by `bootstrap.sh test package`
part_lab1() { pester lab1 lab1 "$leave_out"; }
part_lab2() { pester lab2 lab2 "$leave_out"; }
part_lab() { pester lab Alone "$leave_out"; }

# The value of an attribute of the <Counters> of a test result file.
counter() { grep -o "<Counters [^>]*" "$2" | grep -o " $1=\"[0-9]*\"" | grep -o '[0-9]\+'; }

status=0 passed=0 failed=0 skipped=0
rm -rf "$results" && mkdir -p "$results"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
parts=()
case ${KVMTUNE_WITHOUT_POWERSHELL:-},$tier in
    1,fast) beside engine ;;
    1,*) beside engine guests ;;
    *,fast) beside engine hosts ;;
    *)
        beside 'engine hosts' guests
        beside lab1 lab2
        beside lab
        ;;
esac

for name in "${parts[@]}"; do
    if [ -f "$results/$name.trx" ]; then
        p=$(counter passed "$results/$name.trx") f=$(counter failed "$results/$name.trx") total=$(counter total "$results/$name.trx")
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + total - p - f))
    elif [ -f "$results/$name.counts" ]; then
        read -r p f s <"$results/$name.counts"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    else
        failed=$((failed + 1))
        echo "The part $name ended without counts." >&2
    fi
done

tests/slowest.sh "$results" "${KVMTUNE_LAB_DIR:-}"
printf '\n%s\n' 'The parts, in seconds, and their CPU time without that of the guests:'
for name in "${parts[@]}"; do awk -v name="${about[$name]}" '{ printf "%8.1f %8.1f %s\n", $1, $2 + $3, name }' "$results/$name.took"; done

# The failures once more, with up to twenty lines of what each of xunit's said: other long output came after them.
for trx in "$results"/*.trx; do
    [ -f "$trx" ] || continue
    awk '
        /<UnitTestResult [^>]*outcome="Failed"/ { name = $0; sub(/.* testName="/, "", name); sub(/".*/, "", name); print "FAILED " name; lines = 0; failed = 1 }
        failed && /<Message>/ { said = 1; sub(/.*<Message>/, "") }
        said && lines < 20 { line = $0; sub(/<\/Message>.*/, "", line); print "    " line; lines++ }
        /<\/Message>/ { said = failed = 0 }
    ' "$trx"
done
cat "$results"/*.log | grep -a '^FAILED ' || true
if [ "${KVMTUNE_WITHOUT_POWERSHELL:-}" = 1 ]; then
    printf '\n%s\n' 'THE CMDLETS WERE NOT TESTED, as KVMTUNE_WITHOUT_POWERSHELL=1 says: THE PESTER SUITE WAS NOT RUN.'
fi
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] || status=1
exit "$status"
