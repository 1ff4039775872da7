#!/usr/bin/env bash
# Runs the benchmarks, or the one that is named, on the module in out/KvmTune and on the lab that is up:
#   pin | inventory | hosts [VMS] | import | completion | verdict | placement | harness | watch
#   bottlenecks [-Rounds N] [-Kind KIND,…] [-Minutes N] [-Resume] [-WriteDocs]   planted on the lab; half an hour
#   kills [ROUNDS]                     experiments on the lab, killed at random moments and taken back
#   decide [-Figure NAME,…] [-Rounds N]    how soon it is known, live: power | live | pairs | hand | cost; half an hour on the lab
#   record-stream WORKLOAD quiet|noisy SECONDS   makes a series for `decide` on the lab
#   record WORKLOAD quiet|noisy RUNS   makes a series for `verdict` on the lab, beside a noisy neighbour or without
#   record-boots BOOTS                 makes a series of boots of the same settings for `verdict` on the lab; a minute a boot
# Each prints one line a figure and writes the same to out/bench/NAME.json. README.md beside this file says what they measure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off LC_ALL=C.UTF-8
PATH=$PWD/out/tools:$PATH
# A journal of the benchmarks' own, on a disk of the same kind as the real one.
export KVMTUNE_HOME=$PWD/out/bench/journal

need() {
    [ -e "$1" ] || { echo "bench/run.sh: $1 is not there. $2" >&2; exit 1; }
}

in_powershell() {
    need out/KvmTune/KvmTune.psd1 'Build the module first: ./bootstrap.sh build'
    if ! command -v pwsh >/dev/null; then
        echo "bench/run.sh: '$1' needs PowerShell (pwsh), which is not on the PATH: NOT RUN." >&2
        return 1
    fi
    pwsh -NoProfile -NonInteractive -File "bench/$1.ps1" "${@:2}"
}

run() {
    printf '\n== %s\n' "$1"
    case $1 in
        inventory | hosts)
            mkdir -p out/bench/journal
            gcc -O2 -Wall -Werror -o out/bench/inventory-peer bench/inventory-peer.c -lvirt
            in_powershell "$@" ;;
        pin)
            mkdir -p out/bench/journal
            gcc -O2 -Wall -Werror -o out/bench/pin-peer bench/pin-peer.c -lvirt -lsqlite3
            in_powershell pin ;;
        import | completion | kills | watch | bottlenecks | decide) in_powershell "$@" ;;
        verdict | placement | harness | record | record-boots | record-stream) dotnet run --project bench/KvmTune.Bench -c Release -v quiet -- "$@" ;;
        *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
}

if [ $# -gt 0 ]; then
    run "$@"
else
    failed=0
    for name in import pin completion inventory hosts verdict placement harness watch; do run "$name" || failed=1; done
    exit "$failed"
fi
