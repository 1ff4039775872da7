# shellcheck shell=bash
# shellcheck disable=SC2154  # settings.sh sets what is used here
# The lab's network and its two guests. Sourced by lab.sh.

# With pipefail, 'grep -q' would end early and fail whatever writes to it; so no -q behind a pipe here.
virsh_() { virsh -q -c "$lab_uri" "$@"; }

# exists KIND NAME: whether libvirt has a domain (dom) or network (net-) of that name, whoever's it is.
exists() { virsh_ "$1uuid" "$2" >/dev/null 2>&1; }

# ours NAME: whether the domain carries the lab's mark.
ours() { virsh_ metadata "$1" "$lab_marker" --config >/dev/null 2>&1 || virsh_ metadata "$1" "$lab_marker" >/dev/null 2>&1; }

# Ends with a message if a domain or a network has a name of the lab's and is somebody else's.
refuse_strangers() {
    local name
    for name in "${lab_guests[@]}"; do
        if exists dom "$name" && ! ours "$name"; then
            die "there is a VM named $name at $lab_uri that the lab did not make. Nothing was done to it; rename it, or point
KVMTUNE_LAB_URI to another host."
        fi
    done
    if exists net- "$lab_network" && [ "$(virsh_ net-uuid "$lab_network")" != "${lab_uuid}0000000000ff" ]; then
        die "there is a network named $lab_network at $lab_uri that the lab did not make. Nothing was done to it."
    fi
}

start_network() {
    # libvirt writes a list of MAC addresses there even for a network without dnsmasq, and does not make the folder.
    if [ -d /var/lib/libvirt ] && [ ! -e /var/lib/libvirt/dnsmasq ]; then
        if as_root mkdir -m 0755 /var/lib/libvirt/dnsmasq; then touch "$state/dnsmasq"; fi
    fi
    if ! exists net- "$lab_network"; then
        # 'open' needs neither a DHCP nor a DNS server nor firewall rules. It does make libvirt turn on forwarding.
        cat /proc/sys/net/ipv4/ip_forward >"$state/ip_forward"
        virsh_ net-define /dev/stdin >/dev/null <<END
<network>
  <name>$lab_network</name>
  <uuid>${lab_uuid}0000000000ff</uuid>
  <forward mode='open'/>
  <bridge name='$lab_bridge' stp='off' delay='0'/>
  <dns enable='no'/>
  <ip address='$host_address' netmask='255.255.255.0'/>
</network>
END
    fi
    if ! virsh_ net-list --name | grep -xF "$lab_network" >/dev/null; then
        remove_leftover_bridge
        virsh_ net-start "$lab_network" >/dev/null ||
            die "the network of the lab does not start. Where $lab_subnet.0/24 is in use, set KVMTUNE_LAB_SUBNET to one that is free."
    fi
}

# A lab that was killed together with its container or its libvirtd leaves its bridge, and libvirt starts no network beside it. A
# bridge without a port is nobody's.
remove_leftover_bridge() {
    case $lab_uri in qemu:///*) ;; *) return 0 ;; esac
    if ! ip link show dev "$lab_bridge" >/dev/null 2>&1; then return 0; fi
    if [ -n "$(ip -o link show master "$lab_bridge")" ]; then
        die "guests of another lab are plugged into the bridge $lab_bridge: one lab at a time on one host. Take that one down first
(tests/lab/lab.sh down, where it was started)."
    fi
    say "removing the bridge $lab_bridge, which a killed lab left behind"
    as_root ip link delete dev "$lab_bridge"
}

stop_network() {
    if exists net- "$lab_network"; then
        virsh_ net-destroy "$lab_network" >/dev/null 2>&1 || true
        virsh_ net-undefine "$lab_network" >/dev/null
    fi
    if [ "$(cat "$state/ip_forward" 2>/dev/null)" = 0 ] && [ -z "$(virsh_ net-list --name | sed '/^$/d')" ]; then
        as_root sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward' || say "IPv4 forwarding, which libvirt turned on, stays on"
    fi
    rm -f "$state/ip_forward"
    if [ -e "$state/dnsmasq" ]; then as_root rmdir /var/lib/libvirt/dnsmasq 2>/dev/null || true; fi
}

number_of() { echo "${1#lab}"; }
address_of() { echo "$lab_subnet.1$(number_of "$1")"; }

