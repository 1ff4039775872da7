#!/usr/bin/env bash
# A throw-away lab: two small guests, lab1 and lab2, on a real libvirt and QEMU. README.md beside this file says more.
#   lab.sh up                        builds, defines and boots what is not there yet; waits until both guests answer
#   lab.sh down                      removes all of it
#   lab.sh status                    what there is
#   lab.sh env                       shell exports for tests: eval "$(tests/lab/lab.sh env)"
#   lab.sh reset NAME [--no-start] [--cmdline TEXT]
#                                    a fresh guest NAME; TEXT is added to its kernel command line
#   lab.sh run COMMAND [ARGUMENT]…   up, the command with the lab's environment, down; ends with the command's exit code
#   lab.sh ssh NAME [COMMAND]…       a command (or a shell) in a guest
#   lab.sh daemon kill|start         the libvirtd that the lab started: ends it at once; starts it again
set -euo pipefail
umask 022
# shellcheck source-path=SCRIPTDIR source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
# shellcheck source=daemon.sh
. "$here/daemon.sh"
# shellcheck source=guests.sh
. "$here/guests.sh"
# shellcheck source=saved.sh
. "$here/saved.sh"

usage() { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }

need_tools() {
    local tool
    for tool in virsh qemu-system-x86_64 qemu-img ip flock; do
        have "$tool" || die "$tool is missing. Run: $here/packages.sh install"
    done
}

# lock [-s]: one up or down at a time; resets share it.
lock() {
    make_folder
    exec 9>"$lab_dir/lock"
    flock "$@" 9
}

make_folder() {
    if [ ! -e "$lab_dir" ]; then
        { mkdir -p "${lab_dir%/*}" && mkdir -m 0711 "$lab_dir"; } || die "$lab_dir cannot be made; set KVMTUNE_LAB_DIR"
    fi
    [ -O "$lab_dir" ] || die "$lab_dir belongs to somebody else; set KVMTUNE_LAB_DIR to a folder that others may traverse"
    mkdir -p "$state"
}

up() {
    local began=$SECONDS built
    need_tools
    check_access
    built=$("$here/build-guest.sh")
    lock
    start_daemon
    refuse_strangers
    start_network
    install_guest "$built" || true
    boot_guests
    exec 9>&-
    say "up: ${lab_guests[*]} ($(domain_type)) at $lab_uri, in $((SECONDS - began)) s"
}

down() {
    local connect_error=''
    if [ ! -e "$lab_dir" ]; then say "down"; return 0; fi
    need_tools
    if [ -e "$lab_dir/fleet" ]; then "$here/fleet.sh" down; fi
    lock
    # The lab's own daemon may have been killed, with guests still running.
    if [ -e "$state/libvirtd.pid" ] || [ -e "$state/guest" ]; then start_daemon; fi
    if connects; then
        remove_guests
        stop_network
    fi
    stop_daemon
    if [ ! -e "$state/libvirtd.pid" ] && [ ! -e "$state/systemd" ]; then rm -rf "$lab_dir"; fi
    exec 9>&-
    say "down"
}

status() {
    local connect_error='' name
    if ! have virsh; then echo "libvirt: not installed"; return; fi
    if ! connects; then echo "libvirt: does not answer at $lab_uri: $connect_error"; return; fi
    if [ -e "$state/libvirtd.pid" ]; then echo "libvirt: answers at $lab_uri, started by the lab"
    else echo "libvirt: answers at $lab_uri"
    fi
    echo "network $lab_network: $(virsh_ net-info "$lab_network" 2>/dev/null | awk '$1 == "Active:" { print $2 == "yes" ? "up" : "down"; y = 1 } END { if (!y) print "none" }')"
    for name in "${lab_guests[@]}"; do
        if ! exists dom "$name"; then echo "$name: none"
        elif ! ours "$name"; then echo "$name: somebody else's"
        elif answers_agent "$name"; then echo "$name: running, agent answers, $(address_of "$name")"
        else echo "$name: $(virsh_ domstate "$name" | head -n 1), agent does not answer"
        fi
    done
    echo "huge pages: $(awk '$3 == "hugetlbfs" { print "mounted at " $2; y = 1 } END { if (!y) print "not mounted" }' /proc/mounts)"
}

