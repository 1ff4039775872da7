# What the suite is built of: the module under test, the lab's guests as libvirt, QEMU and the kernel see them, and
# throw-away hosts. Nothing here asks the module under test for the truth about itself.
$ErrorActionPreference = 'Stop'

$script:Root = (Resolve-Path "$PSScriptRoot/../..").Path
$script:ModulePath = "$script:Root/out/KvmTune/KvmTune.psd1"

# Nothing of the user's own journal is read or written: the suite has one of its own, its children inherit it.
if (-not $env:KVMTUNE_TEST_HOME) { $env:KVMTUNE_TEST_HOME = Join-Path ([System.IO.Path]::GetTempPath()) "kvmtune-tests-$PID" }
$env:KVMTUNE_HOME = $env:KVMTUNE_TEST_HOME

function Get-ModulePath { $script:ModulePath }

# Imports the module as a user does.
function Import-KvmTune { Import-Module $script:ModulePath -Global -Force }

# Runs a command and sorts what it wrote by stream. Ids are the error ids without the cmdlet's name.
function Invoke-Captured {
    param([scriptblock] $Command)
    $all = [System.Collections.Generic.List[object]]::new()
    $stopped = $false
    try { & $Command *>&1 | ForEach-Object { $all.Add($_) } }
    catch { $all.Add($_); $stopped = $true }
    $errors = @($all | Where-Object { $_ -is [System.Management.Automation.ErrorRecord] })
    $streams = [System.Management.Automation.ErrorRecord], [System.Management.Automation.WarningRecord],
    [System.Management.Automation.VerboseRecord], [System.Management.Automation.InformationRecord], [System.Management.Automation.DebugRecord]
    [pscustomobject]@{
        Output = @($all | Where-Object { $item = $_; -not ($streams | Where-Object { $item -is $_ }) })
        Errors = $errors
        Ids = @($errors | ForEach-Object { ($_.FullyQualifiedErrorId -split ',')[0] })
        Warnings = @($all | Where-Object { $_ -is [System.Management.Automation.WarningRecord] } | ForEach-Object Message)
        Verbose = @($all | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] } | ForEach-Object Message)
        Stopped = $stopped
    }
}

# What -WhatIf prints. It goes to the console and to no stream; the transcript has it.
function Get-PrintedText {
    param([scriptblock] $Command)
    $file = [System.IO.Path]::GetTempFileName()
    try {
        $null = Start-Transcript -Path $file -UseMinimalHeader
        try { $null = & $Command } finally { $null = Stop-Transcript }
        Get-Content $file -Raw
    }
    finally { Remove-Item $file }
}

# Runs a script in a PowerShell of its own; a prefix (setpriv …, unshare …) can change the world that it sees.
function Invoke-Child {
    param([string] $Script, [string[]] $Prefix = @(), [string] $Answers, [switch] $Interactive)
    $file = [System.IO.Path]::GetTempFileName() + '.ps1'
    try {
        Set-Content $file "`$ErrorActionPreference = 'Continue'`n`$PSStyle.OutputRendering = 'PlainText'`n$Script"
        $words = @($Prefix) + @('pwsh', '-NoProfile', '-NoLogo') + $(if (-not $Interactive) { '-NonInteractive' }) + @('-File', $file)
        $program, $arguments = $words
        $output = if ($Answers) { $Answers | & $program @arguments 2>&1 } else { & $program @arguments 2>&1 }
        [pscustomobject]@{ ExitCode = $LASTEXITCODE; Output = @($output | ForEach-Object { "$_" }); Text = ($output -join "`n") }
    }
    finally { Remove-Item $file }
}

# Waits until a condition holds; the limit is only there so that a failure ends.
function Wait-Until {
    param([scriptblock] $Condition, [string] $What, [int] $Seconds = 180)
    $limit = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not ($found = & $Condition)) {
        if ($limit.Elapsed.TotalSeconds -gt $Seconds) { throw "waited $Seconds s in vain until $What" }
        Start-Sleep -Milliseconds 100
    }
    $found
}

