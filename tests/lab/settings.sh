# shellcheck shell=bash
# Names, addresses and folders of the lab; sourced by its scripts. What a user may set is marked with (*).
# shellcheck disable=SC2034  # used by the files that source this one

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# virsh's messages are read in two places, so they have to be in one language.
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

lab_uri=${KVMTUNE_LAB_URI:-qemu:///system}                                          # (*)
lab_subnet=${KVMTUNE_LAB_SUBNET:-192.168.231}                                       # (*) a /24, without its last number
lab_cache=${KVMTUNE_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/kvmtune-lab} # (*) built guests
# Disks and state of the running lab. QEMU runs as another user and has to reach it, so it cannot be in a home folder; it
# has to be on a real disk, since O_DIRECT is wanted.
if [ "$(id -u)" = 0 ] && [ -d /var/lib/libvirt/images ]; then
    lab_dir=/var/lib/libvirt/images/kvmtune-lab
else
    lab_dir=/var/tmp/kvmtune-lab-$(id -u)
fi
lab_dir=${KVMTUNE_LAB_DIR:-$lab_dir}                                                # (*)

lab_network=kvmtune-lab
lab_bridge=virbr-kvmtune
read -ra lab_guests <<<"${KVMTUNE_LAB_GUESTS:-lab1 lab2}"                              # (*) one of them, or both
host_address=$lab_subnet.1

# Whatever is the lab's has a UUID that begins so; of the domains, lab1 and lab2 also have this element in their metadata.
lab_uuid=6b766d74-756e-4c61-8b00-
lab_marker=https://github.com/kvmtune/lab/1

say() { echo "lab: $*" >&2; }
die() { say "$*"; exit 1; }
# spent WHAT BEGAN: notes what a part of the lab's work cost, in seconds since BEGAN (an EPOCHREALTIME); a run of the tests shows the sums.
spent() { awk -v what="$1" -v began="$2" -v ended="$EPOCHREALTIME" 'BEGIN { printf "%.2f %s\n", ended - began, what }' >>"$lab_dir/costs"; }
have() { command -v "$1" >/dev/null; }

# Runs a command as root, or says why it cannot and fails.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo; then sudo "$@"
    else say "this needs root, and there is no sudo: $*"; return 1
    fi
}
