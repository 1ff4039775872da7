#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that the benchmarks need beside the lab's: the peers that they compare with. Does
# nothing, quickly, when nothing is missing. Through sudo where the caller is not root. With `list` it only prints their names.
set -euo pipefail

packages=(
    gcc             # the peers of `inventory` and `pin`: bare libvirt calls from C
    libvirt-dev     # its header
    libsqlite3-dev  # what a durable write costs, for the peer of `pin`
    libc6-dev
    python3-libvirt # the peer of `inventory` that a script would use
    virtinst        # virt-xml, the peer of `pin` that edits XML
)
# The peer of `watch`, which not every distribution has.
if [ -n "$(apt-cache madison virt-top 2>/dev/null)" ]; then packages+=(virt-top); fi

if [ "${1:-}" = list ]; then
    printf '%s\n' "${packages[@]}"
    exit
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else
        echo "bench/packages.sh: installing needs root, and there is no sudo. As root, run: apt-get install ${todo[*]}" >&2
        return 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

installed=$(dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' 2>/dev/null || true)
todo=()
for package in "${packages[@]}"; do
    grep -qE "^installed $package(:.*)?\$" <<<"$installed" || todo+=("$package")
done
if [ "${#todo[@]}" != 0 ]; then
    echo "Installing: ${todo[*]}" >&2
    # Lists that are absent or stale are the usual reason for a first failure.
    if ! apt install -y --no-install-recommends "${todo[@]}"; then
        apt update
        apt install -y --no-install-recommends "${todo[@]}"
    fi
fi
