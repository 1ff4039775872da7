#!/usr/bin/env bash
# Builds the lab's guest from the distribution's own packages and prints the folder that it is in.
#   build-guest.sh [--force]   the cached one, if there is one; with --force always a new one
# The folder holds: vmlinuz, initramfs, root.img (ext4), data.img and data.qcow2 (2 GiB, ext4, empty), id_lab and
# id_lab.pub (the key that the guest lets in as root), host_key.pub (the guest's own), packages (what it was made of).
# Nothing is installed on the host and no root is needed: packages are downloaded and unpacked.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
umask 022

wanted=(busybox-static qemu-guest-agent fio sysbench iperf3 ethtool e2fsprogs util-linux procps dropbear-bin bash)
# In the dependency closure but of no use in the guest: what only maintainer scripts and optional parts need.
unwanted='^(perl.*|libperl.*|lib.*-perl|python3.*|libpython3.*|dpkg|tar|debconf|adduser|passwd|usrmerge|usr-is-merged|base-files|base-passwd|init-system-helpers|media-types|mawk|debianutils|dmsetup|.*-common|sensible-utils|ucf|tzdata|ca-certificates|openssl|gcc-.*-base|dbus.*|systemd.*|lsb-base|sysvinit-utils|login.*|libpam-.*|coreutils|sed|grep|gzip|findutils|mount|netbase)$'
programs=(usr/sbin/qemu-ga usr/bin/fio usr/bin/sysbench usr/bin/iperf3 usr/sbin/ethtool usr/sbin/mke2fs
    usr/sbin/dropbear usr/bin/dropbearkey usr/bin/bash usr/bin/pgrep usr/bin/lsblk usr/sbin/blkid)
modules=(virtio_pci virtio_blk virtio_net virtio_console virtio_rng virtio_balloon virtio_scsi ext4)
optional_modules=(button evdev)

force=
case "${1:-}" in
    "") ;;
    --force) force=1 ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

release=$(. /etc/os-release && echo "${ID:-linux}-${VERSION_CODENAME:-${VERSION_ID:-0}}")
recipe=$(cd "$here" && LC_ALL=C cat build-guest.sh guest/* | sha256sum | cut -c1-12)
out=$lab_cache/guest-$release-$recipe
finished() { [ -e "$out/complete" ] && touch "$out/complete" && echo "$out"; }
if [ -z "$force" ] && finished; then exit 0; fi

for tool in apt-get apt-cache dpkg dpkg-deb flock mke2fs qemu-img depmod modprobe ssh-keygen; do
    have "$tool" || die "$tool is missing. Run: $here/packages.sh install"
done
[ "$(dpkg --print-architecture)" = amd64 ] || die "the lab guest can be built on amd64 only"

mkdir -p "$lab_cache"
exec 8>"$lab_cache/lock"
flock 8
# Somebody else may have built it meanwhile.
if [ -z "$force" ] && finished; then exit 0; fi
work=$(mktemp -d "$lab_cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$work/debs" "$root" "$work/kernel" "$work/initramfs" "$work/out"
: >"$work/no-packages"

# resolve PACKAGE...: "name=version" of these and of all that they depend on, as if nothing were installed yet.
resolve() {
    apt-get -s -q -o Dir::State::Status="$work/no-packages" -o APT::Get::Show-User-Simulation-Note=false \
        --no-install-recommends install "$@" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p'
}

resolve_all() {
    local kernel
    for kernel in linux-image-cloud-amd64 linux-image-virtual linux-image-amd64 linux-image-generic; do
        if apt-cache show "$kernel" >/dev/null 2>&1; then break; fi
    done
    resolve "${wanted[@]}" | awk -F= -v unwanted="$unwanted" '$1 !~ unwanted' >"$work/packages" &&
        resolve "$kernel" | grep -E '^linux-(image|modules)-[^=]*[0-9]' >"$work/kernel-packages"
}

download() {
    mapfile -t all < <(cat "$work/packages" "$work/kernel-packages")
    (cd "$work/debs" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "${all[@]}" >"$work/download.log" 2>&1)
}

say "building the guest (once; half a minute and more; downloads about 70 MB)"
if ! { resolve_all && download; } 2>"$work/error"; then
    say "package lists are absent or out of date; refreshing them"
    as_root apt-get -q -o DPkg::Lock::Timeout=600 update >&2 || say "apt-get update failed; going on with what is there"
    resolve_all || die "the guest's packages cannot be resolved (on Ubuntu, is 'universe' enabled?)"
    download || { cat "$work/download.log" >&2; die "the guest's packages cannot be downloaded; is the network up?"; }
fi

for deb in "$work"/debs/*.deb; do
    case ${deb##*/} in
        linux-*) dpkg-deb -x "$deb" "$work/kernel" ;;
        *) dpkg-deb -x "$deb" "$root" ;;
    esac
