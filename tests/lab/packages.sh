#!/usr/bin/env bash
# The Debian or Ubuntu packages that the lab needs on the host.
#   packages.sh list      names, one a line
#   packages.sh missing   those of them that are not installed
#   packages.sh install   installs what is missing; does nothing, quickly, when nothing is
# Through sudo where the caller is not root. The guest's own packages are not installed: see build-guest.sh.
set -euo pipefail

packages=(
    libvirt-daemon-system       # libvirtd, virtlogd
    libvirt-daemon-driver-qemu  # only recommended by the above in some releases
    libvirt-clients             # virsh
    qemu-system-x86
    qemu-utils                  # qemu-img
    dnsmasq-base                # never run, but libvirtd 9.0 crashes when it starts beside a live network and finds no dnsmasq
    e2fsprogs                   # mke2fs
    libxml2-utils               # xmllint, by which the tests hold edited XML to libvirt's own schema
    iproute2                    # ip
    kmod                        # depmod, modprobe --show-depends
    openssh-client              # ssh-keygen, ssh
    iperf3                      # the host's end of the network workload
    zstd                        # Ubuntu's kernel modules are compressed with it,
    xz-utils                    # and Debian's, from Debian 13 on, with this
)

# Prints the names of the packages that are not installed, one a line.
missing() {
    local installed
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
    local package
    for package in "${packages[@]}"; do
        grep -qxF "installed $package" <<<"$installed" || echo "$package"
    done
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else
        echo "packages.sh: installing needs root, and there is no sudo. As root, run: apt-get install ${todo[*]}" >&2
        return 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_missing() {
    local todo
    mapfile -t todo < <(missing)
    if [ "${#todo[@]}" = 0 ]; then return 0; fi
    echo "Installing: ${todo[*]}" >&2
    # Lists that are absent or stale are the usual reason for a first failure.
    if ! apt install -y --no-install-recommends "${todo[@]}" >&2; then
        apt update >&2
        apt install -y --no-install-recommends "${todo[@]}" >&2
    fi
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "packages.sh: this is neither Debian nor Ubuntu (no apt). Install by hand what gives: virsh, libvirtd," \
        "qemu-system-x86_64, qemu-img, mke2fs, ip, depmod, ssh-keygen, iperf3." >&2
    exit 1
fi
case "${1:-}" in
    list) printf '%s\n' "${packages[@]}" ;;
    missing) missing ;;
    install) install_missing ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
