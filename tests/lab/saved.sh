# shellcheck shell=bash
# shellcheck disable=SC2154  # settings.sh sets what is used here
# Booted guests, saved: a reset resumes one with copies of its disks, which takes a second where a boot takes ten. A guest and a kernel
# command line are booted once in a lab's life, at their first reset. Sourced by lab.sh.

# saved_folder NAME CMDLINE: where the memory and the disks of that guest are kept.
saved_folder() { echo "$lab_dir/saved/$1-$(md5sum <<<"$2" | cut -c1-8)"; }

# disks_of NAME: the files of its disks in the lab's folder.
disks_of() { case $1 in lab2) echo "$1-root.qcow2 $1-data.raw" ;; *) echo "$1-root.qcow2 $1-data.qcow2" ;; esac; }

# renew NAME CMDLINE: a running, answering guest as after its boot, with the pristine definition.
renew() {
    local name=$1 cmdline=$2 folder began=$EPOCHREALTIME
    folder=$(saved_folder "$name" "$cmdline")
    if [ ! -e "$folder/memory" ]; then
        create "$name" "$cmdline"
        boot "$name"
        save "$name" "$folder"
    fi
    if ! resume "$name" "$folder"; then
        say "$name could not be resumed and is booted"
        remove "$name"
        rm -rf "$folder"
        create "$name" "$cmdline"
        boot "$name"
    fi
    spent reset "$began"
}

# save NAME FOLDER: puts the memory and the disks of a running guest aside; it does not run after that.
save() {
    local disk began=$EPOCHREALTIME
    mkdir -p "$2"
    # The kernel makes the id of a boot when it is first asked for: before the save, or each resumed guest would have one of its own.
    in_guest "$1" cat /proc/sys/kernel/random/boot_id >/dev/null
    virsh_ dumpxml "$1" --inactive --security-info >"$2/definition.xml"
    virsh_ save "$1" "$2/memory.new" >/dev/null
    for disk in $(disks_of "$1"); do copy "$lab_dir/$disk" "$2/$disk"; done
    mv "$2/memory.new" "$2/memory"
    spent save "$began"
}

# resume NAME FOLDER: the saved guest. The memory has the definition with it that the guest ran with; the persistent one, which the next
# start uses, is defined anew. Not under 'set -e': the caller boots a guest where this fails.
resume() {
    local disk
    for disk in $(disks_of "$1"); do copy "$2/$disk" "$lab_dir/$disk" || return 1; done
    virsh_ define "$2/definition.xml" >/dev/null || return 1
    virsh_ restore "$2/memory" >/dev/null || return 1
    wait_ready "$1" || return 1
    set_clock "$1"
}

# The guest's clock stood still while it was saved; the one on its board did not.
set_clock() {
    if runs_agent "$1"; then virsh_ domtime "$1" --sync >/dev/null
    else in_guest "$1" hwclock -s -u >/dev/null
    fi
}
