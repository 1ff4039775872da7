#!/usr/bin/env bash
# A fleet on one machine: the hosts kvm1, kvm2 and kvm3. Each is namespaces of its own, with a libvirtd, an SSH server that has PowerShell's
# subsystem, a journal, and the guest lab1. Needs root (or sudo), sshd and pwsh, and a lab that is up.
#   fleet.sh up                    makes the hosts; prints the folder of an `ssh` that knows them, for the PATH
#   fleet.sh exec HOST COMMAND…    a command on a host
#   fleet.sh guest HOST COMMAND…   a command in its guest
#   fleet.sh cut HOST [PROGRAM]    takes the host off the network; with a name, as soon as a program of that name runs in its guest
#   fleet.sh mend HOST             puts it back
#   fleet.sh down                  removes all of it
set -euo pipefail
umask 022
# shellcheck source-path=SCRIPTDIR source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

fleet_dir=$lab_dir/fleet
fleet_hosts=(kvm1 kvm2 kvm3)
root=$(cd "$here/../.." && pwd)

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# Each host has a cable of its own to this machine: a /30 of 192.168.232.0.
number_of() { echo "${1#kvm}"; }
near() { echo "192.168.232.$((4 * $(number_of "$1") + 1))"; }
far() { echo "192.168.232.$((4 * $(number_of "$1") + 2))"; }
cable() { echo "kvmtune-$1"; }

need_host() { case " ${fleet_hosts[*]} " in *" ${1:-} "*) ;; *) die "name a host of the fleet: ${fleet_hosts[*]}" ;; esac; }

# The first process of a host; all of the host ends with it.
first_of() { cat "/proc/$(cat "$fleet_dir/$1/pid")/task/$(cat "$fleet_dir/$1/pid")/children" 2>/dev/null | awk '{ print $1 }'; }
enter() { local pid; pid=$(first_of "$1"); shift; nsenter -t "$pid" -m -u -i -n -p "$@"; }

up() {
    local name tool
    for tool in sshd ssh-keygen nsenter unshare pwsh ip; do have "$tool" || die "$tool is missing, and the hosts of a fleet need it"; done
    [ -e "$lab_dir/state/guest" ] || die "the lab is not up"
    [ ! -e "$fleet_dir" ] || down
    mkdir -p "$fleet_dir/bin"
    # Whoever asked for the hosts may open the key.
    ssh-keygen -q -t ed25519 -N '' -C kvmtune-fleet -f "$fleet_dir/key"
    chown "${SUDO_UID:-0}" "$fleet_dir/key"
    write_client
    for name in "${fleet_hosts[@]}"; do begin "$name"; done
    for name in "${fleet_hosts[@]}"; do wait_for "$name"; done
    echo "$fleet_dir/bin"
}

# What an admin has in ~/.ssh, by an ssh that reads it from here.
write_client() {
    local name
    for name in "${fleet_hosts[@]}"; do printf 'Host %s\n    HostName %s\n' "$name" "$(far "$name")"; done >"$fleet_dir/ssh_config"
    cat >>"$fleet_dir/ssh_config" <<END
Host *
    User root
    IdentityFile $fleet_dir/key
    IdentitiesOnly yes
    UserKnownHostsFile $fleet_dir/known_hosts
    StrictHostKeyChecking yes
    ConnectTimeout 10
    ServerAliveInterval 5
    ServerAliveCountMax 3
END
    printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$fleet_dir/ssh_config" >"$fleet_dir/bin/ssh"
    chmod 0755 "$fleet_dir/bin/ssh"
}

begin() {
    local name=$1 folder=$fleet_dir/$1 pid
    mkdir -p "$folder"/{etc,log,cache,journal} "$folder/lib/images" "$folder/lib/qemu"
    mkdir -m 0711 "$folder/lib/images/kvmtune-lab"
    mkdir "$folder/lib/images/kvmtune-lab/state"
    cp "$lab_dir/state/domain-type" "$folder/lib/images/kvmtune-lab/state/"
    # What QEMU can do is asked at length once, and not by each host.
    if [ -d /var/cache/libvirt/qemu ]; then cp -a /var/cache/libvirt/qemu "$folder/cache/"; fi
    printf 'security_driver = "none"\n' >"$folder/etc/qemu.conf"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$folder/host_key"
    echo "$(far "$name") $(cut -d' ' -f1,2 "$folder/host_key.pub")" >>"$fleet_dir/known_hosts"
    cp "$fleet_dir/key.pub" "$folder/authorized_keys"
    # An SSH server refuses an account that is locked, and this machine's root may be.
    sed 's/^root:[^:]*:/root:*:/' /etc/shadow >"$folder/shadow"
    chmod 0600 "$folder/shadow"
    write_server "$name"
    setsid unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc "$here/fleet.sh" inside "$name" </dev/null >"$folder/out" 2>&1 &
    pid=$!
    echo "$pid" >"$folder/pid"
    disown
    until [ -e "$folder/alone" ]; do
        kill -0 "$pid" 2>/dev/null || { cat "$folder/out" >&2; die "$name did not begin"; }
        sleep 0.1
    done
    ip link add "$(cable "$name")" type veth peer name eth0 netns "$(first_of "$name")"
    ip address add "$(near "$name")/30" dev "$(cable "$name")"
    ip link set "$(cable "$name")" up
    enter "$name" ip address add "$(far "$name")/30" dev eth0
    enter "$name" ip link set eth0 up
    touch "$folder/wired"
}