environment() {
    local built
    built=$(cat "$state/guest" 2>/dev/null) || die "the lab is not up"
    # SSH refuses a key that others may read, and wants the host's name beside the host's key.
    local known=$lab_dir/known_hosts name
    for name in "${lab_guests[@]}"; do echo "$name,$(address_of "$name") $(cat "$built/host_key.pub")"; done >"$known.$$"
    mv "$known.$$" "$known"
    local -A values=(
        [KVMTUNE_HOME]=$lab_dir/journal
        [KVMTUNE_LAB]=1
        [KVMTUNE_LAB_URI]=$lab_uri
        [KVMTUNE_LAB_DIR]=$lab_dir
        [KVMTUNE_LAB_SCRIPT]=$here/lab.sh
        [KVMTUNE_LAB_TYPE]=$(domain_type)
        [KVMTUNE_LAB_UUID_PREFIX]=$lab_uuid
        [KVMTUNE_LAB_HOST_ADDRESS]=$host_address
        [KVMTUNE_LAB_LAB1_ADDRESS]=$(address_of lab1)
        [KVMTUNE_LAB_LAB2_ADDRESS]=$(address_of lab2)
        [KVMTUNE_LAB_SSH_KEY]=$built/id_lab
        [KVMTUNE_LAB_KNOWN_HOSTS]=$known
    )
    # Only a daemon that is the lab's own may be killed by a test.
    if [ -e "$state/libvirtd.pid" ]; then values[KVMTUNE_LAB_MAY_KILL_DAEMON]=1; fi
    for name in "${!values[@]}"; do printf 'export %s=%q\n' "$name" "${values[$name]}"; done | sort
}

reset() {
    local name=${1:-} cmdline='' start=1
    case " ${lab_guests[*]} " in *" $name "*) ;; *) die "reset needs the name of a guest: ${lab_guests[*]}" ;; esac
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --no-start) start= ;;
            --cmdline) cmdline=${2?--cmdline needs a text}; shift ;;
            *) usage ;;
        esac
        shift
    done
    [ -e "$state/guest" ] || die "the lab is not up"
    lock -s
    start_daemon
    refuse_strangers
    if exists dom "$name"; then remove "$name"; fi
    if [ -n "$start" ]; then renew "$name" "$cmdline"; else create "$name" "$cmdline"; fi
    exec 9>&-
}

# The command gets signals as if it had been started from the shell; the lab goes down whatever happens.
run() {
    [ $# -gt 0 ] || usage
    local child='' code=0 exports
    trap 'code=$?; trap "" INT TERM HUP; down; exit "$code"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    up
    exports=$(environment)
    eval "$exports"
    watch_starts &
    trap ':' INT
    trap 'kill -TERM "$child" 2>/dev/null || true' TERM HUP
    env --default-signal=INT,QUIT "$@" <&0 &
    child=$!
    # wait comes back early for every signal.
    while kill -0 "$child" 2>/dev/null; do code=0; wait "$child" || code=$?; done
    exit "$code"
}

# Notes every start of a guest and when its agent is there, until the lab goes down: tests restart guests without this script.
watch_starts() {
    trap 'exit 0' TERM
    while [ -e "$lab_dir/lock" ] && kill -0 $$ 2>/dev/null; do
        stdbuf -oL virsh -c "$lab_uri" event --all --loop --timestamp >>"$lab_dir/events" 2>/dev/null || true
        sleep 0.5
    done
}

ssh_() {
    local name=${1:-}
    [ -n "$name" ] || usage
    shift
    in_guest "$name" "$@"
}

# in_guest NAME [COMMAND]…: by SSH.
in_guest() {
    local name=$1 exports
    shift
    exports=$(environment)
    eval "$exports"
    ssh -q -i "$KVMTUNE_LAB_SSH_KEY" -o IdentitiesOnly=yes -o UserKnownHostsFile="$KVMTUNE_LAB_KNOWN_HOSTS" \
        -o StrictHostKeyChecking=yes "root@$(address_of "$name")" "$@"
}

daemon() {
    [ -e "$state/libvirtd.pid" ] || die "the libvirtd that answers was not started by the lab"
    case ${1:-} in
        kill) stop_process "$state/libvirtd.pid" libvirtd KILL; touch "$state/libvirtd.pid" ;;
        start) start_daemon ;;
        *) usage ;;
    esac
}

verb=${1:-}
shift || true
case $verb in
    up) up ;;
    down) down ;;
    status) status ;;
    env) environment ;;
    reset) reset "$@" ;;
    run) run "$@" ;;
    ssh) ssh_ "$@" ;;
    daemon) daemon "$@" ;;
    *) usage ;;
esac
