# The bench `watch`: the processor time that Watch-VMPerformance takes of one core, beside virt-top in script mode on the same VMs in the
# same seconds, and beside a loop of python-libvirt that only asks for the same statistics. Starting is left out: it is paid once.
param([int] $Seconds = 30)
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
$warmUp = 8
$count = $Seconds + $warmUp + 5

# The processor time of a process so far, in seconds: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms (proc(5)).
function Get-CpuSecond([System.Diagnostics.Process] $Process) {
    $fields = ((Get-Content "/proc/$($Process.Id)/stat" -Raw) -replace '^.*\) ').Split(' ')
    ([long] $fields[11] + [long] $fields[12]) / 100
}

function Start-Watched([string] $Path, [string[]] $Arguments) {
    $start = [System.Diagnostics.ProcessStartInfo]::new($Path)
    foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardOutput = $true
    $process = [System.Diagnostics.Process]::Start($start)
    # Nobody reads it, but it must not fill.
    $null = $process.StandardOutput.BaseStream.CopyToAsync([System.IO.Stream]::Null)
    $process
}

$module = Join-Path $RepositoryRoot 'out/KvmTune'
$watched = [ordered]@{
    'Watch-VMPerformance' = Start-Watched (Get-Process -Id $PID).Path @('-NoProfile', '-NonInteractive', '-Command',
        "Import-Module '$module'; Watch-VMPerformance -ConnectionUri '$uri' -Interval 1 -Count $count")
    'python3-libvirt, the bare calls' = Start-Watched /usr/bin/python3 @("$PSScriptRoot/watch-peer.py", $uri, "$count")
}
if ($virtTop = (Get-Command virt-top -CommandType Application -ErrorAction Ignore).Source) {
    $watched['virt-top'] = Start-Watched $virtTop @('-c', $uri, '--script', '-d', '1', '-n', "$count")
}
try {
    Start-Sleep -Seconds $warmUp
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $before = @{}
    foreach ($name in $watched.Keys) { $before[$name] = Get-CpuSecond $watched[$name] }
    Start-Sleep -Seconds $Seconds
    $share = @{}
    foreach ($name in $watched.Keys) { $share[$name] = 100 * ((Get-CpuSecond $watched[$name]) - $before[$name]) / $watch.Elapsed.TotalSeconds }
}
finally {
    foreach ($process in $watched.Values) { $process.Kill() }
}

$peer = $virtTop ? 'virt-top' : 'python3-libvirt, the bare calls'
$ours = $share['Watch-VMPerformance']
$goal = $virtTop ? '; goal: below 1' : '; virt-top is not installed: NOT COMPARED'
Add-Figure 'Watch-VMPerformance each second' $ours '% of a core' "$(Format-Ratio $ours $share[$peer] $peer)$goal"
foreach ($name in $watched.Keys | Select-Object -Skip 1) { Add-Figure "$name each second" $share[$name] '% of a core' }
Save-Figure watch