done

# One /usr, as the distributions have it by now; some packages still bring files in /bin and /lib.
for dir in bin sbin lib lib64; do
    if [ -d "$root/$dir" ] && [ ! -L "$root/$dir" ]; then
        mkdir -p "$root/usr/$dir"
        cp -a "$root/$dir/." "$root/usr/$dir/"
        rm -rf "${root:?}/$dir"
    fi
    ln -sfn "usr/$dir" "$root/$dir"
done
rm -rf "$root"/usr/share/{doc,man,info,locale,lintian,bug,i18n,zoneinfo,bash-completion} "$root"/usr/lib/systemd \
    "$root"/usr/lib/x86_64-linux-gnu/{gconv,perl*} "$root"/etc/init.d "$root"/usr/bin/perl* "$root"/usr/include

# busybox gives every command that no package gave.
busybox=$root/usr/bin/busybox
while read -r applet; do
    case $applet in dpkg | dpkg-deb | rpm | rpm2cpio | busybox) continue ;; esac
    if [ ! -e "$root/usr/bin/$applet" ] && [ ! -e "$root/usr/sbin/$applet" ]; then ln -s busybox "$root/usr/bin/$applet"; fi
done < <("$busybox" --list)
for applet in init poweroff reboot halt; do ln -sf ../bin/busybox "$root/usr/sbin/$applet"; done
# The agent sets the clock by this path; Debian 13 has hwclock in a package of its own.
if [ ! -e "$root/usr/sbin/hwclock" ]; then ln -s ../bin/busybox "$root/usr/sbin/hwclock"; fi
ln -sf busybox "$root/usr/bin/sh"

# A program of the guest, run on the host with the guest's libraries.
guest() {
    local libs=$root/usr/lib/x86_64-linux-gnu
    "$(readlink -f "$libs/ld-linux-x86-64.so.2")" --library-path "$libs:$libs/ceph" "$@"
}
for program in "${programs[@]}"; do
    [ -e "$root/$program" ] || die "the packages did not bring /$program"
    # The host's own libraries do not count: all that is found has to be in the guest.
    guest --list "$root/$program" >"$work/libraries" 2>&1 || true
    if grep -vF "$root/" "$work/libraries" | grep -vE "linux-vdso|statically linked|not a dynamic" >&2; then
        die "/$program lacks libraries (above)"
    fi
done

# Configuration and keys.
mkdir -p "$root"/{dev,proc,sys,run,tmp,data,mnt,root/.ssh,etc/kvmtune,etc/acpi/PWRF,etc/dropbear,var/lib,var/log}
ln -sfn ../run "$root/var/run"
ln -sfn ../tmp "$root/var/tmp"
ln -sfn ../proc/self/mounts "$root/etc/mtab"
for script in settings start stop agent power-button; do install -m 0755 "$here/guest/$script" "$root/etc/kvmtune/$script"; done
install -m 0755 "$here/guest/shutdown" "$root/usr/sbin/shutdown"
install -m 0644 "$here/guest/inittab" "$root/etc/inittab"
printf '#!/bin/sh\nexec /sbin/shutdown -P now\n' >"$root/etc/acpi/PWRF/00000080"
chmod 0755 "$root/etc/acpi/PWRF/00000080"
printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' >"$root/etc/group"
printf 'root:*:19000:0:99999:7:::\n' >"$root/etc/shadow"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
printf '/bin/sh\n/bin/bash\n' >"$root/etc/shells"
printf 'passwd: files\ngroup: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
printf 'NAME="KvmTune lab guest"\nID=kvmtune-lab\nVERSION_ID="%s"\nPRETTY_NAME="KvmTune lab guest (%s)"\n' \
    "$recipe" "$release" >"$root/etc/os-release"

