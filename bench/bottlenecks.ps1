# The bench `bottlenecks`: plants a bottleneck of each kind in the lab's guest lab2, round by round, and counts how often Find-VMBottleneck
# names the right area and cause; and how often it names none on an idle guest and on a guest that is only busy. Bottlenecks are planted with
# virsh and a shell in the guest.
#   bottlenecks.ps1 [-Rounds N] [-Seconds N] [-Kind KIND,…] [-Minutes N] [-Resume] [-Show] [-WriteDocs]
#   bottlenecks.ps1 -Optimize [-Seconds N] [-Kind KIND,…] [-Minutes N]
# Every round adds a line to out/bench/bottlenecks.csv as soon as it ends. No round begins after -Minutes; -Resume keeps the rounds in the
# file and runs the missing ones. -Show prints the verdict of every round, not only of missed ones. -WriteDocs writes the table of the file
# into docs/bottlenecks.md; with -Rounds 0 it does nothing else. -Optimize plants each kind once and runs Optimize-VM, which must keep the
# remedy, name the way to lift a limit, or keep nothing; the kept changes are undone.
# The kinds are those of docs/bottlenecks.md. HostSwap needs root and space for a swap file; the swap file exists only while that kind runs.
param(
    [ValidateRange(0, 1000)] [int] $Rounds = 20, [ValidateRange(0.5, 60)] [double] $Seconds = 3, [string[]] $Kind,
    [ValidateRange(0.1, 600)] [double] $Minutes = 60, [switch] $Resume, [switch] $Show, [switch] $WriteDocs, [switch] $Optimize)
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$vm = 'lab2'
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
if ($Rounds -and -not $env:KVMTUNE_LAB_SCRIPT) { throw 'This bench needs the lab: run it as ./bootstrap.sh bench bottlenecks.' }
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

# A load in the guest, in its own session, so that all its processes can be ended; a file in the guest has its id.
function Start-Load([string] $Command) {
    Invoke-Guest "setsid sh -c 'echo `$`$ > /tmp/load; $Command' </dev/null >/tmp/load.log 2>&1 & sleep 0.2" | Out-Null
}
function Stop-Load { Invoke-Guest 'kill -KILL -$(cat /tmp/load) 2>/dev/null; rm -f /tmp/load; true' | Out-Null }

function Start-Hog {
    Start-Process taskset @('-c', $hostCpu, 'sha256sum', '/dev/zero') -PassThru -RedirectStandardOutput /dev/null
}

$definition = $Rounds ? [xml](Invoke-Virsh dumpxml $vm | Out-String) : $null
$mac = $definition.domain.devices.interface.mac.address
# One process: fio's worker processes would have their own sessions.
$fio = 'fio --thread --name=load --filename=/data/load --size=64M --direct=1 --ioengine=libaio --time_based --runtime=600'
$spin = 'while :; do :; done'
$everywhere = "0-$hostCpu"
function Set-Pin([string[]] $Vcpu, [string] $Emulator) {
    foreach ($number in 0..($Vcpu.Count - 1)) { Invoke-Virsh vcpupin $vm $number $Vcpu[$number] --live }
    if ($Emulator) { Invoke-Virsh emulatorpin $vm $Emulator --live }
}
function Set-Quota([string] $Which, [int] $Microseconds) { Invoke-Virsh schedinfo $vm --live --set "${Which}_period=100000" --set "${Which}_quota=$Microseconds" }

# A separate disk for a plant: the lab's disks are not changed.
$folder = $Rounds ? (Split-Path $definition.domain.devices.disk.Where{ $_.target.dev -eq 'vdb' }.source.file) : $null
function Add-Disk([string] $Target, [string] $Driver, [string] $Inside) {
    Set-Content "$folder/$Target.xml" "<disk type='file' device='disk'><driver name='qemu' $Driver/><source file='$folder/$Target.img'>$Inside</source><target dev='$Target' bus='virtio'/></disk>"
    Invoke-Virsh attach-device $vm "$folder/$Target.xml" --live
}
function Remove-Disk([string] $Target) {
    Invoke-Virsh detach-disk $vm $Target --live
    while ((Invoke-Virsh domblklist $vm) -match $Target) { Start-Sleep -Milliseconds 200 }
    Remove-Item "$folder/$Target.xml", "$folder/$Target.img" -ErrorAction Ignore
}

