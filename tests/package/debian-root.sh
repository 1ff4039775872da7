#!/usr/bin/env bash
# Bare Debian roots, in which tests install the package as an admin does. Needs root; leaves nothing mounted and nothing running.
#   debian-root.sh make SUITE FOLDER          unpacks a fresh root of SUITE (bookworm, trixie), made by mmdebstrap once and cached
#   debian-root.sh enter FOLDER COMMAND…      runs a command in a root, with this machine's /proc, /sys, /dev and libvirt, and .NET
#   debian-root.sh prepare                    makes both cached roots, where they are not there yet
#   debian-root.sh packages                   the packages that this script needs on the machine
# The cached root also has PowerShell as a .NET tool, and libvirt's client library, downloaded and not installed, so that tests need no
# network. It is made anew where that recipe or PowerShell's version changed.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8
umask 022
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${KVMTUNE_PACKAGE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/kvmtune-package}

die() { echo "debian-root.sh: $*" >&2; exit 1; }

powershell_version() {
    grep -A2 -i '"powershell"' "$repository/.config/dotnet-tools.json" | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p'
}

# What .NET needs of the system: the C++ library, OpenSSL, ICU.
runtime_packages() {
    case $1 in
        bookworm) echo libstdc++6,libssl3,libicu72 ;;
        trixie) echo libstdc++6,libssl3t64,libicu76 ;;
        *) die "'$1' is not a suite that is known here: bookworm, trixie." ;;
    esac
}

# The path of the cached root, which is made where there is none.
cached() {
    local suite=$1 packages key file work
    packages=$(runtime_packages "$suite")
    key=$( (declare -f cached runtime_packages; powershell_version) | sha256sum | cut -c1-12)
    file=$cache/$suite-$key.tar
    if [ ! -e "$file" ]; then
        mkdir -p "$cache"
        rm -f "$cache/$suite-"*
        work=$(mktemp -d "$cache/work.XXXXXX")
        # shellcheck disable=SC2064  # the folder of now
        trap "rm -rf '$work'" EXIT
        echo "debian-root.sh: making a bare Debian root ($suite), once; it is kept in $file" >&2
        dotnet tool install PowerShell --version "$(powershell_version)" --tool-path "$work/powershell" >&2
        # As an installed Debian: no service starts, and apt keeps its lists.
        mmdebstrap --quiet --variant=apt --skip=cleanup/apt --include="$packages" \
            --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 0755 "$1/usr/sbin/policy-rc.d"' \
            --customize-hook='chroot "$1" apt-get -qq -y --download-only --no-install-recommends install libvirt0 >&2' \
            --customize-hook="mkdir -p \"\$1/opt\" && cp -a '$work/powershell' \"\$1/opt/powershell\"" \
            --customize-hook='ln -s /opt/powershell/pwsh "$1/usr/local/bin/pwsh"' \
            "$suite" "$work/root.tar" >&2
        mv "$work/root.tar" "$file"
        rm -rf "$work"
    fi
    echo "$file"
}

make() {
    local file
    file=$(cached "$1")
    mkdir "$2"
    tar -xf "$file" -C "$2"
}

# In a mount namespace of its own: what is bound here is gone when the command ends, however it ends.
enter() {
    local root=$1 dotnet
    shift
    dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
    mkdir -p "$root$dotnet" "$root/run/libvirt" /run/libvirt
    # shellcheck disable=SC2016  # for the inner shell
    exec unshare --mount --propagation private bash -c '
        set -euo pipefail
        root=$1 dotnet=$2
        shift 2
        # PowerShell takes its drive / from the mount points: without one at the root it finds no module.
        mount --bind "$root" "$root"
        for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
        mount --bind /run/libvirt "$root/run/libvirt"
        mount --bind -o ro "$dotnet" "$root$dotnet"
        exec chroot "$root" env -i PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$dotnet" HOME=/root LANG=C.UTF-8 \
            DOTNET_ROOT="$dotnet" DOTNET_CLI_TELEMETRY_OPTOUT=1 POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off \
            DEBIAN_FRONTEND=noninteractive "$@"' - "$root" "$dotnet" "$@"
}

case ${1:-} in
    make | enter | prepare) [ "$(id -u)" = 0 ] || die 'a root of Debian is made and entered by root only.' ;;
esac
case ${1:-} in
    make) [ $# = 3 ] || die 'make SUITE FOLDER'; make "$2" "$3" ;;
    enter) [ $# -ge 3 ] || die 'enter FOLDER COMMAND…'; shift; enter "$@" ;;
    prepare) for suite in bookworm trixie; do cached "$suite" >/dev/null; done ;;
    packages) printf '%s\n' mmdebstrap lintian ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
