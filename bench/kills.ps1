# The proof `kills`: an experiment on the lab is killed (SIGKILL) at a random moment, again and again, alternating live pins and restarts. Each
# time the journal must explain the VM's state, and one Undo-VMTuning must restore it, configured and running. Figures are counts.
#   kills.ps1 [ROUNDS]   100 by default
param([int] $Rounds = 100, [int] $Seed = [System.Random]::Shared.Next())
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$module = Join-Path $RepositoryRoot 'out/KvmTune'
$vm = 'lab1'
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
$env:LIBVIRT_DEFAULT_URI = $uri
$chance = [System.Random]::new($Seed)
# A separate journal, so that this bench does not undo changes that other benches left in theirs.
$env:KVMTUNE_HOME = Join-Path $RepositoryRoot "out/bench/journal-kills-$PID"
Import-Module $module

# The longest time before the kill is about the time of the experiment's first switches to the change and back.
$experiments = @(
    @{ Name = 'a live pin'; Seconds = 14.0; Script = "Set-VcpuPin $vm 0 0 -AsPlan | Invoke-VMExperiment -Workload Cpu -RunTime 2s -Keep Always -TimeLimit 30s" }
    @{ Name = 'a live pin, inside one load'; Seconds = 14.0; Script = "Set-VcpuPin $vm 0 0 -AsPlan | Invoke-VMExperiment -Workload Cpu -Keep Always -TimeLimit 30s" }
    @{ Name = 'a disk cache, by restarts'; Seconds = 45.0; Script = "Set-DiskCacheMode $vm vdb -Cache none -AsPlan -WarningAction Ignore | Invoke-VMExperiment -Workload Cpu -RunTime 2s -Keep Always -Restart -Design Blocks" }
)

# The state that must be restored: the exact configuration, that the VM runs, its vCPUs' affinity, and the cache mode in force.
function Get-State {
    $running = [xml] (virsh -c $uri dumpxml $vm | Out-String)
    [ordered]@{
        Configured = virsh -c $uri dumpxml $vm --inactive --security-info | Out-String
        State      = virsh -c $uri domstate $vm | Select-Object -First 1
        Affinity   = virsh -c $uri vcpupin $vm | Out-String
        Drivers    = @($running.domain.devices.disk | ForEach-Object { $_.driver.OuterXml }) -join "`n"
    }
}

# A guest that still boots neither answers nor reacts to a shutdown request.
function Wait-Guest {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ((virsh -c $uri qemu-agent-command $vm '{"execute":"guest-ping"}' 2>$null) -notmatch 'return') {
        if ($watch.Elapsed.TotalSeconds -gt 120) { throw "The guest agent of $vm does not answer; the VM is: $(virsh -c $uri domstate $vm | Select-Object -First 1)." }
        Start-Sleep -Milliseconds 200
    }
}

function Start-Child([string] $Script) {
    $start = [System.Diagnostics.ProcessStartInfo]::new($Shell)
    foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', "Import-Module '$module'; Connect-VMHost '$uri' | Out-Null; 'ready'; `$null = $Script") { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $child = [System.Diagnostics.Process]::Start($start)
    if ($child.StandardOutput.ReadLine() -ne 'ready') { throw "The child did not start: $($child.StandardError.ReadToEnd())" }
    $child
}

Wait-Guest
$before = Get-State
$counts = @{ Changed = 0; Explained = 0; Back = 0; Ended = 0 }
$outcomes = @{}
foreach ($round in 1..$Rounds) {
    $experiment = $experiments[$round % $experiments.Count]
    $delay = $chance.NextDouble() * $experiment.Seconds
    $child = Start-Child $experiment.Script
    $ended = $child.WaitForExit([int] ($delay * 1000))
    if ($ended) { $counts.Ended++ } else { $child.Kill($true); $child.WaitForExit() }

    Write-Verbose "round ${round}: $($experiment.Name), killed after $($delay.ToString('0.00')) s"
    $found = Get-State
    $isChanged = [bool] (@($before.Keys) | Where-Object { $before[$_] -ne $found[$_] })
    $standing = Get-VMTuningHistory $vm -Kind Change | Where-Object { -not $_.UndoneAt -and -not $_.Undoes } | Sort-Object Id | Select-Object -Last 1
    if ($isChanged) { $counts.Changed++ }
    # If the experiment was killed while it undid its change, the interrupted entry of the undo also explains the state.
    $last = Get-VMTuningHistory $vm -Kind Change | Sort-Object Id | Select-Object -Last 1
    $isExplained = -not $isChanged -or $standing -or ($last -and $last.Outcome -eq 'Interrupted')
    if ($isExplained) { $counts.Explained++ }
    $outcomes["$($last.Outcome)"]++

    $undoErrors = $null
    Undo-VMTuning $vm -Last -Restart -WarningAction Ignore -ErrorAction SilentlyContinue -ErrorVariable undoErrors | Out-Null
    try { Wait-Guest } catch { $undoErrors += $_ }
    $after = Get-State
    $different = @($before.Keys) | Where-Object { $before[$_] -ne $after[$_] }
    if (-not $different -and -not $undoErrors) { $counts.Back++ }
    else {
        "round $round, $($experiment.Name), killed after $($delay.ToString('0.00')) s: not as before: $($different -join ', ') $undoErrors"
        foreach ($part in $different) { Compare-Object ($before[$part] -split "`n") ($after[$part] -split "`n") | ForEach-Object { "  $($_.SideIndicator) $($_.InputObject)" } }
        Get-VMTuningHistory $vm | Select-Object -Last 6 | ForEach-Object { "  $($_.Id) $($_.Outcome) $($_.Title): $($_.Explanation)" }
        break
    }
}

Add-Figure 'kills' $Rounds 'experiments' "seed $Seed; $($counts.Ended) had ended before; the journal's last entry: $(($outcomes.Keys | Sort-Object | ForEach-Object { "$_ $($outcomes[$_])" }) -join ', ')"
Add-Figure 'VM found changed' $counts.Changed 'kills'
Add-Figure 'explained by the journal' $counts.Explained 'kills' "of $Rounds"
Add-Figure 'as before after one Undo-VMTuning' $counts.Back 'kills' "of $Rounds"
Save-Figure kills
"The journal of it: $env:KVMTUNE_HOME"
if ($counts.Back -ne $Rounds -or $counts.Explained -ne $Rounds) { throw 'A kill was not taken back, or not explained.' }