$secret = "${env:KVMTUNE_LAB_UUID_PREFIX}00000000b0b0"

$plants = [ordered]@{
    Idle = @{}
    # One vCPU of two computes, the disk writes, the network carries some traffic, and nothing waits.
    Busy = @{
        Begin = {
            $script:server = Start-Process iperf3 @('-s', '-B', $env:KVMTUNE_LAB_HOST_ADDRESS, '-p', '5301') -PassThru -RedirectStandardOutput /dev/null
            Start-Load "iperf3 -c $env:KVMTUNE_LAB_HOST_ADDRESS -p 5301 -b 2M -t 600 & $fio --rw=randrw --bs=4k --iodepth=1 --rate_iops=20 & while :; do i=0; while [ `$i -lt 3000 ]; do i=`$((i+1)); done; sleep 0.02; done"
        }
        End = { Stop-Load; $script:server.Kill() }
    }
    VcpuQuota = @{
        Area = 'Cpu'; Cause = 'CpuQuota'; Lift = 'virsh schedinfo'
        Plant = { Set-Quota vcpu 20000 }
        Begin = { Start-Load $spin }
        End = { Stop-Load }
        Take = { Set-Quota vcpu -1 }
    }
    VMQuota = @{
        Area = 'Cpu'; Cause = 'CpuQuota'; Lift = 'virsh schedinfo'
        Plant = { Set-Quota global 40000 }
        Begin = { Start-Load "($spin) & $spin" }
        End = { Stop-Load }
        Take = { Set-Quota global -1 }
    }
    VcpusOnOneCpu = @{
        Area = 'Cpu'; Cause = 'VcpusShareHostCpu'; Remedy = 'PinSharesHostCpuWithinVM'
        Plant = { Set-Pin $hostCpu, $hostCpu }
        Begin = { Start-Load "($spin) & $spin" }
        End = { Stop-Load }
        Take = { Set-Pin $everywhere, $everywhere }
    }
    EmulatorStarved = @{
        Area = 'Cpu'; Cause = 'EmulatorDelay'; Remedy = $hostCpu -gt 1 ? 'EmulatorOnVcpuHostCpu' : $null
        Plant = { Set-Pin 0, $hostCpu "$hostCpu" }
        Begin = { Start-Load "($spin) & ($spin) & $fio --rw=randread --bs=64k --iodepth=8" }
        End = { Stop-Load }
        Take = { Set-Pin $everywhere, $everywhere $everywhere }
    }
    # QEMU computes LUKS in the I/O thread itself; no CPU has instructions for Serpent.
    IOThreadSaturated = @{
        Area = 'Disk'; Cause = 'IOThreadSaturated'
        Plant = {
            Set-Content "$folder/secret.xml" "<secret ephemeral='yes' private='no'><uuid>$secret</uuid></secret>"
            Invoke-Virsh secret-define "$folder/secret.xml"
            Set-Content "$folder/secret" lab -NoNewline
            Invoke-Virsh secret-set-value $secret --file "$folder/secret" --plain
            & qemu-img create -q -f luks --object "secret,id=s,file=$folder/secret" -o key-secret=s,iter-time=10,cipher-alg=serpent-256 "$folder/vdc.img" 64M
            if ($LASTEXITCODE -ne 0) { throw 'qemu-img could not make an encrypted image.' }
            Invoke-Virsh iothreadadd $vm 1 --live
            Add-Disk vdc "type='raw' iothread='1' cache='unsafe'" "<encryption format='luks'><secret type='passphrase' uuid='$secret'/></encryption>"
        }
        Begin = { Start-Load 'fio --thread --name=load --filename=/dev/vdc --size=60M --direct=1 --ioengine=libaio --time_based --runtime=600 --rw=read --bs=1M --iodepth=8' }
        End = { Stop-Load }
        Take = {
            Remove-Disk vdc
            Invoke-Virsh iothreaddel $vm 1 --live
            Invoke-Virsh secret-undefine $secret
            Remove-Item "$folder/secret", "$folder/secret.xml"
        }
    }
    ThrottleGroup = @{
        Area = 'Disk'; Cause = 'DiskLimit'; Lift = 'Set-DiskThrottle'
        Plant = {
            & qemu-img create -q -f raw "$folder/vdc.img" 64M
            Add-Disk vdc "type='raw'"
            foreach ($disk in 'vdb', 'vdc') { Invoke-Virsh blkdeviotune $vm $disk --group-name bench --total-iops-sec 100 --live }
        }
        Begin = {
            # The neighbour takes most of the group's limit.
            Start-Load "fio --thread --name=neighbour --filename=/dev/vdc --size=60M --direct=1 --ioengine=libaio --time_based --runtime=600 --rw=randwrite --bs=4k --iodepth=16 & $fio --rw=randwrite --bs=4k --iodepth=2"
        }
        End = { Stop-Load }
        Take = {
            foreach ($disk in 'vdb', 'vdc') { Invoke-Virsh blkdeviotune $vm $disk --total-iops-sec 0 --live }
            Remove-Disk vdc
        }
    }
    HostSwap = @{
        Area = 'Memory'; Cause = 'HostMemory'
        Plant = {
            & dd if=/dev/zero "of=$folder/swap" bs=1M count=512 status=none
            & chmod 600 "$folder/swap"
            & mkswap -q "$folder/swap"
            & swapon "$folder/swap"
            if ($LASTEXITCODE -ne 0) { throw 'This host takes no swap file.' }
            Invoke-Virsh memtune $vm --hard-limit 200MiB --live
        }
        Begin = { Start-Load 'sysbench memory --memory-block-size=128M --memory-total-size=1T --memory-oper=write --memory-access-mode=rnd --threads=1 --time=600 run' }
        End = { Stop-Load }
        Take = {
            Invoke-Virsh memtune $vm --hard-limit -1 --live
            & swapoff "$folder/swap"
            Remove-Item "$folder/swap"
        }
    }
    # The neighbour lab1 and programs of the host need more CPUs than the host has.
    Overcommit = @{
        Area = 'Cpu'; Cause = 'VcpuDelay'
        Begin = {
            $script:hogs = foreach ($cpu in 0..$hostCpu) { foreach ($number in 1, 2) { Start-Process taskset @('-c', $cpu, 'sha256sum', '/dev/zero') -PassThru -RedirectStandardOutput /dev/null } }
            Start-Load $spin
        }
        End = { Stop-Load; $script:hogs.Kill() }
    }
    CpuHog = @{
        Area = 'Cpu'; Cause = 'VcpuDelay'
        Plant = { foreach ($vcpu in 0, 1) { Invoke-Virsh vcpupin $vm $vcpu $hostCpu --live } }
        Begin = { $script:hog = Start-Hog; Start-Load $spin }
        End = { Stop-Load; $script:hog.Kill() }
        Take = { foreach ($vcpu in 0, 1) { Invoke-Virsh vcpupin $vm $vcpu "0-$hostCpu" --live } }
    }
    DiskThrottle = @{
        Area = 'Disk'; Cause = 'DiskLimit'; Lift = 'Set-DiskThrottle'
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
        Area = 'Network'; Cause = 'NicLimit'; Lift = 'virsh domiftune'
        Plant = { Invoke-Virsh domiftune $vm $mac --inbound 1000 --live }
        Begin = {
            $script:server = Start-Process iperf3 @('-s', '-B', $env:KVMTUNE_LAB_HOST_ADDRESS, '-p', '5301') -PassThru -RedirectStandardOutput /dev/null
            Start-Load "iperf3 -c $env:KVMTUNE_LAB_HOST_ADDRESS -p 5301 -R -t 600"
        }
        End = { Stop-Load; $script:server.Kill() }
        Take = { Invoke-Virsh domiftune $vm $mac --inbound 0 --live }
    }
}
# With pwsh -File a list arrives as one word.
$Kind = $Kind ? $Kind -split ',' : $Optimize ? @($plants.Keys.Where{ $plants[$_].Remedy -or $plants[$_].Lift }) : @($plants.Keys)
if ($Optimize) { $Rounds = 1 }
foreach ($name in $Kind) { if (-not $plants.Contains($name)) { throw "There is no kind '$name'. There are: $($plants.Keys -join ', ')." } }