ssh-keygen -q -t ed25519 -N '' -C kvmtune-lab -f "$work/out/id_lab"
install -m 0600 "$work/out/id_lab.pub" "$root/root/.ssh/authorized_keys"
guest "$root/usr/bin/dropbearkey" -t ed25519 -f "$root/etc/dropbear/host_key" >"$work/host-key.log" 2>&1
sed -n 's/^\(ssh-ed25519 [^ ]*\).*/\1/p' "$work/host-key.log" >"$work/out/host_key.pub"
[ -s "$work/out/host_key.pub" ] || die "no host key was made: $(cat "$work/host-key.log")"

# Kernel, and an initramfs with its drivers in the order in which they have to be loaded.
vmlinuz=$(find "$work/kernel/boot" -name 'vmlinuz-*' | sort -V | tail -n 1)
version=${vmlinuz##*/vmlinuz-}
install -m 0644 "$vmlinuz" "$work/out/vmlinuz"
modules_root=$work/kernel
[ -d "$modules_root/lib/modules" ] || modules_root=$work/kernel/usr
[ -d "$modules_root/lib/modules/$version" ] || die "no modules for kernel $version"
depmod -b "$modules_root" "$version"
initramfs=$work/initramfs
mkdir -p "$initramfs"/{bin,dev,proc,sys,root,modules}
for module in "${modules[@]}" "${optional_modules[@]}"; do
    if ! modprobe -S "$version" -d "$modules_root" --show-depends "$module" 2>"$work/error" >"$work/depends"; then
        case " ${optional_modules[*]} " in
            *" $module "*) continue ;;
            *) die "the kernel has no module $module: $(cat "$work/error")" ;;
        esac
    fi
    awk '$1 == "insmod" { print $2 }' "$work/depends"
done | awk '!seen[$0]++' >"$work/module-files"
while read -r file; do
    name=${file##*/}
    case $file in
        *.zst) name=${name%.zst}; zstd -q -d -c "$file" >"$initramfs/modules/$name" ;;
        *.xz) name=${name%.xz}; xz -d -c "$file" >"$initramfs/modules/$name" ;;
        *.gz) name=${name%.gz}; gzip -d -c "$file" >"$initramfs/modules/$name" ;;
        *) cp "$file" "$initramfs/modules/$name" ;;
    esac
    echo "$name" >>"$initramfs/modules/order"
done <"$work/module-files"
touch "$initramfs/modules/order"
cp "$busybox" "$initramfs/bin/busybox"
install -m 0755 "$here/guest/init" "$initramfs/init"
(cd "$initramfs" && find . | "$busybox" cpio -o -H newc 2>/dev/null | gzip -6 >"$work/out/initramfs")

# The two file systems. Everything that ext4 would otherwise finish in the background after the first mount is done now,
# so that it does not disturb a measurement.
ready=(-q -F -t ext4 -E 'root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard')
size_mib=$(($(du -sm "$root" | cut -f1) + 320))
mke2fs "${ready[@]}" -L kvmtune-root -J size=8 -N 20000 -d "$root" "$work/out/root.img" "${size_mib}M" >"$work/mke2fs.log" 2>&1
mke2fs "${ready[@]}" -L data -J size=16 -N 16384 -m 0 "$work/out/data.img" 2G >>"$work/mke2fs.log" 2>&1
qemu-img convert -f raw -O qcow2 "$work/out/data.img" "$work/out/data.qcow2"

cat "$work/packages" "$work/kernel-packages" >"$work/out/packages"
touch "$work/out/complete"
rm -rf "$out"
mv "$work/out" "$out"
# What no checkout has used for two weeks goes.
find "$lab_cache" -mindepth 2 -maxdepth 2 -path "*/guest-*/complete" -mtime +14 -printf "%h\0" | xargs -0 -r rm -rf
say "built $out"
echo "$out"
