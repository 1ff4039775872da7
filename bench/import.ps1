# The bench `import`: the time that Import-Module adds to the start of a shell. Shells with and without it start in turn.
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$rounds = 25
$module = Join-Path $RepositoryRoot 'out/KvmTune'
$common = '-NoProfile', '-NonInteractive', '-Command'

$without = @()
$with = @()
$used = @()
foreach ($round in -1..$rounds) {
    $bare = Measure-Program $Shell ($common + 'exit 0')
    $imported = Measure-Program $Shell ($common + "Import-Module '$module'")
    $first = Measure-Program $Shell ($common + "Import-Module '$module'; `$null = Get-VMTopology test -ConnectionUri test:///default")
    if ($round -gt 0) {
        # The first two rounds only warm the file cache.
        $without += $bare
        $with += $imported
        $used += $first
    }
}

$base = Get-Median $without
Add-Figure 'shell' $base 'ms'
Add-Figure 'shell with Import-Module' (Get-Median $with) 'ms' (Format-Ratio (Get-Median $with) $base 'the shell without')
Add-Figure 'Import-Module' (Get-Median (0..($rounds - 1) | ForEach-Object { $with[$_] - $without[$_] })) 'ms' 'goal: at most 120 ms'
Add-Figure 'first Get-VMTopology after it' (Get-Median (0..($rounds - 1) | ForEach-Object { $used[$_] - $with[$_] })) 'ms' 'test:///default, one VM'
Save-Figure import
