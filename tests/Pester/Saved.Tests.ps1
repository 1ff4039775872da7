# Objects that were saved, cloned by value or created in a job behave the same on the pipeline later. Needs no guest.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $slow = New-Performance (100..111)
    $fast = New-Performance (200..211)
}

Describe 'A saved measurement' {
    It 'comes back whole from Export-Clixml with its default depth' {
        $slow | Export-Clixml "$TestDrive/slow.xml"
        $back = Import-Clixml "$TestDrive/slow.xml"
        $back.GetType().FullName | Should -Be KvmTune.Measurement.VMPerformance
        $back.Runs.Count | Should -Be 12
        $back.ValuesOf('Iops') | Should -Be $slow.ValuesOf('Iops')
        $back.Workload.Equals($slow.Workload) | Should -BeTrue
        $back.Conditions.Equals($slow.Conditions) | Should -BeTrue
        ($fast | Compare-VMPerformance -Baseline $back).Verdict | Should -Be Improved
    }

    It 'is compared in another PowerShell, imported before the module as well as after it' {
        $slow | Export-Clixml "$TestDrive/slow.xml"
        $fast | Export-Clixml "$TestDrive/fast.xml"
        $module = Get-ModulePath
        $child = Invoke-Child @"
`$before = Import-Clixml '$TestDrive/slow.xml'
`$before.pstypenames[0]
`$before.VMName
Import-Module '$module'
(Compare-VMPerformance (Import-Clixml '$TestDrive/fast.xml') `$before).Verdict
(`$before, (Import-Clixml '$TestDrive/fast.xml') | Compare-VMPerformance).Sentence
"@
        $child.Output[0] | Should -Be Deserialized.KvmTune.Measurement.VMPerformance
        $child.Output[1] | Should -Be db01
        $child.Output[2] | Should -Be Improved
        $child.Output[3] | Should -Be (Compare-VMPerformance $fast $slow).Sentence
    }

    It 'is cloned by value' {
        $clone = [System.Management.Automation.PSSerializer]::Deserialize([System.Management.Automation.PSSerializer]::Serialize($fast))
        [object]::ReferenceEquals($clone, $fast) | Should -BeFalse
        $clone.GetType().FullName | Should -Be KvmTune.Measurement.VMPerformance
        (Compare-VMPerformance $clone $slow).Verdict | Should -Be Improved
    }

    It 'goes through a job and back' {
        $job = Start-Job { param($module, $performance) Import-Module $module; $performance } -ArgumentList (Get-ModulePath), $fast
        $back = $job | Receive-Job -Wait -AutoRemoveJob
        ($slow, $back | Compare-VMPerformance).Verdict | Should -Be Improved
    }

    It 'keeps the baseline that it carries, several in one file' {
        $carrying = New-Performance (200..211)
        $carrying.GetType().GetProperty('Baseline').SetValue($carrying, $slow)
        $carrying, $slow | Export-Clixml "$TestDrive/both.xml"
        $back = Import-Clixml "$TestDrive/both.xml"
        ($back[0] | Compare-VMPerformance).Baseline.ValuesOf('Iops') | Should -Be $slow.ValuesOf('Iops')
    }

    It 'is shown like a living one' {
        $slow | Export-Clixml "$TestDrive/slow.xml"
        (Import-Clixml "$TestDrive/slow.xml" | Out-String) | Should -Be ($slow | Out-String)
    }
}

Describe 'Saved objects on the pipeline' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive pipeline) 'db01', 'db02' -ShutOff
        $null = Connect-VMHost $uri
        $result = Set-VcpuPin db01 -Map @{ 0 = '0'; 1 = '2' } -Scope Config -WarningAction Ignore
        $experiment = New-Experiment (Compare-VMPerformance $fast $slow) $result
        $things = @{
            Topology = Get-VMTopology db01; Result = $result; Entry = Get-VMTuningHistory -Id $result.JournalId; Experiment = $experiment
            Plan = Set-VcpuPin db02 -Map @{ 0 = '2' } -Scope Config -AsPlan; Finding = (Test-VMTuning db01 | Where-Object Plan)[0]
            Checkpoint = Checkpoint-VMTuning db01 pipeline -Force; Comparison = $experiment.Comparison
            Placement = New-VcpuPinPlan db02 -AllowOvercommit -WarningAction Ignore; Calibration = (Get-EngineType Statistics.VMCalibrator)::Calibrate((New-Performance (100..115)), 5)
            Bottleneck = Find-VMBottleneck test -ConnectionUri test:///default -Interval 1s -WarningAction Ignore
        }
        foreach ($name in @($things.Keys)) { $things[$name] | Export-Clixml "$TestDrive/$name.xml" }
        $names = @($things.Keys | Where-Object { $_ -ne 'Topology' })
        $paths = ($things.Keys | ForEach-Object { "'$TestDrive/$_.xml'" }) -join ', '
        # In a session that has read all of them as property bags before it imports the module.
        function Invoke-Bare([string] $Script) {
            Invoke-Child @"
`$bag = @{}; foreach (`$path in $paths) { `$bag[(Split-Path -LeafBase `$path)] = Import-Clixml `$path }
Import-Module '$(Get-ModulePath)'
`$null = Connect-VMHost '$uri'
`$null = Set-VcpuPin db01 -Map @{ 0 = '0'; 1 = '2' } -Scope Config -WarningAction Ignore
`$WarningPreference = 'SilentlyContinue'
$Script
"@
        }
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'are what they were, and look so' {
        foreach ($name in $names) {
            $back = Import-Clixml "$TestDrive/$name.xml"
            $back.GetType() | Should -Be $things[$name].GetType()
            ($back | Out-String) | Should -Be ($things[$name] | Out-String)
        }
    }

    It 'go through a job and back' {
        $job = Start-Job { param($module, $things) Import-Module $module; $things.Values } -ArgumentList (Get-ModulePath), $things
        $back = @($job | Receive-Job -Wait -AutoRemoveJob)
        foreach ($name in $names) { $back.ForEach('GetType') | Should -Contain $things[$name].GetType() }
        ($back | Where-Object { $_ -is $experiment.GetType() }).Baseline.CountedRuns.Count | Should -Be 12
    }

    It 'name their VM to every cmdlet: <_>' -ForEach 'Topology', 'Result', 'Entry', 'Finding', 'Checkpoint' {
        $back = Import-Clixml "$TestDrive/$_.xml"
        ($back | Get-VMTopology).VMName | Should -Be db01
        ($back | Get-VMTuningHistory | Where-Object VMName -EQ db01) | Should -Not -BeNullOrEmpty -Because $_
        ($back | Set-VcpuPin -Map @{ 0 = '2' } -AsPlan).Title | Should -Be 'pin vCPU 0 to host CPU 2'
    }

    It 'are taken back by Undo-VMTuning: <_>' -ForEach 'Result', 'Entry', 'Experiment' {
        $back = Import-Clixml "$TestDrive/$_.xml"
        Get-PrintedText { $back | Undo-VMTuning -WhatIf } | Should -Match "take back entry $($result.JournalId)"
    }

    It 'are taken back only out of the journal that has them' {
        $back = Import-Clixml "$TestDrive/Entry.xml"
        $other = "$TestDrive/other-journal"
        $child = Invoke-Child @"
`$env:KVMTUNE_HOME = '$other'
Import-Module '$(Get-ModulePath)'
`$null = Set-VcpuPin test -ConnectionUri test:///default -Map @{ 0 = '2' } -Scope Config -WarningAction Ignore
try { Import-Clixml '$TestDrive/Entry.xml' | Undo-VMTuning -WhatIf -ErrorAction Stop } catch { `$_.FullyQualifiedErrorId }
"@
        $child.Output[-1] | Should -Match '^JournalEntryNotFound'
    }

    It 'draw the host of a placement, once for all plans that were made together' {
        $back = Import-Clixml "$TestDrive/Placement.xml"
        $back.GetType().Name | Should -Be PlacementPlan
        $map = $things.Placement | Show-VMHostMap
        @($back, $things.Placement | Show-VMHostMap).Count | Should -Be 1
        ($back | Show-VMHostMap | Out-String) | Should -Be ($map | Out-String)
    }

    It 'draw no placement that is not the one of its change' {
        (Get-Content "$TestDrive/Placement.xml" -Raw) -replace '("VcpuPins":\{"0":)\d+', '${1}3' | Set-Content "$TestDrive/lie.xml"
        { Import-Clixml "$TestDrive/lie.xml" | Show-VMHostMap -ErrorAction Stop } | Should -Throw '*not the one of its change*'
    }

    It 'go where plans go: <_>' -ForEach 'Plan', 'Finding', 'Placement' {
        Get-PrintedText { Import-Clixml "$TestDrive/$_.xml" | Invoke-VMTuning -WhatIf -WarningAction Ignore } | Should -Match 'the same with virsh'
    }

    It 'are applied as planned, or refused where somebody was quicker' {
        (Import-Clixml "$TestDrive/Plan.xml" | Invoke-VMTuning -WarningAction Ignore).Outcome | Should -Be Applied
        (Invoke-Captured { Import-Clixml "$TestDrive/Plan.xml" | Invoke-VMTuning -WarningAction Ignore }).Ids | Should -Be ConcurrentEdit
    }

    It 'restore a checkpoint without its name' {
        Get-PrintedText { Import-Clixml "$TestDrive/Checkpoint.xml" | Restore-VMTuning -WhatIf -WarningAction Ignore } | Should -Match 'db01'
    }

    It 'have parts that are whole: the measurements of an experiment' {
        $back = Import-Clixml "$TestDrive/Experiment.xml"
        (Compare-VMPerformance $back.Candidate $back.Baseline).Sentence | Should -Be $experiment.Comparison.Sentence
        ($back.Baseline, $back.Candidate | Compare-VMPerformance).Verdict | Should -Be Improved
        ($back | Show-VMComparison | Out-String) | Should -Be ($experiment | Show-VMComparison | Out-String)
    }

    It 'have their parts where only the first level was sent, as by a remote session' {
        $experiment | Export-Clixml "$TestDrive/shallow.xml" -Depth 1
        $child = Invoke-Child @"
`$bag = Import-Clixml '$TestDrive/shallow.xml'
Import-Module '$(Get-ModulePath)'
"`$(`$bag.pstypenames[0]) `$(`$bag.Comparison.Verdict) `$(`$bag.Baseline.CountedRuns.Count)"
(`$bag | Out-String -Width 100).Trim().Replace("``n", '/')
"@
        $child.Output | Should -Be @(
            "Deserialized.$($experiment.GetType().FullName) Improved 12"
            ($experiment | Out-String -Width 100).Trim().Replace("`n", '/'))
    }

    It 'are the same where they were read before the module was imported' {
        $child = Invoke-Bare @'
"views: $(($bag.Keys | Where-Object { $_ -notin 'Topology' } | Sort-Object | ForEach-Object { ($bag[$_] | Out-String).Trim() }) -join "`n")".Replace("`n", '/')
"deserialized: $(@($bag.Values | Where-Object { $_.pstypenames[0] -like 'Deserialized.*' }).Count)"
"pin: $(($bag.Topology | Set-VcpuPin -Map @{ 0 = '2' } -AsPlan).Title)"
"plan: $(($bag.Plan | Invoke-VMTuning).Outcome)"
"finding: $(($bag.Finding | Invoke-VMTuning -Confirm:$false).Outcome)"
"history: $(@($bag.Result | Get-VMTuningHistory)[0].VMName)"
"plot: $(($bag.Experiment | Show-VMComparison).Verdict)"
"compare: $((Compare-VMPerformance $bag.Comparison.Candidate $bag.Comparison.Baseline).Verdict)"
"parts: $((Compare-VMPerformance $bag.Experiment.Candidate $bag.Experiment.Baseline).Verdict) $(($bag.Experiment.Comparison | Show-VMComparison).Verdict)"
"map: $(($bag.Placement | Show-VMHostMap).IsPlanned)"
"restore: $(($bag.Checkpoint | Restore-VMTuning -AsPlan).VMName)"
"undo: $(try { ($bag.Result | Undo-VMTuning -Force -ErrorAction Stop).VMName } catch { $_.FullyQualifiedErrorId })"
'@
        $child.Output | Should -Be @(
            "views: $(($names | Sort-Object | ForEach-Object { ($things[$_] | Out-String).Trim() }) -join "`n")".Replace("`n", '/')
            "deserialized: $($things.Count)", 'pin: pin vCPU 0 to host CPU 2', 'plan: Applied', 'finding: Applied', 'history: db01',
            'plot: Improved', 'compare: Improved', 'parts: Improved Improved', 'map: True', 'restore: db01', 'undo: db01')
    }
}