# A pipeline that runs beside the test, so that the test can interfere with it.
function Start-Pipeline {
    param([string] $Script)
    $shell = [powershell]::Create()
    $null = $shell.AddScript("Import-Module '$script:ModulePath'; `$VerbosePreference = 'Continue'; $Script")
    $shell | Add-Member -NotePropertyName Handle -NotePropertyValue $null
    $shell.Handle = $shell.BeginInvoke()
    $shell
}

# Waits until a pipeline says that it does something, in its verbose stream. (An open stream must not be enumerated: that waits
# for its end.)
function Wait-Activity {
    param($Pipeline, [string] $Like, [int] $Seconds = 240)
    $null = Wait-Until -Seconds $Seconds -What "the pipeline says '$Like'" -Condition {
        if ($Pipeline.Handle.IsCompleted) { throw "the pipeline ended before it said '$Like': $($Pipeline.Streams.Error.ReadAll())" }
        @($Pipeline.Streams.Verbose.ReadAll() | ForEach-Object Message) -like $Like
    }
}

# Waits for a pipeline's end and says how it ended.
function Wait-Pipeline {
    param($Pipeline, [int] $Seconds = 300)
    if (-not $Pipeline.Handle.AsyncWaitHandle.WaitOne([timespan]::FromSeconds($Seconds))) {
        $null = $Pipeline.BeginStop($null, $null)
        throw "the pipeline did not end within $Seconds s"
    }
    $output = try { $Pipeline.EndInvoke($Pipeline.Handle) } catch { $null }
    $errors = @($Pipeline.Streams.Error.ReadAll())
    $result = [pscustomobject]@{
        State = $Pipeline.InvocationStateInfo.State
        Reason = $Pipeline.InvocationStateInfo.Reason
        Output = @($output)
        Errors = $errors
        Ids = @($errors | ForEach-Object { ($_.FullyQualifiedErrorId -split ',')[0] })
    }
    $Pipeline.Dispose()
    $result
}

# --- The lab, as virsh, QEMU and the kernel see it -----------------------------------------------------------------

function Get-LabUri { $env:KVMTUNE_LAB_URI ?? 'qemu:///system' }

function Invoke-Virsh {
    param([Parameter(ValueFromRemainingArguments)] [string[]] $Arguments)
    $output = & virsh -q -c (Get-LabUri) @Arguments 2>&1
    if ($LASTEXITCODE) { throw "virsh $Arguments failed: $output" }
    @($output | ForEach-Object { "$_" })
}

# The XML of a domain: the persistent one unless -Running is said; with secrets in it.
function Get-DomainText {
    param([string] $Name, [switch] $Running)
    $flags = @('--security-info') + $(if (-not $Running) { '--inactive' })
    (Invoke-Virsh dumpxml $Name @flags) -join "`n"
}

function Get-DomainXml { param([string] $Name, [switch] $Running) [xml](Get-DomainText $Name -Running:$Running) }

# Defines a domain from its XML, without the module under test.
function Set-DomainText {
    param([string] $Text)
    $file = [System.IO.Path]::GetTempFileName()
    try { Set-Content $file $Text; $null = Invoke-Virsh define $file } finally { Remove-Item $file }
}

function Get-DomainState { param([string] $Name) Invoke-Virsh domstate $Name | Select-Object -First 1 }

# The pin of a vCPU as the XML has it; nothing when it has none.
function Get-Pin {
    param([string] $Name, [int] $Vcpu, [switch] $Running)
    (Get-DomainXml $Name -Running:$Running).SelectSingleNode("/domain/cputune/vcpupin[@vcpu='$Vcpu']/@cpuset").Value
}

# An attribute of a disk's driver as the XML has it.
function Get-DiskOption {
    param([string] $Name, [string] $Disk, [string] $Option, [switch] $Running)
    (Get-DomainXml $Name -Running:$Running).SelectSingleNode("/domain/devices/disk[target/@dev='$Disk']/driver/@$Option").Value
}

