#!/usr/bin/env bash
# From a fresh Debian or Ubuntu machine with a .NET SDK to a running KvmTune. Installs what is missing; can be run again.
#   ./bootstrap.sh demo          builds the module, boots a lab guest, measures, changes, measures and compares
#   ./bootstrap.sh test [TIER]   builds and runs the tests, xunit and Pester; fast: without the lab, in two minutes; all: what repeats, too
#   ./bootstrap.sh test package  installs the Debian package in bare roots of Debian 12 and 13, and measures from there
#   ./bootstrap.sh bench [NAME]  runs the benchmarks, or one of them, side by side with what a user would use instead
#   ./bootstrap.sh lab VERB…     the lab by itself: tests/lab/lab.sh (up, down, status, …)
#   ./bootstrap.sh build         only builds the module into out/KvmTune
#   ./bootstrap.sh report        bundles the page of reports anew (src/KvmTune.Report), which needs npm; nothing else does
# `--in trixie` at the end (test, bench) does it in a bare Debian 13, with its libvirt and QEMU: tests/debian.sh.
# KVMTUNE_WITHOUT_POWERSHELL=1 goes on where the cmdlets cannot be run, with the engine alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off
self=$PWD/bootstrap.sh
tools=$PWD/out/tools
PATH=${PATH//"$tools:"/}
path_without_tools=$PATH
PATH=$tools:$PATH

say() { printf '\n== %s\n' "$*"; }

usage() { sed -n '2,11s/^# \{0,1\}//p' "$self" >&2; exit 2; }

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

has_npm() { command -v npm >/dev/null; }

# npm bundles the page that Export-VMTuningReport writes, for those who change it: only './bootstrap.sh report' installs it.
need_npm() {
    if has_npm; then return; fi
    say 'Installing Node.js and npm, by which the page of reports is bundled'
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

# Reports are checked by axe-core where npm is at hand. Done before the lab is up: that is when the network is needed.
find_axe() {
    if ! has_npm || [ -e src/KvmTune.Report/node_modules/axe-core ]; then return; fi
    (cd src/KvmTune.Report && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) ||
        loudly 'npm could not bring axe-core: NO REPORT IS CHECKED FOR ITS ACCESSIBILITY BY THE TESTS.'
}

# A fleet of hosts needs an SSH server. Where systemd runs, installing one would open this machine to the network, so that is left to its owner.
find_sshd() {
    if [ -x /usr/sbin/sshd ]; then return; fi
    if [ -d /run/systemd/system ]; then
        loudly 'There is no SSH server here (apt-get install openssh-server): THE FLEET OF THREE HOSTS IS NOT TESTED.'
    else
        say 'Installing an SSH server, by which the tests make a fleet of hosts; it is not started'
        apt_install openssh-server || loudly 'apt could not bring an SSH server: THE FLEET OF THREE HOSTS IS NOT TESTED.'
    fi
}

# Whether the pwsh on the PATH runs and is of a version that the module runs in.
runs_powershell() {
    command -v pwsh >/dev/null &&
        timeout 120 pwsh -NoProfile -NonInteractive -Command 'exit [int] ($PSVersionTable.PSVersion -lt [version] "7.4")' </dev/null >/dev/null 2>&1
}

without_powershell() { [ "${KVMTUNE_WITHOUT_POWERSHELL:-}" = 1 ]; }

# The pwsh of the PATH where it is 7.4 or later, else the one that .config/dotnet-tools.json pins, as out/tools/pwsh; and Pester in out/tools.
need_powershell() {
    if without_powershell; then return; fi
    local with_powershell=false
    if PATH=$path_without_tools runs_powershell; then
        rm -f "$tools/pwsh"
    else
        say 'There is no PowerShell 7.4 or later on the PATH: laying out in out/tools the one that .config/dotnet-tools.json pins'
        with_powershell=true
    fi
    if ! dotnet build tools/TestTools -v quiet -p:WithPowerShell=$with_powershell || ! runs_powershell; then
        loudly 'PowerShell 7.4 or later and Pester are needed, and could not be had (see above). The package source of NuGet' \
            'has both: is it reachable? A pwsh on the PATH that is new enough is used as it is (on Debian, Ubuntu and RHEL: the' \
            "package powershell of Microsoft's repository). KVMTUNE_WITHOUT_POWERSHELL=1 goes on without the cmdlets." >&2
        exit 1
    fi
}

report() {
    need_npm
    say 'Bundling the page of reports into src/KvmTune.Report/bundle'
    dotnet build src/KvmTune.Report -t:Rebuild -v quiet
}

build() {
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
    find_axe
    if [ "${1:-}" = all ]; then find_sshd; fi
    say 'Building the tests'
    dotnet build tests/KvmTune.Tests -c Release -v quiet
    if [ "${1:-}" = fast ]; then tests/run.sh fast; else tests/lab/lab.sh run tests/run.sh "$@"; fi
}

# The roots are made before the lab is up: that is when the network is needed.
prepare_package_tests() {
    local packages
    if [ "$(id -u)" != 0 ]; then echo "bootstrap.sh: test package makes and enters roots of Debian, so it needs root." >&2; exit 1; fi
    mapfile -t packages < <(tests/package/debian-root.sh packages)
    dpkg-query -W "${packages[@]}" >/dev/null 2>&1 || apt_install "${packages[@]}"
    tests/package/debian-root.sh prepare
}

test_package() { pwsh -NoProfile -NonInteractive -File tests/Pester/Invoke-Suite.ps1 -Filter DebianPackage; }

demo() {
    if without_powershell; then
        loudly 'Without PowerShell, as KVMTUNE_WITHOUT_POWERSHELL=1 says: this runs the same job on the engine as a library.' \
            'THE CMDLETS ARE NOT SHOWN.'
        dotnet run --project samples/EngineDemo -c Release
    else
        pwsh -NoProfile -NonInteractive -File samples/Demo.ps1
    fi
}

set_up() {
    need_dotnet
    tests/lab/packages.sh install
    need_powershell
    build
}

# The same command, without these two words, in a root of another release.
if [ $# -ge 3 ] && [ "${*: -2:1}" = --in ]; then exec tests/debian.sh "${!#}" "$self" "${@:1:$#-2}"; fi

case "${1:-}" in
    build) need_dotnet; build ;;
    demo) set_up; tests/lab/lab.sh run "$self" demo-inside ;;
    report) need_dotnet; report ;;
    test)
        shift
        if [ "${1:-}" = package ]; then set_up; prepare_package_tests; tests/lab/lab.sh run "$self" test-package-inside; else test_tier "$@"; fi ;;
    bench) set_up; shift; bench/packages.sh; tests/lab/lab.sh run bench/run.sh "$@" ;;
    lab) shift; tests/lab/packages.sh install; tests/lab/lab.sh "$@" ;;
    demo-inside) demo ;;
    test-package-inside) test_package ;;
    *) usage ;;
esac
