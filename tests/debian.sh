#!/usr/bin/env bash
# Runs a command of this repository in a bare Debian of another release, with the libvirt, QEMU and tools of that:
#   tests/debian.sh SUITE COMMAND…     for example: tests/debian.sh trixie ./bootstrap.sh test
# The root is made by mmdebstrap, once, with what the lab, the tests and the benches install, and kept in KVMTUNE_DEBIAN_CACHE
# (~/.cache/kvmtune-debian). .NET, its packages, this repository and the certificates that are trusted are those of this machine. Needs root.
# A lab of the machine's own must not be up meanwhile; nothing of this one is left mounted when the command ends.
set -euo pipefail
shopt -s inherit_errexit
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${KVMTUNE_DEBIAN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvmtune-debian}

say() { echo "debian.sh: $*" >&2; }
die() { say "$*"; exit 1; }

# The root's packages: .NET's own needs (ICU, OpenSSL) come with nodejs.
packages() {
    "$repository/tests/lab/packages.sh" list
    "$repository/bench/packages.sh" list
    printf '%s\n' ca-certificates chromium nodejs npm virt-top
}

# The path of a release's root, which is made where there is none of these packages.
root_of() {
    local suite=$1 names root
    names=$(packages | sort -u | paste -sd,)
    root=$cache/$suite-$(sha256sum <<<"$names" | cut -c1-12)
    if [ ! -e "$root" ]; then
        command -v mmdebstrap >/dev/null || die 'mmdebstrap is missing. Install it: apt-get install mmdebstrap'
        mkdir -p "$cache"
        rm -rf "$cache/new-$suite"
        say "making a root of Debian's $suite, once; it is kept in $root"
        # As on an installed Debian, but no service starts, and QEMU uses the devices of this root: libvirt cannot make it a /dev of its own here.
        mmdebstrap --quiet --variant=apt --skip=cleanup/apt --include="$names" \
            --customize-hook='echo "namespaces = [ ]" >>"$1/etc/libvirt/qemu.conf"' \
            --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 0755 "$1/usr/sbin/policy-rc.d"' \
            "$suite" "$cache/new-$suite" >&2
        rm -rf "$cache/$suite-"* # a root with other packages, but not before this one is made
        mv "$cache/new-$suite" "$root"
    fi
    echo "$root"
}

# In a mount namespace of its own: what is mounted here is gone when the command ends, however it ends. No process namespace: as its first
# process the command would hear neither Ctrl+C nor a kill.
enter() {
    local root=$1 dotnet
    shift
    dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
    mkdir -p "$root$dotnet" "$root$repository" "$root$HOME/.nuget" "$HOME/.nuget"
    local file
    for file in resolv.conf hosts hostname; do cp --dereference "/etc/$file" "$root/etc/$file"; done
    # shellcheck disable=SC2016  # for the inner shell
    exec unshare --mount --propagation private bash -c '
        set -euo pipefail
        root=$1 dotnet=$2 repository=$3
        shift 3
        # A mount point: PowerShell has a drive only where the root is one.
        mount --bind "$root" "$root"
        for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
        mount -t tmpfs -o mode=755 tmpfs "$root/run"
        mkdir -p "$root/run/lock"
        mount --bind -o ro "$dotnet" "$root$dotnet"
        mount --bind "$HOME/.nuget" "$root$HOME/.nuget"
        mount --bind "$repository" "$root$repository"
        # What this machine trusts, a proxy with a certificate of its own among it.
        certificates=/etc/ssl/certs/ca-certificates.crt
        if [ -e "$certificates" ] && [ -e "$root$certificates" ]; then mount --bind -o ro "$certificates" "$root$certificates"; fi
        exec chroot "$root" env PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$dotnet" DOTNET_ROOT="$dotnet" \
            bash -c "cd \"\$1\"; shift; exec \"\$@\"" - "$repository" "$@"' - "$root" "$dotnet" "$repository" "$@"
}

[ $# -ge 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || die 'a root of Debian is made and entered by root only.'
suite=$1
shift
root=$(root_of "$suite")
enter "$root" "$@"
