# Objects can be converted to JSON, CSV and Clixml and passed to jobs and other runspaces, with values that a person can read; and rows and
# parts can be passed to cmdlets. Needs no guest.
BeforeDiscovery {
    Import-Module "$PSScriptRoot/../../out/KvmTune/KvmTune.psd1" -Force
    $names = 'Connection', 'Host', 'VM', 'Vcpu', 'Disk', 'Nic', 'Plan', 'Result', 'Entry', 'Checkpoint', 'Placement', 'Map', 'Performance', 'Comparison', 'Finding', 'Bottleneck', 'Sample', 'Experiment', 'Plot'
    $tables = foreach ($type in (Get-FormatData KvmTune.*)) {
        foreach ($view in $type.FormatViewDefinition) {
            if ($view.Control -is [System.Management.Automation.TableControl]) {
                foreach ($name in $type.TypeNames) {
                    @{
                        Type = $name; Wraps = $view.Control.Rows[0].Wrap; IsFixed = [bool]@($view.Control.Headers | Where-Object Width -GT 0); Entries = @($view.Control.Rows[0].Columns.DisplayEntry)
                        Heads = @(for ($i = 0; $i -lt $view.Control.Headers.Count; $i++) { $view.Control.Headers[$i].Label ? $view.Control.Headers[$i].Label : $view.Control.Rows[0].Columns[$i].DisplayEntry.Value })
                    }
                }
            }
        }
    }
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $WarningPreference = 'SilentlyContinue'
    $schemas = Join-Path (Split-Path (Get-ModulePath)) schemas
    $uri = 'test:///default'
    $things = New-SampleObject (Join-Path $TestDrive objects)
    $things.Vcpu = $things.VM.Vcpus[0]

    # A host of VMs that are shut off, each with a NIC.
    function New-RichHost([string[]] $Name) {
        $folder = Join-Path $TestDrive ([guid]::NewGuid())
        $uri = New-TestHost $folder $Name -ShutOff
        $text = [regex]::Replace((Get-Content "$folder/node.xml" -Raw), '</devices>', {
                "<interface type='network'><mac address='52:54:00:00:00:0$((++$script:number))'/><source network='default'/><model type='virtio'/></interface></devices>"
            })
        Set-Content "$folder/node.xml" $text
        $uri
    }
    $script:number = 0
    $rich = New-RichHost 'db01'
    $things.Disk = (Get-VMTopology db01 -ConnectionUri $rich).Disks[0]
    $things.Nic = (Get-VMTopology db01 -ConnectionUri $rich).Nics[0]

    # A sample of each type with a table.
    $rows = @{}
    $area = $things.Bottleneck.Areas[0]
    $parts = (Get-HugePagePool -ConnectionUri $uri)[0], $things.Plan.Findings[0], $things.Performance.Runs[0], $things.Comparison.Metrics[0], $things.Finding.Evidence[0], $area,
    $area.Evidence[0], $things.Experiment.Steps[0], $things.Host.Nodes[0], $things.Host.Cpus[0]
    foreach ($row in @($things.Values) + $parts) { $rows[$row.GetType().FullName] = $row }
}
AfterAll { foreach ($host1 in $uri, $rich) { if ($host1) { Disconnect-VMHost $host1 -ErrorAction Ignore } } }