$file = Join-Path $RepositoryRoot 'out/bench/bottlenecks.csv'
$null = New-Item -ItemType Directory -Force (Split-Path $file)
if ($Rounds -and -not $Resume -and -not $Optimize) { Remove-Item $file -ErrorAction Ignore }
$done = [System.Collections.Generic.List[object]]::new()
if (Test-Path $file) { Import-Csv $file | ForEach-Object { $done.Add($_) } }
function Get-Done([string] $Name) { @($done.Where{ $_.Kind -eq $Name }) }

# One round: start the load, diagnose, end the load. Its line is in the file before the next round begins.
function Invoke-Round([string] $Name, [hashtable] $Plant, [int] $Number) {
    if ($Plant.Begin) { & $Plant.Begin }
    try {
        # The first second of a load is its start-up.
        Start-Sleep -Milliseconds 1000
        $report = Find-VMBottleneck $vm -ConnectionUri $uri -Interval $Seconds
    }
    finally { if ($Plant.End) { & $Plant.End } }
    $isHit = $report.Area -eq $Plant.Area
    $isRight = $isHit -and $report.Cause -eq $Plant.Cause
    $line = [pscustomobject][ordered]@{
        Kind = $Name; Round = $Number; Seconds = $Seconds; Time = [datetime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ'); Load = (Get-Content /proc/loadavg).Split(' ')[0]
        RightArea = [int] $isHit; RightCause = [int] $isRight; Area = $report.Area; Cause = $report.Cause; Subject = $report.Subject; Verdict = $report.Verdict
    }
    $line | Export-Csv $file -Append
    $done.Add($line)
    $minute = $watch.Elapsed.TotalMinutes.ToString('0.0', [cultureinfo]::InvariantCulture)
    Write-Host "$minute min  $Name $Number of $Rounds`: $($isRight ? 'right' : "MISSED: $($report.Area) $($report.Cause) $($report.Subject): $($report.Verdict) $($report.Notes)")"
    if ($Show -and $isRight) { Write-Host "    $($report.Verdict) $($report.Notes)" }
    if (-not $isRight) { $report.Areas.Saturation | ForEach-Object { Write-Host "    $_" } }
}

# The same with Optimize-VM instead of the diagnosis: its ledger decides.
function Invoke-Optimization([string] $Name, [hashtable] $Plant) {
    if ($Plant.Begin) { & $Plant.Begin }
    try {
        Start-Sleep -Milliseconds 1000
        $ledger = Optimize-VM $vm -ConnectionUri $uri -Interval $Seconds -TimeLimit 4m -Confirm:$false -WarningAction Ignore
    }
    finally { if ($Plant.End) { & $Plant.End } }
    $kept = @($ledger.Kept)
    $isRight = $Plant.Remedy ? $Plant.Remedy -in $kept.Finding.Id : $Plant.Lift ? $ledger.Outcome -eq 'NothingToTry' -and $ledger.Reason.Contains($Plant.Lift) : -not $kept
    Write-Host "$Name`: $($isRight ? 'right' : 'MISSED'): $($ledger.Outcome). $($ledger.Reason)"
    $ledger.Steps | ForEach-Object { Write-Host "    $_" }
    if ($kept) { $null = $kept.Experiment | Undo-VMTuning -Confirm:$false -WarningAction Ignore }
    Add-Figure "$Name, Optimize-VM" (100 * [int] $isRight) '%' "$($ledger.Outcome)" | Write-Host
}

$watch = [System.Diagnostics.Stopwatch]::StartNew()
function Test-TimeIsOver { $watch.Elapsed.TotalMinutes -ge $Minutes }
# The loads' file exists before the first round: writing it would be an additional load.
if ($Rounds) { $null = Invoke-Guest "$fio --rw=randwrite --bs=4k --create_only=1" }
foreach ($name in $Kind) {
    $plant = $plants[$name]
    $first = $Optimize ? 1 : (Get-Done $name).Count + 1
    if ($first -gt $Rounds -or (Test-TimeIsOver)) { continue }
    try { if ($plant.Plant) { & $plant.Plant | Out-Null } }
    catch {
        Write-Warning "$name could not be planted on this host: NOT RUN. $_"
        try { if ($plant.Take) { & $plant.Take | Out-Null } } catch { Write-Warning "$name, which was planted in part, could not be taken back whole: $_" }
        continue
    }
    try {
        foreach ($round in $first..$Rounds) {
            if (Test-TimeIsOver) { break }
            if ($Optimize) { Invoke-Optimization $name $plant } else { Invoke-Round $name $plant $round }
        }
    }
    finally { if ($plant.Take) { & $plant.Take | Out-Null } }
}

if ($Optimize) { Save-Figure optimizations; return }
$rows = foreach ($name in $plants.Keys) {
    $lines = Get-Done $name
    if (-not $lines) { continue }
    $areas = ($lines | Measure-Object RightArea -Sum).Sum
    $causes = ($lines | Measure-Object RightCause -Sum).Sum
    Add-Figure "$name, right area" (100 * $areas / $lines.Count) '%' "$areas of $($lines.Count) rounds" | Write-Host
    if ($plants[$name].Cause) { Add-Figure "$name, right cause ($($plants[$name].Cause))" (100 * $causes / $lines.Count) '%' "$causes of $($lines.Count)" | Write-Host }
    "| ``$name`` | $areas of $($lines.Count) | $($plants[$name].Cause ? "$causes of $($lines.Count)" : '') |"
}
if ($Rounds) { Save-Figure bottlenecks }
$missing = @($Kind | Where-Object { (Get-Done $_).Count -lt $Rounds })
if ($missing) { Write-Warning "Not all $Rounds rounds were made of: $($missing -join ', '). The same command with -Resume makes the rest." }
if ($WriteDocs) {
    if (-not $done) { throw "$file has no rounds: there is no table to write." }
    $loads = $done.Load | ForEach-Object { [double]::Parse($_, [cultureinfo]::InvariantCulture) } | Measure-Object -Minimum -Maximum
    $days = @($done.Time | ForEach-Object { $_.Substring(0, 10) } | Sort-Object -Unique) -join ' and '
    $seconds = @($done.Seconds | Sort-Object -Unique) -join ' and '
    $page = Join-Path $RepositoryRoot 'docs/bottlenecks.md'
    $begin, $end = '<!-- rounds: written by ./bootstrap.sh bench bottlenecks -WriteDocs -->', '<!-- end of the rounds -->'
    $text = Get-Content $page -Raw
    $from, $to = $text.IndexOf($begin), $text.IndexOf($end)
    if ($from -lt 0 -or $to -lt $from) { throw "$page has no place for the table: the lines '$begin' and '$end'." }
    $table = @(
        $begin
        "On $days, $(Get-Machine); rounds of $seconds s, load average $($loads.Minimum) to $($loads.Maximum), the lab emulated:"
        ''
        '| kind | right area | right cause |'
        '| --- | --- | --- |'
        $rows
    ) -join "`n"
    Set-Content $page ($text.Substring(0, $from) + $table + "`n" + $text.Substring($to)) -NoNewline
}