# The line with the subsystem is that of the documentation, with the pwsh of this machine.
write_server() {
    local subsystem
    subsystem=$(sed -n "s|^Subsystem powershell /usr/bin/pwsh |Subsystem powershell $(command -v pwsh) |p" "$root/docs/fleet.md")
    [ -n "$subsystem" ] || die "docs/fleet.md has no line 'Subsystem powershell /usr/bin/pwsh …'"
    cat >"$fleet_dir/$1/sshd_config" <<END
HostKey /run/host/host_key
AuthorizedKeysFile /run/host/authorized_keys
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
ClientAliveInterval 5
ClientAliveCountMax 3
$subsystem
SetEnv PATH=$PATH PSModulePath=$root/out KVMTUNE_HOME=/run/host/journal POWERSHELL_TELEMETRY_OPTOUT=1 POWERSHELL_UPDATECHECK=Off ${DOTNET_ROOT:+DOTNET_ROOT=$DOTNET_ROOT}
END
}

wait_for() {
    local folder=$fleet_dir/$1
    until [ -e "$folder/ready" ]; do
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || { cat "$folder/out" >&2; die "$1 ended while it began"; }
        sleep 0.2
    done
}

# The host itself, as the first process of its namespaces.
inside() {
    local name=$1 built=$lab_cache
    mount --make-rprivate /
    hostname "$name"
    # Without control groups: those of three libvirtds on one kernel would have the same names.
    umount -R -l /sys/fs/cgroup 2>/dev/null || true
    mount -t sysfs sysfs /sys
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir -p /run/lock /run/libvirt /run/sshd /run/host
    mount --bind "$fleet_dir/$name" /run/host
    mount --bind /run/host/shadow /etc/shadow
    mount --bind /run/host/etc /etc/libvirt
    mount --bind /run/host/log /var/log/libvirt
    mount --bind /run/host/cache /var/cache/libvirt
    mount --bind /run/host/lib /var/lib/libvirt
    ip link set lo up
    touch /run/host/alone
    until [ -e /run/host/wired ]; do sleep 0.1; done
    "$(command -v sshd)" -D -e -f /run/host/sshd_config &
    # Its lab is in the folder that the lab of this machine has outside.
    env -u KVMTUNE_LAB_DIR -u KVMTUNE_HOME KVMTUNE_LAB_URI=qemu:///system KVMTUNE_LAB_CACHE="$built" KVMTUNE_LAB_GUESTS=lab1 \
        KVMTUNE_LAB_BOOT_SECONDS="${KVMTUNE_LAB_BOOT_SECONDS:-300}" "$here/lab.sh" up
    touch /run/host/ready
    wait
}

# The guest's own SSH, from its host.
in_guest() {
    local name=$1
    shift
    enter "$name" env -u KVMTUNE_LAB_DIR KVMTUNE_LAB_URI=qemu:///system KVMTUNE_LAB_CACHE="$lab_cache" KVMTUNE_LAB_GUESTS=lab1 "$here/lab.sh" ssh lab1 "$@"
}

cut_off() {
    if [ -n "${2:-}" ]; then until in_guest "$1" pgrep -x "$2" >/dev/null; do sleep 0.2; done; fi
    ip link set "$(cable "$1")" down
}

mend() { ip link set "$(cable "$1")" up; }

down() {
    local name pid
    for name in "${fleet_hosts[@]}"; do
        if pid=$(cat "$fleet_dir/$name/pid" 2>/dev/null) && grep -zqx unshare "/proc/$pid/cmdline" 2>/dev/null; then
            kill -KILL "$pid"
            while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.1; done
        fi
        if ip link show "$(cable "$name")" >/dev/null 2>&1; then ip link delete "$(cable "$name")" || true; fi
    done
    rm -rf "$fleet_dir"
}

verb=${1:-}
shift || true
case $verb in up | exec | cut | mend | down | guest | inside) ;; *) usage ;; esac
if [ "$(id -u)" != 0 ]; then
    as_root env PATH="$PATH" KVMTUNE_LAB_DIR="$lab_dir" KVMTUNE_LAB_CACHE="$lab_cache" "$0" "$verb" "$@"
    exit
fi
case $verb in
    up | down) "$verb" ;;
    exec) need_host "${1:-}"; enter "$@" ;;
    guest) need_host "${1:-}"; in_guest "$@" ;;
    cut) need_host "${1:-}"; cut_off "$@" ;;
    mend) need_host "${1:-}"; mend "$1" ;;
    inside) inside "$1" ;;
esac