Describe 'A <_>' -ForEach $names {
    It 'goes through ConvertTo-Json as its schema says, whatever the depth' {
        $thing = $things[$_]
        $json = ConvertTo-Json $thing -Depth 100 -WarningAction Stop
        $schema = Join-Path $schemas "$($thing.GetType().Name).schema.json"
        if (Test-Path $schema) {
            $json | Test-Json -SchemaFile $schema -ErrorAction Stop | Should -BeTrue
            # At this level a schema allows what others add; nothing was added here.
            ($json | ConvertFrom-Json -AsHashtable).Keys | Should -BeIn (Get-Content $schema -Raw | ConvertFrom-Json -AsHashtable).properties.Keys
        }
        foreach ($depth in 0, 1, 2, 3, 5) {
            $short = ConvertTo-Json $thing -Depth $depth -WarningAction Ignore
            $short | Should -Not -Match 'System\.|KvmTune\.[A-Z]\w+\.\w+|`[12]'
            { $short | ConvertFrom-Json } | Should -Not -Throw
        }
        $thing | ConvertTo-Json -Depth 100 | ConvertFrom-Json | Should -Not -BeNullOrEmpty
    }

    It 'goes through ConvertTo-Csv with values that a person can read' {
        $row = $things[$_] | ConvertTo-Csv | ConvertFrom-Csv
        foreach ($cell in $row.PSObject.Properties) {
            $cell.Value | Should -Not -Match 'System\.|KvmTune\.[A-Z]\w+\.\w+|\w+ \{ ' -Because $cell.Name
        }
    }

    It 'is a short line as text' {
        if ($_ -notin 'Map', 'Plot') {
            "$($things[$_])".Length | Should -BeIn (1..300)
            "$($things[$_])" | Should -Not -Match "`n|\{"
        }
    }

    It 'goes through Export-Clixml, and what came back goes through ConvertTo-Json and ConvertTo-Csv too' {
        $things[$_] | Export-Clixml "$TestDrive/thing.xml"
        $back = Import-Clixml "$TestDrive/thing.xml"
        { $back | ConvertTo-Json -Depth 3 -WarningAction Ignore | ConvertFrom-Json } | Should -Not -Throw
        ($back | ConvertTo-Csv) -join "`n" | Should -Not -Match 'System\.Collections'
    }

    It 'is the same in another runspace' {
        $thing = $things[$_]
        $there = 1 | ForEach-Object -Parallel { ConvertTo-Json $using:thing -Depth 3 -WarningAction Ignore }
        $there | Should -Be (ConvertTo-Json $thing -Depth 3 -WarningAction Ignore)
    }
}

Describe 'The parts of objects' {
    It 'go through ConvertTo-Csv with values that a person can read' {
        foreach ($part in $things.Bottleneck.Areas, $things.Plot.Metrics.Baseline, $things.Checkpoint.State, $things.Map.Nodes, $things.Map.Nodes.Caches, $things.Comparison.Metrics) {
            ($part | ConvertTo-Csv) -join "`n" | Should -Not -Match 'System\.|KvmTune\.[A-Z]\w+\.\w+|\w+ \{ '
        }
        ($things.Bottleneck.Areas | ConvertTo-Csv | ConvertFrom-Csv)[0].Utilisation | Should -Match ($things.Bottleneck.Areas[0].Utilisation[0].Counter)
    }
}

Describe 'JSON of an object to which others added properties' {
    It 'is as its schema says, which is strict about the objects inside' {
        $off = New-TestHost (Join-Path $TestDrive restarted) db01 -ShutOff
        $vm = Restart-VMDomain db01 -ConnectionUri $off -Confirm:$false | Add-Member PSComputerName host1 -PassThru
        $json = $vm | ConvertTo-Json -Depth 100
        Disconnect-VMHost $off -ErrorAction Ignore
        ($json | ConvertFrom-Json).PSObject.Properties.Name | Should -Contain RestartedBy
        $json | Test-Json -SchemaFile "$schemas/VMTopology.schema.json" -ErrorAction Stop | Should -BeTrue
        $json -replace '"Configured": \{', '"Configured": { "Unknown": 1,' | Test-Json -SchemaFile "$schemas/VMTopology.schema.json" -ErrorAction Ignore | Should -BeFalse
    }
}

