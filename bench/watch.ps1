# The bench `watch`: the processor time of Watch-VMPerformance as a share of one core, compared with virt-top on the same VMs in the same
# seconds: both as a table on a terminal, and both for other programs to read, which for objects need not be text. A loop of python-libvirt
# that only reads the same statistics runs beside them. The start and .NET's recompilation after 30 calls are excluded, since both happen
# only once.
param([int] $Seconds = 60, [int] $WarmUp = 80)
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
$module = Join-Path $RepositoryRoot 'out/KvmTune'

function Get-WatchCommand([string] $Arguments) {
    $Shell, '-NoProfile', '-NonInteractive', '-Command',
    "Import-Module '$module'; Watch-VMPerformance -ConnectionUri '$uri' -Interval 1 $Arguments"
}

$programs = [ordered]@{
    'Watch-VMPerformance -Live' = @{ terminal = $true; command = Get-WatchCommand '-Live' }
    'Watch-VMPerformance, objects for a pipeline' = @{ terminal = $false; command = Get-WatchCommand '| ForEach-Object CpuPercent | Out-Null' }
    'Watch-VMPerformance, objects as text' = @{ terminal = $false; command = Get-WatchCommand }
    'python3-libvirt, the bare calls' = @{ terminal = $false; command = '/usr/bin/python3', "$PSScriptRoot/watch-peer.py", $uri, '100000' }
}
if ($virtTop = (Get-Command virt-top -CommandType Application -TotalCount 1 -ErrorAction Ignore).Source) {
    $programs['virt-top'] = @{ terminal = $true; command = $virtTop, '-c', $uri, '-d', '1' }
    $programs['virt-top --script'] = @{ terminal = $false; command = $virtTop, '-c', $uri, '-d', '1', '--script' }
}

$measured = @{ warmUp = $WarmUp; seconds = $Seconds; programs = @($programs.Values) } | ConvertTo-Json -Depth 4 |
    /usr/bin/python3 "$PSScriptRoot/processor-time.py"
if ($LASTEXITCODE) { throw 'The programs could not be measured.' }
$spent = @($measured | ConvertFrom-Json)
$names = @($programs.Keys)
$share = @{}
for ($i = 0; $i -lt $names.Count; $i++) { $share[$names[$i]] = 100 * $spent[$i] }

$peers = @{
    'Watch-VMPerformance -Live' = 'virt-top'
    'Watch-VMPerformance, objects for a pipeline' = 'virt-top --script'
    'Watch-VMPerformance, objects as text' = 'virt-top --script'
}
foreach ($name in $names) {
    $peer = $peers[$name]
    $comparison = if (-not $peer) { $null }
    elseif ($virtTop) { "$(Format-Ratio $share[$name] $share[$peer] $peer)$($name -match 'Live' ? '; goal: below 1' : '')" }
    else { "$(Format-Ratio $share[$name] $share['python3-libvirt, the bare calls'] 'the bare calls'); virt-top is not installed: NOT COMPARED" }
    Add-Figure "$name each second" $share[$name] '% of a core' $comparison
}
Save-Figure watch