# kvm where a VM of that type starts, else qemu (emulation).
domain_type() {
    if [ ! -e "$state/domain-type" ]; then
        if ! kvm_failed && starts_kvm; then echo kvm; else echo qemu; fi >"$state/domain-type"
    fi
    cat "$state/domain-type"
}

# Whether a guest did not come up with KVM since this machine was started; to have it tried anew, the file is removed.
kvm_failed() { [ "$(cat "$lab_cache/kvm-failed" 2>/dev/null)" = "$(cat /proc/sys/kernel/random/boot_id)" ]; }

# Tried and not asked: libvirt reports KVM too where QEMU's user may not open /dev/kvm, or where a nested one refuses the host's CPU.
starts_kvm() {
    local refusal
    [ -e /dev/kvm ] || return 1
    if refusal=$(virsh_ create --paused /dev/stdin 2>&1 >/dev/null <<END
<domain type='kvm'>
  <name>kvmtune-lab-probe</name>
  <uuid>${lab_uuid}0000000000fe</uuid>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <cpu mode='host-passthrough'/>
</domain>
END
    ); then
        virsh_ destroy "${lab_uuid}0000000000fe" >/dev/null
        return 0
    fi
    say "/dev/kvm is there, but no VM starts with it, so the guests are emulated: $refusal"
    return 1
}

# domain_xml NAME CMDLINE: the pristine definition.
domain_xml() {
    local name=$1 number type cpu='' graphics='' vdb=qcow2 arguments
    number=$(number_of "$name")
    type=$(domain_type)
    arguments="console=ttyS0 quiet loglevel=4 panic=1 mitigations=off cryptomgr.notests kvmtune.name=$name"
    arguments+=" kvmtune.address=$(address_of "$name")/24 kvmtune.gateway=$host_address"
    if [ "$type" = kvm ]; then cpu="<cpu mode='host-passthrough'/>"
    else arguments+=' no_timer_check tsc=reliable' # else it reads the time from a slow device, and fio does so all the time
    fi
    if [ "$name" = lab2 ]; then
        vdb=raw
        if virsh_ domcapabilities --virttype "$type" | grep '<value>vnc</value>' >/dev/null; then
            graphics="<graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' passwd='lab2-vnc'/>"
        fi
    fi
    cat <<END
<domain type='$type'>
  <name>$name</name>
  <uuid>${lab_uuid}00000000000$number</uuid>
  <metadata>
    <lab:guest xmlns:lab='$lab_marker' number='$number'/>
    <acme:ticket xmlns:acme='https://example.com/acme/1' priority='low'><acme:id>4711</acme:id></acme:ticket>
  </metadata>
  <memory unit='MiB'>512</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>$lab_dir/vmlinuz</kernel>
    <initrd>$lab_dir/initramfs</initrd>
    <cmdline>$arguments${2:+ $2}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  $cpu
  <clock offset='utc'>
    <timer name='rtc' tickpolicy='catchup'/>
    <timer name='pit' tickpolicy='delay'/>
    <timer name='hpet' present='no'/>
  </clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='$lab_dir/$name-root.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='$vdb'/>
      <source file='$lab_dir/$name-data.$vdb'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:6b:76:0$number'/>
      <source network='$lab_network'/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>
    <serial type='file'>
      <source path='$lab_dir/$name-console.log'/>
      <target port='0'/>
    </serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='virtio'><stats period='2'/></memballoon>
    <controller type='usb' model='none'/>
    $graphics
  </devices>
</domain>
END
}

# copy SOURCE TARGET: a sparse copy, in place when it is complete.
copy() {
    rm -f "$2"
    cp --sparse=always --reflink=auto "$1" "$2.new" && mv "$2.new" "$2"
}

# Takes over a built guest; true if it is another than the one that the lab has.
install_guest() {
    if [ "$(cat "$state/guest" 2>/dev/null)" = "$1" ]; then return 1; fi
    remove_guests
    rm -rf "$lab_dir/saved"
    local file
    for file in vmlinuz initramfs root.img; do copy "$1/$file" "$lab_dir/$file"; done
    echo "$1" >"$state/guest"
}

