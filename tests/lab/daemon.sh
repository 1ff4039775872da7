# shellcheck shell=bash
# shellcheck disable=SC2154  # settings.sh sets what is used here
# libvirtd for the lab: the one that answers is used; else one is started, without touching /etc, and stopped again.
# Sourced by lab.sh. What was started is remembered in $lab_dir/state: virtlogd.pid, libvirtd.pid, systemd, hugetlbfs, kvm.

state=$lab_dir/state

# Whether libvirt answers. Where it does not, its message is in $connect_error. Without a terminal: on one, virsh starts an agent of
# polkit, which writes there that authorization is not available where only the daemon is missing.
connects() {
    if connect_error=$(setsid --wait virsh -c "$lab_uri" uri 2>&1 >/dev/null); then connect_error=; return 0; fi
    return 1
}

# True where a daemon is there that does not let us in.
refused() { grep -qiE 'permission denied|authentication|polkit|access denied' <<<"$connect_error"; }

# pid_of FILE NAME: the process id in FILE, if a process of that name has it and lives (one that only waits to be reaped by
# its parent does not).
pid_of() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    if lives "$pid" "$2"; then echo "$pid"; else return 1; fi
}

lives() {
    [ "$(awk '$1 == "Name:" { n = $2 } $1 == "State:" && $2 != "Z" { print n }' "/proc/$1/status" 2>/dev/null)" = "$2" ]
}

# Ends with a message if libvirt will not be had: before anything is built.
check_access() {
    local connect_error=''
    if connects; then return 0; fi
    if refused; then
        die "libvirt at $lab_uri does not let $(id -un) in. Join its group (sudo usermod -aG libvirt $(id -un), then log in
again) or run the lab as root. It said: $connect_error"
    fi
    case $lab_uri in
        qemu:///system*) ;;
        *) die "nothing answers at $lab_uri, and the lab can start a daemon for qemu:///system only. $connect_error" ;;
    esac
    if [ "$(id -u)" != 0 ] && ! have sudo; then
        die "nothing answers at $lab_uri, and starting libvirtd needs root; there is no sudo."
    fi
}

start_daemon() {
    local connect_error=''
    if connects; then return 0; fi
    check_access
    mkdir -p "$state"
    if [ -d /run/systemd/system ]; then
        say "starting libvirtd (systemctl)"
        as_root systemctl start libvirtd.service
        touch "$state/systemd"
    else
        start_by_hand
    fi
    connects || die "libvirtd was started and does not answer at $lab_uri: $connect_error"
}

start_by_hand() {
    say "starting libvirtd (there is no systemd to ask for it)"
    # libvirtd looks for huge page mounts once, at its start.
    if ! grep -q ' hugetlbfs ' /proc/mounts && grep -qw hugetlbfs /proc/filesystems; then
        as_root mkdir -p /dev/hugepages
        if as_root mount -t hugetlbfs hugetlbfs /dev/hugepages 2>/dev/null; then touch "$state/hugetlbfs"
        else say "no hugetlbfs could be mounted: huge pages cannot be tried here"
        fi
    fi
    # Where QEMU's group may not open /dev/kvm, since no udev gave it that, libvirt asks QEMU anew what it can do, at length, for each
    # definition.
    if [ -c /dev/kvm ] && getent group kvm >/dev/null; then
        case $(stat -c '%G %a' /dev/kvm) in
            'kvm '?6? | 'kvm '?7? | *' '??6 | *' '??7) ;;
            *)
                stat -c '%g %a' /dev/kvm >"$state/kvm"
                as_root chgrp kvm /dev/kvm && as_root chmod 0660 /dev/kvm || rm -f "$state/kvm"
                ;;
        esac
    fi
    # Whoever runs the lab may use the daemon that the lab starts.
    cat >"$state/libvirtd.conf" <<END
unix_sock_group = "$(id -gn)"
unix_sock_ro_perms = "0777"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
END
    # 9 is the lab's lock: a daemon must not keep it.
    if ! pid_of /run/virtlogd.pid virtlogd >/dev/null && ! pid_of "$state/virtlogd.pid" virtlogd >/dev/null; then
        as_root virtlogd -d -p "$state/virtlogd.pid" 9>&-
    fi
    as_root libvirtd -d -f "$state/libvirtd.conf" -p "$state/libvirtd.pid" 9>&-
}

# stop_process FILE NAME [SIGNAL]: ends the process that FILE names and waits until it is gone.
stop_process() {
    local pid tries
    if pid=$(pid_of "$1" "$2"); then
        as_root kill "-${3:-TERM}" "$pid" 2>/dev/null || true
        for ((tries = 0; tries < 100; tries++)); do
            if ! lives "$pid" "$2"; then break; fi
            [ "$tries" = 60 ] && as_root kill -KILL "$pid" 2>/dev/null
            sleep 0.1
        done
    fi
    rm -f "$1"
}

# Stops what start_daemon started; leaves it while anybody else's guest or network uses it.
stop_daemon() {
    local connect_error='' others group mode
    if [ -e "$state/systemd" ] || [ -e "$state/libvirtd.pid" ]; then
        if connects; then
            others=$(virsh -c "$lab_uri" list --name --state-running --state-paused | sed '/^$/d')
            if [ -n "$others" ]; then
                say "libvirtd stays: it runs other guests by now ($(tr '\n' ' ' <<<"$others"))"
                return 0
            fi
        fi
        if [ -e "$state/systemd" ]; then
            # Its sockets came with it: had they been there, libvirt would have answered.
            as_root systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket || true
            rm -f "$state/systemd"
        else
            stop_process "$state/libvirtd.pid" libvirtd
            as_root rmdir /sys/fs/cgroup/machine /sys/fs/cgroup/*/machine 2>/dev/null || true
        fi
    fi
    if [ -e "$state/virtlogd.pid" ]; then stop_process "$state/virtlogd.pid" virtlogd; fi
    if [ -e "$state/hugetlbfs" ]; then
        if as_root umount /dev/hugepages; then
            as_root rmdir /dev/hugepages 2>/dev/null || true
            rm -f "$state/hugetlbfs"
        else
            say "/dev/hugepages is in use and stays mounted"
        fi
    fi
    if [ -e "$state/kvm" ]; then
        read -r group mode <"$state/kvm"
        if as_root chmod "$mode" /dev/kvm && as_root chgrp "$group" /dev/kvm; then rm -f "$state/kvm"; fi
    fi
}
