#!/usr/bin/env bash
# Fetches libvirt's own test data (domain, capabilities and test-driver XML) from the distribution's source package, once, and
# prints the folder it is in. Ends with 3 and a word when that is not possible (offline, not Debian or Ubuntu).
# Nothing of the machine's apt set-up is changed: source lists and indexes are kept in the cache folder.
set -euo pipefail
cache=${KVMTUNE_CORPUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvmtune-corpus}
data=$cache/libvirt

unavailable() { echo "corpus.sh: $*" >&2; exit 3; }

# The machine's own package sources, asked for source packages.
write_sources() {
    local file
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && grep -q 'debian\|ubuntu' "$file" && sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] && grep 'debian\|ubuntu' "$file" | sed -n 's/^deb /deb-src /p' >"$work/sources/$(basename "$file")"
    done
    return 0
}

fetch() {
    command -v apt-get >/dev/null || unavailable 'there is no apt-get to fetch the source package with'
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/sources" "$work/lists/partial" "$work/archives/partial"
    write_sources
    local options=(-q -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists"
        -o "Dir::Cache=$work" -o APT::Sandbox::User=root)
    (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" --download-only source libvirt) >"$work/log" 2>&1 ||
        unavailable "apt could not fetch the source package: $(grep -m 1 '^E:' "$work/log" || tail -n 1 "$work/log")"
    mkdir "$work/libvirt"
    tar -xf "$work"/libvirt_*.orig.tar.* -C "$work/libvirt" --strip-components=2 --wildcards '*/tests/*data*' '*/tests/*data*/**' 2>/dev/null || true
    [ -d "$work/libvirt/genericxml2xmlindata" ] || [ -d "$work/libvirt/qemuxml2argvdata" ] || unavailable 'the source package holds no test data'
    mv "$work/libvirt" "$data"
}

if [ ! -d "$data" ]; then
    mkdir -p "$cache"
    fetch
fi
echo "$data"
