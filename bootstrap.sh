#!/usr/bin/env bash
# From a fresh Debian or Ubuntu machine with a .NET SDK to a running KvmTune. Installs what is missing; can be run again.
#   ./bootstrap.sh demo          builds the module, boots a lab guest, measures, changes, measures and compares
#   ./bootstrap.sh test [TIER]   builds and runs the tests, xunit and Pester; fast: without the lab, in two minutes; all: what repeats, too
#   ./bootstrap.sh bench [NAME]  runs the benchmarks, or one of them, side by side with what a user would use instead
#   ./bootstrap.sh lab VERB…     the lab by itself: tests/lab/lab.sh (up, down, status, …)
#   ./bootstrap.sh build         only builds the module into out/KvmTune
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off
PATH=$PWD/out/tools:$PATH

usage() { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
say() { printf '\n== %s\n' "$*"; }

need_dotnet() {
    if ! dotnet --list-sdks 2>/dev/null | grep -q '^1[0-9]\.'; then
        echo "bootstrap.sh: a .NET SDK 10 or newer is needed on the PATH (https://dotnet.microsoft.com/download)." >&2
        exit 1
    fi
}

# Installs Debian or Ubuntu packages, through sudo where the caller is not root. Old lists are the usual reason for a first failure.
apt_install() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
    "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >&2 && return
    "${apt[@]}" update </dev/null >&2 && "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >&2
}

# npm bundles the page that Export-VMTuningReport writes. Asked for by command: Node.js's own package for Debian has npm in it.
need_npm() {
    if command -v npm >/dev/null; then return; fi
    say 'Installing Node.js and npm, which the build needs'
    if ! apt_install nodejs npm; then
        echo "bootstrap.sh: Node.js 18 or newer with npm is needed on the PATH (https://nodejs.org), and apt could not bring it." >&2
        exit 1
    fi
}

# Reports are opened in Chromium by their tests. Ubuntu has it only as a snap, so its absence is no error: those tests say that they were skipped.
find_chromium() {
    if command -v chromium >/dev/null || command -v google-chrome >/dev/null; then return; fi
    say 'Installing Chromium, by which the tests open reports'
    apt_install chromium || loudly 'There is no Chromium here, and apt could not bring one: NO REPORT IS OPENED BY THE TESTS.'
}

# PowerShell from the PATH, else as a .NET tool where the registry has it; has_powershell says whether there is one now.
find_powershell() {
    if ! command -v pwsh >/dev/null; then
        say "PowerShell is not on the PATH; trying 'dotnet tool install PowerShell'"
        dotnet tool install PowerShell --tool-path out/tools || true
    fi
    has_powershell
}

has_powershell() { command -v pwsh >/dev/null && pwsh -NoProfile -NonInteractive -Command 'exit 0'; }

has_pester() {
    pwsh -NoProfile -NonInteractive -Command '
        if (-not (Get-Module Pester -ListAvailable | Where-Object Version -ge 5.5)) {
            Install-PSResource Pester -Version "[5.5,6.0)" -TrustRepository -Quiet -ErrorAction Stop
        }' >/dev/null
}

build() {
    need_npm
    say 'Building the module into out/KvmTune'
    dotnet publish src/KvmTune.Cmdlets -c Release -v quiet
}

loudly() {
    printf '\n%s\n' '****************************************************************************'
    printf '* %s\n' "$@"
    printf '%s\n' '****************************************************************************'
}

# test_tier [fast|all]: everything is built before the lab is up; see tests/run.sh.
test_tier() {
    case "${1:-}" in '' | fast | all) ;; *) usage ;; esac
    set_up
    find_chromium
    say 'Building the tests'
    dotnet build tests/KvmTune.Tests -c Release -v quiet
    if [ "${1:-}" = fast ]; then tests/run.sh fast; else tests/lab/lab.sh run tests/run.sh "$@"; fi
}

demo() {
    if has_powershell; then
        pwsh -NoProfile -NonInteractive -File samples/Demo.ps1
    else
        loudly 'There is no PowerShell (pwsh) here: this runs the same job on the engine as a library.' \
            'The cmdlets themselves are not shown.'
        dotnet run --project samples/EngineDemo -c Release
    fi
}

set_up() {
    need_dotnet
    tests/lab/packages.sh install
    find_powershell || true
    build
}

case "${1:-}" in
    build) need_dotnet; build ;;
    demo) set_up; tests/lab/lab.sh run "$0" demo-inside ;;
    test) shift; test_tier "$@" ;;
    bench) set_up; shift; bench/packages.sh; tests/lab/lab.sh run bench/run.sh "$@" ;;
    lab) shift; tests/lab/packages.sh install; tests/lab/lab.sh "$@" ;;
    demo-inside) demo ;;
    *) usage ;;
esac