# create NAME CMDLINE: fresh disks and the pristine definition.
create() {
    local built
    built=$(cat "$state/guest")
    rm -f "$lab_dir/$1-root.qcow2" "$lab_dir/$1-console.log"
    qemu-img create -q -f qcow2 -b "$lab_dir/root.img" -F raw "$lab_dir/$1-root.qcow2"
    case $1 in
        lab2) copy "$built/data.img" "$lab_dir/$1-data.raw" ;;
        *) copy "$built/data.qcow2" "$lab_dir/$1-data.qcow2" ;;
    esac
    domain_xml "$1" "$2" | virsh_ define --validate /dev/stdin >/dev/null
}

# remove NAME: the domain only.
remove() {
    virsh_ destroy "$1" >/dev/null 2>&1 || true
    virsh_ undefine "$1" --managed-save --snapshots-metadata --checkpoints-metadata --nvram >/dev/null 2>&1 ||
        virsh_ undefine "$1" >/dev/null 2>&1 || ! exists dom "$1"
}

# Removes every domain that carries the lab's mark or a UUID of its own: also those that a test left behind.
remove_guests() {
    local uuid name removals=()
    for uuid in $(virsh_ list --all --uuid); do
        case $uuid in "$lab_uuid"*) remove "$uuid" & removals+=($!) ;; esac
    done
    if [ ${#removals[@]} -gt 0 ]; then wait "${removals[@]}"; fi
    for name in "${lab_guests[@]}"; do
        if exists dom "$name" && ours "$name"; then remove "$name"; fi
    done
}

is_running() { [ "$(virsh_ domstate "$1" 2>/dev/null)" = running ]; }

start() { is_running "$1" || virsh_ start "$1" >/dev/null; }

# Both guests, made where they are not there yet, started and answering. Where KVM starts a VM and its guest does not come up, as a nested
# one that lacks instructions does to it, they are emulated; a guest that KVM runs well is up in a few seconds. That is remembered until the
# machine is started again.
boot_guests() {
    local name first='' began=$EPOCHREALTIME
    [ -e "$state/domain-type" ] || first=1
    for name in "${lab_guests[@]}"; do
        exists dom "$name" || create "$name" ''
        start "$name"
    done
    if [ -n "$first" ] && [ "$(domain_type)" = kvm ]; then
        for name in "${lab_guests[@]}"; do
            if KVMTUNE_LAB_BOOT_SECONDS=20 wait_ready "$name"; then continue; fi
            say "KVM starts VMs here, but $name did not come up with it, so the guests are emulated; $lab_cache/kvm-failed remembers it"
            cat /proc/sys/kernel/random/boot_id >"$lab_cache/kvm-failed" || true
            remove_guests
            echo qemu >"$state/domain-type"
            boot_guests
            return
        done
    fi
    for name in "${lab_guests[@]}"; do boot "$name" "$began"; done
}

# boot NAME [BEGAN]: starts the guest and waits until it answers. One that hangs in its start, as an emulated one rarely does, is started once more.
boot() {
    local began=${2:-$EPOCHREALTIME}
    start "$1"
    if wait_ready "$1"; then spent "boot" "$began"; return 0; fi
    say "$1 is started once more; the end of its console was:"
    tail -n 20 "$lab_dir/$1-console.log" >&2 || true
    virsh_ destroy "$1" >/dev/null 2>&1 || true
    start "$1"
    wait_ready "$1" || die "$1 did not come up twice; its console: $lab_dir/$1-console.log"
    spent "boot" "$began"
}

# wait_ready NAME: until the guest has started, by its agent; where it was started without one, by its SSH port.
wait_ready() {
    local deadline=$((SECONDS + ${KVMTUNE_LAB_BOOT_SECONDS:-90})) ready
    if runs_agent "$1"; then ready=answers_agent; else ready=answers_ssh; fi
    until "$ready" "$1"; do
        if ! is_running "$1"; then say "$1 stopped while it started"; return 1; fi
        if [ "$SECONDS" -ge "$deadline" ]; then say "$1 does not answer"; return 1; fi
        sleep 0.2
    done
}
runs_agent() { ! virsh_ dumpxml "$1" | grep 'kvmtune.agent=off' >/dev/null; }
answers_agent() { virsh_ qemu-agent-command "$1" --timeout 5 '{"execute":"guest-ping"}' >/dev/null 2>&1; }
answers_ssh() { timeout 2 bash -c "exec 3<>/dev/tcp/$(address_of "$1")/22 && head -c 4 <&3" 2>/dev/null | grep SSH >/dev/null; }