Describe 'Objects of a job' {
    It 'are readable without the module' {
        $json = Start-Job { param($module) Import-Module $module; Get-VMTopology test -ConnectionUri test:///default } -ArgumentList (Get-ModulePath) |
            Receive-Job -Wait -AutoRemoveJob | ConvertTo-Json -WarningAction Ignore | ConvertFrom-Json
        $json.VMName | Should -Be test
        $json.State | Should -Be Running
    }
}

Describe 'JSON of a VM' {
    BeforeAll { $json = Get-VMTopology test | ConvertTo-Json -Depth 100 | ConvertFrom-Json -AsHashtable }

    It 'has enums by name, keys as text and units in names' {
        $json.State | Should -Be Running
        $json.Configured.Memory.MaximumKiB | Should -Be $things.VM.Configured.Memory.MaximumKiB
        $json.Vcpus[0].Keys | Should -Contain CpuTimeSeconds
        $json.Configured.VcpuPins['0'].Text | Should -Be '2'
    }

    It 'of a VM whose CPUs are bound as a whole, with cells and threads' {
        $folder = Join-Path $TestDrive bound
        $bound = New-TestHost $folder db01 -ShutOff
        $text = (Get-Content "$folder/node.xml" -Raw) -replace '<vcpu>2</vcpu>', "<vcpu cpuset='0,2'>2</vcpu><iothreads>1</iothreads><cputune><vcpupin vcpu='0' cpuset='2'/><iothreadpin iothread='1' cpuset='4'/></cputune>"
        Set-Content "$folder/node.xml" $text
        $vm = Get-VMTopology db01 -ConnectionUri $bound | ConvertTo-Json -Depth 100 | ConvertFrom-Json -AsHashtable
        $vm.Configured.EffectiveVcpuPins['1'].Text | Should -Be '0,2'
        $vm.Configured.IOThreadPins['1'].Text | Should -Be '4'
        Get-VMTopology db01 -ConnectionUri $bound | ConvertTo-Json -Depth 100 | Test-Json -SchemaFile "$schemas/VMTopology.schema.json" -ErrorAction Stop | Should -BeTrue
        Disconnect-VMHost $bound -ErrorAction Ignore
    }
}

Describe 'The heads of the table of <Type>' -ForEach $tables {
    It 'are properties' {
        $type = [System.AppDomain]::CurrentDomain.GetAssemblies().ForEach({ $_.GetType($Type) }).Where({ $_ }, 'First')[0]
        $type | Should -Not -BeNullOrEmpty
        $properties = @($type.GetProperties().Name) + @((Get-TypeData $type.FullName).Members.Keys)
        foreach ($head in $Heads) { $head | Should -BeIn $properties }
    }

    It 'hold what their cells show, so that Where-Object finds it' {
        $row = $rows[$Type]
        if (-not $row) { Set-ItResult -Skipped -Because 'there is no sample of it'; return }
        for ($i = 0; $i -lt $Heads.Count; $i++) {
            $head, $value = $Heads[$i], $row.($Heads[$i])
            $shown = $Entries[$i].ValueType -eq 'Property' ? "$value" : "$(ForEach-Object -InputObject $row -Process ([scriptblock]::Create($Entries[$i].Value)))"
            # A number, a size and a date are only formatted, a list is summed up, a dash or nothing stands for null.
            if ($value -is [System.Collections.ICollection] -or $value -is [bool] -or $value -is [datetimeoffset] -or ($null -eq $value -and $shown -in '', '-')) { continue }
            if ($shown -match '^[-\d.]+k?!?( [\w/%µ]+)?$') { continue }
            @($row | Where-Object $head -EQ $shown).Count | Should -Be 1 -Because "$head shows '$shown'"
        }
    }

    It 'have cells that wrap, if a column has a fixed width' {
        if ($IsFixed) { $Wraps | Should -BeTrue }
    }
}

Describe 'Tables' {
    # Also written to out/views, for review by a person.
    It 'show what answers the question at 80 columns, whole heads at 100, and all at 140: <_>' -ForEach $names {
        $answers = @{ VM = 'State', 'PendingRestart'; Entry = 'State', 'Verdict'; Plan = 'RequiresRestart', 'Judgement'; Placement = 'RequiresRestart', 'Judgement'; Result = 'Outcome', 'Verified'; Performance = 'Median'; Finding = 'Severity', 'Id'; Bottleneck = 'AreaName', 'Verdict'; Experiment = 'Verdict', 'Decision', 'Shift' }
        $views = Join-Path (Split-Path (Split-Path (Get-ModulePath))) views
        $null = New-Item -ItemType Directory -Force $views
        $table = @((Get-FormatData $things[$_].GetType().FullName).FormatViewDefinition.Control | Where-Object { $_ -is [System.Management.Automation.TableControl] })[0]
        foreach ($width in 80, 100, 140) {
            $shown = ($things[$_] | Out-String -Width $width) -replace '\e\[[0-9;]*m'
            Set-Content (Join-Path $views "$_.$width.txt") $shown
            $lines = $shown -split "`n" | Where-Object { $_.Trim() }
            if (-not $table) { continue }
            ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual $width
            foreach ($answer in $answers[$_]) { $lines[0] | Should -Match $answer -Because "$width columns" }
            # A column head is whole or absent; nothing is cut if there is space.
            $heads = -split $lines[0]
            if ($width -ge 100) { $heads | ForEach-Object { $_ | Should -BeIn $table.Headers.Label -Because "$width columns" } }
            if ($width -eq 140) { $heads | Should -Be $table.Headers.Label; $shown | Should -Not -Match '…' }
        }
    }
}

Describe 'Tables with long values' {
    It 'show the whole name of a VM with 30 characters in a stream' {
        $names = 'production-database-primary-01', 'production-database-primary-02'
        $long = New-TestHost (Join-Path $TestDrive long) $names
        $samples = Watch-VMPerformance -ConnectionUri $long -Interval 0.1 -Count 1
        Disconnect-VMHost $long -ErrorAction Ignore
        foreach ($width in 80, 100, 140) {
            $lines = ($samples | Out-String -Width $width) -replace '\e\[[0-9;]*m' -split "`n" | Where-Object { $_.Trim() } | Select-Object -Skip 2
            -join ($lines | ForEach-Object { $_.PadRight(15).Substring(0, 15).Trim() }) | Should -Be (-join $names) -Because "$width columns"
        }
    }

    It 'show the pages of four nodes' {
        $pools = foreach ($node in 0..3) {
            New-EngineObject Topology.HugePagePool @{ ConnectionUri = $uri; HostName = 'host1'; Node = $node; PageSizeKiB = 2048; Total = 1024; NodeMemoryKiB = 8388608 }
        }
        $pools = ConvertTo-EngineArray Topology.HugePagePool $pools
        $request = (Get-EngineType Tuning.HugePages.HugePagePoolRequest)::new(2048, 4096, $null)
        $result = New-EngineObject Tuning.HugePages.HugePagePoolResult @{
            Plan = New-EngineObject Tuning.HugePages.HugePagePoolPlan @{ ConnectionUri = $uri; Request = $request; Before = $pools }
            After = $pools; PersistedTo = '/etc/sysctl.d/60-kvmtune-hugepages.conf'
        }
        foreach ($width in 80, 100, 140) {
            $shown = ($result | Out-String -Width $width) -replace '\e\[[0-9;]*m'
            $shown | Should -Not -Match '…' -Because "$width columns"
            foreach ($pages in '0:1024', '1:1024', '2:1024', '3:1024') { $shown | Should -Match $pages -Because "$width columns" }
        }
    }
}

Describe 'Settings by the pipeline' {
    BeforeEach {
        $script:number = 0
        $settings = New-RichHost 'db01', 'db02'
        $null = Connect-VMHost $settings
    }
    AfterEach { Disconnect-VMHost $settings -ErrorAction Ignore; $null = Connect-VMHost $uri }

    It 'come from a CSV file, and an empty cell says nothing' {
        @'
VMName,Disk,Cache,IO
db01,vda,none,native
db02,vda,writethrough,
'@ | Set-Content "$TestDrive/changes.csv"
        $results = @(Import-Csv "$TestDrive/changes.csv" | Set-DiskCacheMode -Force)
        $results.VMName | Should -Be db01, db02
        (Get-VMTopology db01).Disks[0] | ForEach-Object { "$($_.Cache) $($_.IO)" } | Should -Be 'none native'
        (Get-VMTopology db02).Disks[0] | ForEach-Object { "$($_.Cache) $($_.IO)" } | Should -Be 'writethrough '
        @'
VM,Vcpu,HostCpu
db01,*,"0,2"
db02,"0,1",4
'@ | ConvertFrom-Csv | Set-VcpuPin | Out-Null
        (Get-VMTopology db01).Pins | Should -Match '^0-\d+:0,2$'
        (Get-VMTopology db02).Pins | Should -Be '0-1:4'
    }

    It 'that say nothing are an error for their row, and the next row has its turn' {
        $captured = Invoke-Captured { [pscustomobject] @{ VMName = 'db01'; Disk = 'vda'; Cache = '' }, [pscustomobject] @{ VMName = 'db02'; Disk = 'vda'; Cache = 'none' } | Set-DiskCacheMode }
        $captured.Ids | Should -Be NothingToSet
        $captured.Output.VMName | Should -Be db02
    }

    It 'that are switches are not set by an empty cell, nor by one that is null' {
        $plain = (Set-VMCpuModel db01 -Topology 1x2x1 -AsPlan).Title
        foreach ($empty in '', $null) {
            ([pscustomobject] @{ VMName = 'db01'; Topology = '1x2x1'; MatchPins = $empty } | Set-VMCpuModel -AsPlan).Title | Should -Be $plain
        }
        (Invoke-Captured { [pscustomobject] @{ VMName = 'db01'; MatchPins = $null } | Set-VMCpuModel -AsPlan }).Ids | Should -Be NothingToSet
    }

    It 'are not taken of a part of a VM: it says what is, not what is wished for' {
        $null = Set-DiskCacheMode db01 vda -Cache none
        $plans = @((Get-VMTopology db01).Disks | Set-DiskCacheMode -IO native -Force -AsPlan)
        $plans.Count | Should -Be (Get-VMTopology db01).Disks.Count
        $plans[0].Change.Options.Keys | Should -Be io
        @((Get-VMTopology db01).Vcpus | Set-VcpuPin -HostCpu 2).Count | Should -Be (Get-VMTopology db01).Vcpus.Count
        (Get-VMTopology db01).Pins | Should -Match ':2$'
        @((Get-VMTopology db01).Vcpus | Clear-VcpuPin).Outcome | Should -Not -BeNullOrEmpty
        (Get-VMTopology db01).Pins | Should -BeNullOrEmpty
        @((Get-VMTopology db01).Nics[0] | Enable-NicMultiqueue -Queues 2).VMName | Should -Be db01
    }

    It 'are not taken of any other object of the module, living or read back' {
        $vm = Get-VMTopology db01
        $sample = New-EngineObject Diagnosis.Bottlenecks.VMPerformanceSample @{
            VMName = 'db01'; VMId = $vm.VMId; ConnectionUri = $settings; Time = [datetimeoffset]::Now; ReadIops = 12.0; WriteIops = 3.0
        }
        $sample | Export-Clixml "$TestDrive/sample.xml"
        foreach ($source in $sample, (Import-Clixml "$TestDrive/sample.xml")) {
            $limits = ($source | Set-DiskThrottle -Disk vda -WriteIops 2000 -AsPlan).Change.Limits
            $limits['read_iops_sec'] | Should -BeNullOrEmpty
            $limits['write_iops_sec'] | Should -Be 2000
            (Invoke-Captured { $source | Set-DiskThrottle -Disk vda -AsPlan }).Ids | Should -Be NothingToSet
        }
        $captured = Invoke-Captured { $things.Bottleneck | Set-DiskCacheMode -Cache none }
        $captured.Ids | Should -Be SettingMissing
        "$($captured.Errors[0])" | Should -BeLike '-Disk is missing.*VMBottleneckReport*Add -Disk.'
        (Invoke-Captured { $things.Placement | Set-VMNumaPolicy }).Ids | Should -Be SettingMissing
    }

    It 'come from a row also where the VM on the command line is an object' {
        $plan = [pscustomobject] @{ Disk = 'vda'; Cache = 'none' } | Set-DiskCacheMode (Get-VMTopology db01) -AsPlan
        $plan.Title | Should -Be 'disk vda: cache=none'
    }

    It 'of pools of huge pages come from a CSV file' {
        $text = Get-PrintedText { 'PageSize,Node,Count,Persist', '2M,0,16,', '2M,,32,false' | ConvertFrom-Csv | Set-HugePagePool -ConnectionUri test:///default -WhatIf }
        $text | Should -Match 'pool of 2 MiB pages on node 0: \d+ -> 16'
        $text | Should -Match 'pool of 2 MiB pages: \d+ -> 32'
        $text = Get-PrintedText {
            $script:captured = Invoke-Captured { 'PageSize,Count', '2M,', '2M,8' | ConvertFrom-Csv | Set-HugePagePool -ConnectionUri test:///default -WhatIf }
        }
        @($captured.Errors).Count | Should -Be 1
        "$($captured.Errors[0])" | Should -Match 'Count'
        $text | Should -Match '-> 8'
        $text | Should -Not -Match '-> 0'
        (Invoke-Captured { [pscustomobject] @{ PageSize = '2M'; Count = 8; Persist = 'true' } | Set-HugePagePool -ConnectionUri test:///default -WhatIf }).Ids | Should -Be HostNotLocal
    }

    It 'pin several vCPUs at once' {
        (Set-VcpuPin db01 * '0,2').Title | Should -Match 'pin vCPU'
        (Get-VMTopology db01).Pins | Should -Match '^0-\d+:0,2$'
        $null = Set-VcpuPin db01 -Vcpu 0,1 -HostCpu 4
        (Get-VMTopology db01).Pins | Should -Match '0-1:4'
        (Invoke-Captured { Set-VcpuPin db01 -Vcpu first -HostCpu 3 }).Ids | Should -Be InvalidNumber
    }

    It 'bind by property name, every one that names a setting' {
        # The checkpoint parameter of Restore-VMTuning is not a setting.
        $commands = Get-Command -Module KvmTune | Where-Object {
            $_.Verb -in 'Set', 'Clear', 'Enable', 'Disable' -or ($_.ImplementingType.IsSubclassOf([KvmTune.Cmdlets.Common.VMChangeCmdlet]) -and $_.Name -ne 'Restore-VMTuning')
        }
        $commands.Count | Should -BeGreaterThan 10
        $common = 'Scope', 'AsPlan', 'Restart', 'ShutdownTimeLimit', 'AllowPowerOff', 'Force', 'ConnectionUri', 'Map', 'Clear', 'RestartBy', 'PersistenceRoot' + [System.Management.Automation.PSCmdlet]::CommonParameters + [System.Management.Automation.PSCmdlet]::OptionalCommonParameters
        foreach ($command in $commands) {
            foreach ($parameter in $command.Parameters.Values | Where-Object Name -NotIn $common) {
                $parameter.Attributes.Where({ $_ -is [System.Management.Automation.ParameterAttribute] }).ValueFromPipelineByPropertyName | Should -Contain $true -Because ("-$($parameter.Name) of $command " +
                    "has no ValueFromPipelineByPropertyName in src/KvmTune.Cmdlets/*/$($command.ImplementingType.Name).cs. Then: ./bootstrap.sh test fast")
            }
        }
    }

    It 'are completed by their words, and by nothing else' {
        (TabExpansion2 'Set-DiskCacheMode db01 vda -Cache w').CompletionMatches.CompletionText | Should -Be writeback, writethrough
        (TabExpansion2 'Set-DiskCacheMode db01 vda -Cache ').CompletionMatches.CompletionText | Should -Contain none
    }

    It 'that are wrong are refused in words' {
        $captured = Invoke-Captured { Set-VMCpuModel db01 -Model 'a b' }
        "$($captured.Errors[0])" | Should -Match "'a b'"
        "$($captured.Errors[0])" | Should -Not -Match '\\A'
        "$((Invoke-Captured { Set-DiskCacheMode db01 vda -Cache turbo }).Errors[0])" | Should -Match 'turbo.*writeback'
    }
}

Describe 'Dates' {
    It 'are local and ISO in CSV, in lists and in text, and can be compared' {
        $iso = '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d'
        ($things.Entry | ConvertTo-Csv | ConvertFrom-Csv).StartedAt | Should -Match $iso
        $things.Result.AppliedAt.ToString() | Should -Match $iso
        ($things.Performance | Format-List StartedAt | Out-String) | Should -Match 'StartedAt : \d{4}-\d\d-\d\d'
        $things.Entry.StartedAt -gt [datetimeoffset]::Now.AddHours(-1) | Should -BeTrue
        $things.Entry.StartedAt.Offset | Should -Be ([datetimeoffset]::Now.Offset)
        ($things.Entry | ConvertTo-Json -WarningAction Ignore) | Should -Match '"StartedAt": "\d{4}-\d\d-\d\dT'
    }

    It 'are local and ISO in the parts of objects and in messages, in a time zone that is not UTC' {
        $child = Invoke-Child -Prefix env, TZ=Asia/Jakarta @"
Import-Module '$PSScriptRoot/Lab.psm1'
Import-KvmTune
`$epoch = [datetimeoffset]::UnixEpoch
"summary: `$((Get-EngineType Journal.MeasurementSummary)::new([guid]::NewGuid(), `$epoch, 'Cpu', 'Rate', 'IOPS', 1, 1).StartedAt.ToString())"
"step: `$((Get-EngineType Experiments.ExperimentStep)::new('Measure', 'pair 1', `$epoch, [timespan]::Zero).StartedAt.ToString())"
`$one = New-Performance (1..8)
try { Compare-VMPerformance `$one `$one -ErrorAction Stop } catch { "error: `$_" }
"@
        $child.Output[0] | Should -Be 'summary: 1970-01-01T07:00:00+07:00'
        $child.Output[1] | Should -Be 'step: 1970-01-01T07:00:00+07:00'
        $child.Text | Should -Match 'begun 1970-01-01 07:00:00\)'
    }
}

Describe 'Lists' {
    It 'of VMs are sorted by name' {
        $many = New-TestHost (Join-Path $TestDrive sorted) 'web02', 'Db01', 'web01' -ShutOff
        $found = @(Get-VMTopology -ConnectionUri $many).VMName
        $found | Should -Be ($found | Sort-Object)
        Disconnect-VMHost $many -ErrorAction Ignore
    }
}
