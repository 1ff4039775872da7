# The bench `bottlenecks`: plants a bottleneck of each kind in the lab's guest lab2, round by round, and counts how often Find-VMBottleneck
# names the right area and cause; and how often it names none on an idle guest. What is planted is planted with virsh and a shell in the guest.
#   bottlenecks.ps1 [-Rounds N] [-Seconds N] [-Kind Idle, CpuHog, DiskThrottle, SyncWriter, MemoryPressure, NicLimit]
param([int] $Rounds = 20, [double] $Seconds = 3, [string[]] $Kind)
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$vm = 'lab2'
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
if (-not $env:KVMTUNE_LAB_SCRIPT) { throw 'This bench needs the lab: run it as ./bootstrap.sh bench bottlenecks.' }
Import-Module (Join-Path $RepositoryRoot 'out/KvmTune')
$virsh = (Get-Command virsh -CommandType Application).Source | Select-Object -First 1
$hostCpu = [Environment]::ProcessorCount - 1

function Invoke-Virsh {
    $said = & $virsh -q -c $uri @args 2>&1
    if ($LASTEXITCODE -ne 0) { throw "virsh $args ended with exit code $LASTEXITCODE`: $said" }
    $said
}

$sshOptions = @('-q', '-i', $env:KVMTUNE_LAB_SSH_KEY, '-o', 'IdentitiesOnly=yes', '-o', "UserKnownHostsFile=$env:KVMTUNE_LAB_KNOWN_HOSTS",
    '-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=20', "root@$env:KVMTUNE_LAB_LAB2_ADDRESS")
function Invoke-Guest([string] $Command) {
    $said = & ssh @sshOptions $Command 2>&1
    if ($LASTEXITCODE -ne 0) { throw "In the guest, '$Command' ended with exit code $LASTEXITCODE`: $said" }
    $said
}

# A load in the guest, in a session of its own, so that all of it can be ended; its id is in a file there.
function Start-Load([string] $Command) {
    Invoke-Guest "setsid sh -c 'echo `$`$ > /tmp/load; $Command' </dev/null >/tmp/load.log 2>&1 & sleep 0.2" | Out-Null
}
function Stop-Load { Invoke-Guest 'kill -KILL -$(cat /tmp/load) 2>/dev/null; rm -f /tmp/load; true' | Out-Null }

function Start-Hog {
    Start-Process taskset @('-c', $hostCpu, 'sha256sum', '/dev/zero') -PassThru -RedirectStandardOutput /dev/null
}

$mac = ([xml](Invoke-Virsh dumpxml $vm | Out-String)).domain.devices.interface.mac.address
# One process: fio's workers would have sessions of their own.
$fio = 'fio --thread --name=load --filename=/data/load --size=64M --direct=1 --ioengine=libaio --time_based --runtime=600'
$spin = 'while :; do :; done'
$plants = [ordered]@{
    Idle = @{}
    CpuHog = @{
        Area = 'Cpu'; Cause = 'VcpuDelay'
        Plant = { foreach ($vcpu in 0, 1) { Invoke-Virsh vcpupin $vm $vcpu $hostCpu --live } }
        Begin = { $script:hog = Start-Hog; Start-Load $spin }
        End = { Stop-Load; $script:hog.Kill() }
        Take = { foreach ($vcpu in 0, 1) { Invoke-Virsh vcpupin $vm $vcpu "0-$hostCpu" --live } }
    }
    DiskThrottle = @{
        Area = 'Disk'; Cause = 'DiskLimit'
        Plant = { Invoke-Virsh blkdeviotune $vm vdb --total-iops-sec 100 --live }
        Begin = { Start-Load "$fio --rw=randwrite --bs=4k --iodepth=8" }
        End = { Stop-Load }
        Take = { Invoke-Virsh blkdeviotune $vm vdb --total-iops-sec 0 --live }
    }
    SyncWriter = @{
        Area = 'Disk'; Cause = 'DiskFlushes'
        Begin = { Start-Load "$fio --rw=randwrite --bs=4k --iodepth=1 --fsync=1" }
        End = { Stop-Load }
    }
    MemoryPressure = @{
        Area = 'Memory'; Cause = 'GuestMemory'
        Plant = {
            Invoke-Guest 'dd if=/dev/zero of=/data/swap bs=1M count=256 2>/dev/null && chmod 600 /data/swap && mkswap /data/swap >/dev/null && swapon /data/swap'
            Invoke-Virsh setmem $vm 160MiB --live
        }
        Begin = { Start-Load 'sysbench memory --memory-block-size=128M --memory-total-size=1T --memory-oper=write --threads=1 --time=600 run' }
        End = { Stop-Load }
        Take = {
            Invoke-Virsh setmem $vm 512MiB --live
            Invoke-Guest 'swapoff /data/swap; rm -f /data/swap'
        }
    }
    NicLimit = @{
        Area = 'Network'; Cause = 'NicLimit'
        Plant = { Invoke-Virsh domiftune $vm $mac --inbound 1000 --live }
        Begin = {
            $script:server = Start-Process iperf3 @('-s', '-B', $env:KVMTUNE_LAB_HOST_ADDRESS, '-p', '5301') -PassThru -RedirectStandardOutput /dev/null
            Start-Load "iperf3 -c $env:KVMTUNE_LAB_HOST_ADDRESS -p 5301 -R -t 600"
        }
        End = { Stop-Load; $script:server.Kill() }
        Take = { Invoke-Virsh domiftune $vm $mac --inbound 0 --live }
    }
}
# With pwsh -File a list comes as one word.
$Kind = $Kind ? $Kind -split ',' : @($plants.Keys)

$null = Invoke-Guest 'true'
foreach ($name in $Kind) {
    $plant = $plants[$name] ?? $(throw "There is no kind '$name'. There are: $($plants.Keys -join ', ').")
    $hits = 0
    $causes = 0
    try { if ($plant.Plant) { & $plant.Plant | Out-Null } }
    catch {
        Write-Warning "$name could not be planted on this host: NOT RUN. $_"
        continue
    }
    try {
        foreach ($round in 1..$Rounds) {
            if ($plant.Begin) { & $plant.Begin }
            try {
                # What a load does in its first second is its start.
                Start-Sleep -Milliseconds 1000
                $report = Find-VMBottleneck $vm -ConnectionUri $uri -Interval $Seconds
            }
            finally { if ($plant.End) { & $plant.End } }
            $isHit = $report.Area -eq $plant.Area
            $hits += $isHit
            $causes += $isHit -and $report.Cause -eq $plant.Cause
            Write-Verbose "$name $round`: $($report.Area) $($report.Cause): $($report.Verdict) $($report.Notes)" -Verbose:(-not $isHit -or $VerbosePreference -eq 'Continue')
        }
    }
    finally { if ($plant.Take) { & $plant.Take | Out-Null } }
    Add-Figure "$name, right area" (100 * $hits / $Rounds) '%' "$hits of $Rounds rounds of $Seconds s"
    if ($plant.Cause) { Add-Figure "$name, right cause ($($plant.Cause))" (100 * $causes / $Rounds) '%' "$causes of $Rounds" }
}
Save-Figure bottlenecks