# QEMU's process: the one that libvirt wrote down, if it is the VM's by the UUID on its command line.
function Get-QemuProcessId {
    param([string] $Name)
    $id = Invoke-Virsh domuuid $Name | Select-Object -First 1
    $number = Get-Content "/run/libvirt/qemu/$Name.pid" -ErrorAction Ignore
    if ($number -and [System.IO.File]::ReadAllText("/proc/$number/cmdline").Contains("`0-uuid`0$id`0")) { return [int] $number }
    throw "$Name has no process"
}

function Get-QemuCommandLine { param([string] $Name) [System.IO.File]::ReadAllText("/proc/$(Get-QemuProcessId $Name)/cmdline").TrimEnd("`0") -split "`0" }

# The -blockdev of a disk's image file on QEMU's command line.
function Get-QemuBlockDevice {
    param([string] $Name, [string] $Disk)
    $source = (Get-DomainXml $Name).SelectSingleNode("/domain/devices/disk[target/@dev='$Disk']/source/@file").Value
    Get-QemuCommandLine $Name | Where-Object { $_.StartsWith('{') -and $_.Contains('"driver":"file"') } | ConvertFrom-Json |
        Where-Object { $_.filename -eq $source }
}

# The host CPUs that the kernel lets a vCPU's thread run on.
function Get-VcpuAffinity {
    param([string] $Name, [int] $Vcpu)
    $process = Get-QemuProcessId $Name
    foreach ($thread in [System.IO.Directory]::EnumerateDirectories("/proc/$process/task")) {
        if ([System.IO.File]::ReadAllText("$thread/comm").StartsWith("CPU $Vcpu/")) {
            return ([System.IO.File]::ReadAllLines("$thread/status") | Where-Object { $_.StartsWith('Cpus_allowed_list:') }).Split(':')[1].Trim()
        }
    }
    throw "$Name has no thread of vCPU $Vcpu"
}

# A thread that nobody pinned may run on these.
function Get-HostCpuList {
    ([System.IO.File]::ReadAllLines('/proc/self/status') | Where-Object { $_.StartsWith('Cpus_allowed_list:') }).Split(':')[1].Trim()
}

