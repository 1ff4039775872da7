#!/usr/bin/env bash
# Makes kvmtune_VERSION_all.deb of a module as it was published, with dpkg-deb and nothing else of Debian's tools.
#   packaging/debian/build.sh MODULE-FOLDER VERSION TARGET-FOLDER
# VERSION is the module's, with the label of a prerelease (0.2.0-preview1). The same files give the same package, byte for byte, whoever
# makes it and wherever: dates are SOURCE_DATE_EPOCH, else that of the commit; owners are root.
set -euo pipefail
export LC_ALL=C.UTF-8
umask 022
[ $# = 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
module=$(realpath -e "$1")
version=$2
mkdir -p "$3"
target=$(realpath -e "$3")
cd "$(dirname "${BASH_SOURCE[0]}")"
repository=$(realpath ../..)

if [[ ! $version =~ ^[0-9]+(\.[0-9]+){1,3}(-[0-9A-Za-z]+)?$ ]]; then
    echo "build.sh: '$version' is not a version of a module, such as 0.2.0 or 0.2.0-preview1." >&2
    exit 2
fi
if ! command -v dpkg-deb >/dev/null; then
    echo "build.sh: dpkg-deb makes the Debian package, and it is not on the PATH (Debian, Ubuntu, Fedora: the package dpkg)." >&2
    exit 1
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$repository" log -1 --format=%ct 2>/dev/null || stat -c %Y "$repository/CHANGELOG.md")}
export SOURCE_DATE_EPOCH

# A prerelease sorts before its release: ~ does that in Debian.
debian_version=${version/-/\~}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"
fill() { sed -e "s/@VERSION@/$debian_version/" -e "s/@MODULEVERSION@/${version%%-*}/" -e "s/@SIZE@/${size:-}/" "$1"; }

mkdir -p "$tree"/usr/lib/kvmtune "$tree"/usr/share/doc/kvmtune/examples "$tree"/usr/share/lintian/overrides "$tree"/DEBIAN
cp -RL --no-preserve=all "$module" "$tree/usr/lib/kvmtune/KvmTune"
# The licence stands in the package's copyright file; Debian's C library is glibc, so what is for musl is of no use.
rm -r "$tree"/usr/lib/kvmtune/KvmTune/{LICENSE,dependencies/runtimes/linux-musl-*}
cp --no-preserve=all "$repository"/samples/*.ps1 "$tree/usr/share/doc/kvmtune/examples/"
cp -R --no-preserve=all "$repository"/samples/runbooks "$tree/usr/share/doc/kvmtune/examples/"
chmod 0755 "$tree"/usr/share/doc/kvmtune/examples/*.ps1 "$tree"/usr/share/doc/kvmtune/examples/runbooks/*.ps1
cp --no-preserve=all lintian-overrides "$tree/usr/share/lintian/overrides/kvmtune"

# The licence as a paragraph of the machine-readable form: indented, empty lines as dots.
{ cat copyright; tail -n +5 "$repository/LICENSE" | sed -e 's/^$/./' -e 's/^/ /'; } >"$tree/usr/share/doc/kvmtune/copyright"
gzip -9n <<END >"$tree/usr/share/doc/kvmtune/changelog.gz"
kvmtune ($debian_version) stable; urgency=medium

  * Version $version; /usr/lib/kvmtune/KvmTune/CHANGELOG.md says what is new.

 -- $(sed -n 's/^Maintainer: //p' control)  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END

# In KiB, each file rounded up, folders as one: not by du, whose answer is the file system's.
size=$(find "$tree/usr" -type f -printf '%s\n' -o -type d -printf '1\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
fill control >"$tree/DEBIAN/control"
cp --no-preserve=all templates "$tree/DEBIAN/templates"
for script in config postinst prerm postrm; do
    fill "$script" >"$tree/DEBIAN/$script"
    chmod 0755 "$tree/DEBIAN/$script"
done
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$tree" "$target/kvmtune_${version/-/\~}_all.deb" >&2
echo "$target/kvmtune_${version/-/\~}_all.deb"
