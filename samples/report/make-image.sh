#!/usr/bin/env bash
# Makes the picture of the README: the report of the recorded experiments (journal.db beside this file), in the module as it is built in
# out/KvmTune, by headless Chromium without a network; its height ends below a chart. Needs pwsh and chromium.
#   samples/report/make-image.sh [light|dark] [FILE]     docs/images/report.png by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
scheme=${1:-light}
picture=$(realpath -m "${2:-docs/images/report.png}")

# The journal is copied: reading leaves files beside it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp samples/report/journal.db "$folder"
KVMTUNE_HOME=$folder TZ=UTC pwsh -NoProfile -NonInteractive -Command "
    Import-Module ./out/KvmTune
    \$null = Export-VMTuningReport lab1 -Path '$folder/report.html' -ErrorAction Stop"

colours=()
if [ "$scheme" = dark ]; then colours=(--blink-settings=preferredColorScheme=0); fi
mkdir -p "$(dirname "$picture")"
chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --user-data-dir="$folder/profile" \
    --host-resolver-rules='MAP * ~NOTFOUND' --virtual-time-budget=5000 --window-size="${WINDOW:-1000,2466}" "${colours[@]}" \
    --screenshot="$picture" "file://$folder/report.html${FRAGMENT:-}" 2>/dev/null
echo "$picture"