# A shell command in a guest, by SSH: the agent is what is under test.
function Invoke-InGuest {
    param([string] $Name, [string] $Command)
    $address = [Environment]::GetEnvironmentVariable("KVMTUNE_LAB_$($Name.ToUpperInvariant())_ADDRESS")
    $waited = [System.Diagnostics.Stopwatch]::StartNew()
    # 255 is ssh's own: the agent of a guest that boots may answer before its SSH server does.
    do {
        $output = & ssh -q -i $env:KVMTUNE_LAB_SSH_KEY -o IdentitiesOnly=yes -o "UserKnownHostsFile=$env:KVMTUNE_LAB_KNOWN_HOSTS" `
            -o StrictHostKeyChecking=yes -o ConnectTimeout=20 "root@$address" $Command 2>&1
    } while ($LASTEXITCODE -eq 255 -and $waited.Elapsed.TotalSeconds -lt 60 -and -not (Start-Sleep -Milliseconds 500))
    if ($LASTEXITCODE) { throw "in $Name '$Command' ended with $LASTEXITCODE`: $output" }
    @($output | ForEach-Object { "$_" })
}

# What a measurement could have left in a guest: fio processes and folders. A zombie has ended; the guest's init reaps once a second.
function Get-Leftover {
    param([string] $Name)
    Invoke-InGuest $Name 'pgrep -r D,R,S,T -a fio; ls -d /data/.kvmtune* /.kvmtune* /root/.kvmtune* /tmp/.kvmtune* /tmp/kvmtune-* 2>/dev/null; true'
}

# A fresh guest; variants go on its kernel command line.
function Reset-Guest {
    param([string] $Name, [string] $Variant)
    $arguments = @('reset', $Name) + $(if ($Variant) { '--cmdline', $Variant })
    $output = & $env:KVMTUNE_LAB_SCRIPT @arguments 2>&1
    if ($LASTEXITCODE) { throw "lab.sh $arguments failed: $output" }
}

# The guest answers. An emulated one hangs in its boot, as rarely happens on a busy machine, no matter how it is defined: it is reset once.
function Wait-Guest {
    param([string] $Name)
    $answers = {
        & virsh -q -c (Get-LabUri) qemu-agent-command $Name --timeout 5 '{"execute":"guest-ping"}' 2>$null
        $LASTEXITCODE -eq 0
    }
    try { $null = Wait-Until -What "$Name answers" -Condition $answers }
    catch {
        Write-Host "${Name}: $_; it is reset. $(Get-DomainState $Name); the end of its console:`n$(Get-Content (Join-Path $env:KVMTUNE_LAB_DIR "$Name-console.log") -Tail 15 | Out-String)"
        $null = Invoke-Virsh reset $Name
        $null = Wait-Until -What "$Name answers" -Condition $answers
    }
}

# The guests run and answer, defined as the lab makes them: fresh ones where anything of them is otherwise.
function Restore-Guest {
    param([string[]] $Name)
    foreach ($guest in $Name) {
        $changed = "//disk/driver[@cache or @io or @discard or @detect_zeroes or @iothread or @queues] | //iotune | //iothreads | //interface/driver | //vcpupin[@cpuset != '$(Get-HostCpuList)']"
        $defined = Get-DomainXml $guest
        if ((Get-DomainState $guest) -ne 'running' -or $defined.SelectSingleNode('/domain/cputune') -or $defined.SelectSingleNode($changed) -or
            $defined.domain.os.cmdline -match 'kvmtune\.(agent|fio|shutdown)=' -or (Get-DomainXml $guest -Running).SelectSingleNode($changed)) {
            Reset-Guest $guest
        }

        # One that was just started by a test before this one may still be booting. One that hangs, as an emulated guest rarely does,
        # is shown and made anew: whatever comes next has a guest that answers.
        try { Wait-Guest $guest }
        catch {
            $console = Get-Content "$env:KVMTUNE_LAB_DIR/$guest-console.log" -Tail 20 -ErrorAction Ignore
            Write-Host "$_; $(Invoke-Virsh domstate $guest --reason). It is made anew; the end of its console was:`n$($console -join "`n")"
            Reset-Guest $guest
            Wait-Guest $guest
        }
    }
}

# What tells whether a guest was redefined or started anew.
function Get-GuestMark {
    param([string] $Name)
    "$(Get-DomainText $Name)$(if ((Get-DomainState $Name) -eq 'running') { Get-QemuProcessId $Name })"
}

# A shut-off domain of the suite's own on the lab's host: the lab removes it if the test does not.
function New-LabDomain {
    param([string] $Name)
    $id = $env:KVMTUNE_LAB_UUID_PREFIX + [guid]::NewGuid().ToString('N').Substring(0, 12)
    $escaped = [System.Security.SecurityElement]::Escape($Name)
    Set-DomainText @"
<domain type='$env:KVMTUNE_LAB_TYPE'>
  <name>$escaped</name>
  <uuid>$id</uuid>
  <memory unit='MiB'>16</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/nowhere/disk.raw'/>
      <target dev='vda' bus='virtio'/>
    </disk>
  </devices>
</domain>
"@
    $id
}

function Remove-LabDomain { param([string] $Id) & virsh -q -c (Get-LabUri) undefine $Id *>$null }

# --- Hosts that are not there --------------------------------------------------------------------------------------

# A host of libvirt's test driver with VMs of these names; its URI. The VMs live in this process only.
function New-TestHost {
    param([string] $Folder, [string[]] $Name = @('db01', 'web 01'), [switch] $ShutOff)
    $null = New-Item -ItemType Directory -Force $Folder
    $number = 0
    $domains = foreach ($vm in $Name) {
        $number++
        @"
  <domain type='test'$(if ($ShutOff) { " xmlns:test='http://libvirt.org/schemas/domain/test/1.0'" })>
    <name>$([System.Security.SecurityElement]::Escape($vm))</name>
    <uuid>00000000-0000-4000-8000-$('{0:x12}' -f $number)</uuid>
    <memory unit='MiB'>256</memory>
    <vcpu>2</vcpu>
    $(if ($ShutOff) { '<test:runstate>5</test:runstate>' })
    <os><type>hvm</type></os>
    <devices>
      <disk type='file' device='disk'>
        <driver name='qemu' type='raw'/>
        <source file='/nowhere/$number-a.raw'/>
        <target dev='vda' bus='virtio'/>
      </disk>
      <disk type='file' device='disk'>
        <driver name='qemu' type='raw'/>
        <source file='/nowhere/$number-b.raw'/>
        <target dev='vdb' bus='virtio'/>
      </disk>
    </devices>
  </domain>
"@
    }
    $file = Join-Path $Folder 'node.xml'
    Set-Content $file "<node>`n$($domains -join "`n")`n</node>"
    "test://$file"
}

# A libvirtd of the suite's own, with the test driver behind it, run by an unprivileged user so that it touches nothing of
# the machine. Only root's override of file permissions opens its socket, so a process without that is refused.
function Start-TestDaemon {
    param([string] $Folder)
    & install -d -o 65534 -g 65534 $Folder
    $arguments = '--reuid', '65534', '--regid', '65534', '--clear-groups', 'env', "HOME=$Folder", "XDG_RUNTIME_DIR=$Folder", 'libvirtd'
    $process = Start-Process setpriv -ArgumentList $arguments -PassThru -RedirectStandardError "$Folder/log" -RedirectStandardOutput /dev/null
    $socket = "$Folder/libvirt/libvirt-sock"
    $daemon = [pscustomobject]@{ Process = $process; Uri = "test+unix:///default?socket=$socket"; Socket = $socket; Folder = $Folder }
    $null = Wait-Until -What "the daemon in $Folder answers" -Condition {
        & virsh -q -c $daemon.Uri uri *>$null
        $LASTEXITCODE -eq 0
    }
    $daemon
}

function Stop-TestDaemon {
    param($Daemon)
    if (-not $Daemon.Process.HasExited) { $Daemon.Process.Kill() }
    $Daemon.Process.WaitForExit()
    Remove-Item $Daemon.Socket -ErrorAction Ignore
}

# The words that take root's override of file permissions away from a command.
function Get-UnprivilegedPrefix { 'setpriv', '--bounding-set', '-all', '--inh-caps', '-all' }

# --- Measurements without a guest ----------------------------------------------------------------------------------

# A type of the engine. Its assembly is in the module's own load context, where type literals do not look.
function Get-EngineType {
    param([string] $Name)
    (Get-Command Compare-VMPerformance).Parameters['Baseline'].ParameterType.Assembly.GetType("KvmTune.$Name", $true)
}

# A record of the engine with these properties.
function New-EngineObject {
    param([string] $Type, [hashtable] $Property)
    $object = [System.Activator]::CreateInstance((Get-EngineType $Type))
    # By reflection: some are the engine's own, and PowerShell shows moments by properties that cannot be set.
    foreach ($name in $Property.Keys) {
        $target = $object.GetType().GetProperty($name, [System.Reflection.BindingFlags] 'Public,NonPublic,Instance') ?? $(throw "$Type has no property $name.")
        $target.SetValue($object, [System.Management.Automation.LanguagePrimitives]::ConvertTo($Property[$name], $target.PropertyType))
    }
    $object
}

function ConvertTo-EngineArray {
    param([string] $Type, [object[]] $Items)
    $array = [array]::CreateInstance((Get-EngineType $Type), $Items.Count)
    for ($i = 0; $i -lt $Items.Count; $i++) { $array.SetValue($Items[$i].psobject.BaseObject, $i) }
    , $array
}

# A measurement with these values of one metric, as if it had been made: for what is done with measurements afterwards.
function New-Performance {
    param([double[]] $Iops, [string] $Name = 'db01', [guid] $Id = '00000000-0000-4000-8000-000000000001', [string] $HostName = 'host1',
        [string] $Workload = 'RandomWrite')
    $metric = (Get-EngineType Measurement.MetricDefinition)::new('Iops', 'IOPS', 'HigherIsBetter', 'Rate', $true)
    $number = 0
    $runs = foreach ($value in $Iops) {
        $number++
        $values = [System.Collections.Generic.Dictionary[string, double]]::new()
        $values['Iops'] = $value
        New-EngineObject Measurement.MeasuredRun @{
            Number = $number; StartedAt = [datetimeoffset]::UnixEpoch; Duration = [timespan]::FromSeconds(3); Values = $values
        }
    }
    New-EngineObject Measurement.VMPerformance @{
        VMName = $Name
        VMId = $Id
        ConnectionUri = 'test:///default'
        Workload = New-EngineObject Measurement.WorkloadRequest @{ Name = $Workload }
        Metrics = ConvertTo-EngineArray Measurement.MetricDefinition $metric
        Runs = ConvertTo-EngineArray Measurement.MeasuredRun $runs
        Conditions = New-EngineObject Measurement.MeasurementConditions @{ HostName = $HostName; DomainType = 'test'; ConfigurationHash = '00'; Channel = 'None' }
        StartedAt = [datetimeoffset]::UnixEpoch
        Elapsed = [timespan]::FromSeconds(30)
    }
}

# An experiment that made this comparison, as if it had been made; with a change of the test driver's VM unless one is given.
function New-Experiment {
    param($Comparison, $Change = (Set-VcpuPin test -ConnectionUri test:///default -Map @{ 0 = '2'; 1 = '4' } -Scope Config -WarningAction Ignore))
    New-EngineObject Experiments.VMExperiment @{
        ExperimentId = [guid]::NewGuid(); VMName = $Comparison.VMName; VMId = $Comparison.VMId; ConnectionUri = $Comparison.ConnectionUri
        Title = 'disk vdb: cache=none, io=native'; Changes = ConvertTo-EngineArray Tuning.VMTuningResult $Change
        Baseline = $Comparison.Baseline; Candidate = $Comparison.Candidate; Comparison = $Comparison
        Decision = 'Kept'; Reason = 'Kept, since it improved.'; Keep = 'Improved'; Design = 'Pairs'; Seed = 7
        PairCount = 12; ScreenedPairCount = 3; RestartCount = 0; StartedAt = [datetimeoffset]::UnixEpoch; Elapsed = [timespan]::FromSeconds(130)
        Steps = ConvertTo-EngineArray Experiments.ExperimentStep (
            (Get-EngineType Experiments.ExperimentStep)::new('Measure', 'pair 1 of 8 (B A), baseline', [datetimeoffset]::UnixEpoch, [timespan]::FromSeconds(8)))
    }
}

# An object of each type that goes down a pipeline, by a short name, made on libvirt's test driver: for what is done with objects afterwards.
# The test driver is the host of the session afterwards; the folder gets a host of its own for a placement.
function New-SampleObject {
    param([string] $Folder)
    $WarningPreference = 'SilentlyContinue'
    $uri = 'test:///default'
    $samples = @{
        Connection = Connect-VMHost $uri
        Host = Get-VMHostTopology $uri
        VM = Get-VMTopology test
        Plan = Set-VcpuPin test -Map @{ 0 = '2'; 1 = '4' } -AsPlan
        Result = Set-VcpuPin test -Map @{ 0 = '2'; 1 = '4' } -Scope Config
        Checkpoint = Checkpoint-VMTuning test sample -Force
        Placement = New-VcpuPinPlan db01 -ConnectionUri (New-TestHost $Folder)
        Map = Show-VMHostMap $uri
        Performance = New-Performance (200..211)
        Comparison = Compare-VMPerformance (New-Performance (200..211)) (New-Performance (100..111))
        Finding = (Test-VMTuning test)[0]
        Bottleneck = Find-VMBottleneck test -Interval 0.1
        Sample = Watch-VMPerformance test -Interval 0.1 -Count 1
    }
    $samples.Entry = @(Get-VMTuningHistory test)[-1]
    $samples.Experiment = New-Experiment $samples.Comparison $samples.Result
    $samples.Plot = $samples.Comparison | Show-VMComparison
    $samples
}

Export-ModuleMember -Function *
