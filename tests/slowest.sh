#!/usr/bin/env bash
# slowest.sh FOLDER [LABFOLDER]: what a run of the tests spent its time on: the 20 slowest tests of both suites, from the results in
# FOLDER (*.trx of xunit, *.times of Pester), and what the guests of a lab cost, from what it noted in its folder.
set -euo pipefail

# Seconds and name, one test a line.
xunit_times() {
    { cat /dev/null "$1"/*.trx 2>/dev/null || true; } | { grep -o '<UnitTestResult [^>]*' || true; } |
        sed -n 's/.* testName="\([^"]*\)".* duration="\([^"]*\)".*/\2 xunit: \1/p' |
        sed 's/&quot;/"/g; s/&apos;/'"'"'/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' |
        awk '{ split($1, t, ":"); $1 = sprintf("%.2f", t[1] * 3600 + t[2] * 60 + t[3]); print }'
}
pester_times() { cat /dev/null "$1"/*.times 2>/dev/null || true; }

slowest() {
    printf '\n%s\n' 'The slowest tests, in seconds:'
    { xunit_times "$1"; pester_times "$1"; } | tr -d '\000-\010\013-\037\177' | sort -rn |
        awk 'NR <= 20 { s = $1; $1 = ""; printf "%8.1f %s\n", s, substr($0, 2, 150) }' # not head: sort would die of the closed pipe
}

# Of each guest, from a start (a boot, or a saved one resumed) until its agent is there.
guests() {
    printf '\n%s\n' "What the lab's guests cost, in seconds:"
    awk '{ n[$2]++; s[$2] += $1 }
        END { for (what in n) printf "%8.1f %s: %d\n", s[what], what, n[what] }' "$1/costs" | sort -k2
    [ -e "$1/events" ] || return 0
    awk -F"'" -v costs="$1/costs" '
        function seconds(t, p) { split(t, p, /[ :+]/); return p[2] * 3600 + p[3] * 60 + p[4] }
        $2 == "lifecycle" && $5 ~ /Started Booted/ { began[$4] = seconds($1); n++ }
        $2 == "agent-lifecycle" && $6 == "connected" && ($4 in began) {
            took = seconds($1) - began[$4]; if (took < 0) took += 86400
            sum += took; delete began[$4]
        }
        END { printf "%8.1f until the agent was there, of all starts since the lab was up: %d\n", sum, n }' "$1/events"
}

slowest "$1"
if [ -n "${2:-}" ] && [ -e "$2/costs" ]; then guests "$2"; fi
