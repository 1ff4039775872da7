# Invoke-VMExperiment: its refusals without a lab, and whole experiments on real guests, with short runs, because the figures do not matter.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $home0 = $env:KVMTUNE_HOME
    $env:KVMTUNE_HOME = Join-Path ([System.IO.Path]::GetTempPath()) "kvmtune-experiment-$([guid]::NewGuid())"
}
AfterAll {
    Remove-Item $env:KVMTUNE_HOME -Recurse -Force -ErrorAction Ignore
    $env:KVMTUNE_HOME = $home0
}

Describe 'What is refused before anything is measured' {
    BeforeEach {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid()))
        $vm = @{ VMName = 'db01'; ConnectionUri = $uri }
        $before = Get-VMTopology @vm | Format-List | Out-String
    }
    AfterEach {
        Get-VMTopology @vm | Format-List | Out-String | Should -Be $before
        Disconnect-VMHost $uri -ErrorAction Ignore
    }

    It 'is a change that needs a restart without -Restart: RestartRequired' {
        $captured = Invoke-Captured { Set-DiskCacheMode @vm -Disk vdb -Cache none -AsPlan | Invoke-VMExperiment -Workload RandomWrite }
        $captured.Ids | Should -Be RestartRequired
        "$($captured.Errors[0])" | Should -Match '-Restart'
        $captured.Output | Should -BeNullOrEmpty

        $captured = Invoke-Captured { Test-VMTuning @vm | Where-Object Area -eq Disk | Invoke-VMExperiment -Workload RandomWrite }
        $captured.Ids | Select-Object -Unique | Should -Be RestartRequired
        $captured.Output | Should -BeNullOrEmpty
    }

    It 'is a plan that breaks a rule, by the rule''s name' {
        (Invoke-Captured { Set-VcpuPin @vm 0 999 -AsPlan | Invoke-VMExperiment -Workload Cpu }).Ids | Should -Be PinToOnlineHostCpu
    }

    It 'is a plan that changes nothing: NothingToTry' {
        $plan = Set-DiskCacheMode @vm -Disk vdb -Cache default -AsPlan
        (Invoke-Captured { $plan | Invoke-VMExperiment -Workload RandomWrite -Restart }).Ids | Should -Be NothingToTry
    }

    It 'is a plan without a workload: WorkloadMissing, and an unknown one: InvalidSetting' {
        $plan = Set-DiskCacheMode @vm -Disk vdb -Cache none -AsPlan
        (Invoke-Captured { $plan | Invoke-VMExperiment -Restart }).Ids | Should -Be WorkloadMissing
        (Invoke-Captured { $plan | Invoke-VMExperiment -Restart -Workload Juggling }).Ids | Should -Be InvalidSetting
    }

    It 'is two changes in one block, with both named' {
        $captured = Invoke-Captured {
            Invoke-VMExperiment @vm -Workload RandomWrite -Restart -Change {
                $_ | Set-DiskCacheMode -Disk vdb -Cache none
                $_ | Set-VcpuPin -Vcpu 0 -HostCpu 1 -Scope Config
            }
        }
        $captured.Ids | Should -Be MoreThanOneChange
        "$($captured.Errors[0])" | Should -Match 'disk vdb: cache=none'
        "$($captured.Errors[0])" | Should -Match 'pin vCPU 0 to host CPU 1'
        "$($captured.Errors[0])" | Should -Match '-AllowMultiple'
    }

    It 'is the same for two disks that a wildcard means, and for plans: <_>' -ForEach @(
        { $_ | Set-DiskCacheMode -Disk vd* -Cache none }
        { $null = $_ | Set-DiskCacheMode -Disk vda -Cache none; $_ | Set-DiskCacheMode -Disk vdb -Cache none -AsPlan }
        { $_ | Set-DiskCacheMode -Disk vda -Cache none -AsPlan | Invoke-VMTuning; $_ | Set-DiskCacheMode -Disk vdb -Cache none -Confirm:$false }
    ) {
        $block = $_
        (Invoke-Captured { Invoke-VMExperiment @vm -Workload RandomWrite -Restart -Change $block }).Ids | Should -Be MoreThanOneChange
    }

    It 'is a block that means nothing: NothingToTry' {
        (Invoke-Captured { Invoke-VMExperiment @vm -Workload Cpu -Change { } }).Ids | Should -Be NothingToTry
    }

    It 'is a block that means another VM: ChangeOfAnotherVM' {
        $captured = Invoke-Captured { Invoke-VMExperiment @vm -Workload Cpu -Change { Set-DiskCacheMode 'web 01' -ConnectionUri $_.ConnectionUri -Disk vdb -Cache none } }
        $captured.Ids | Should -Be ChangeOfAnotherVM
        "$($captured.Errors[0])" | Should -Match 'web 01'
    }

    It 'is a block that does what no plan can hold back: NotInExperiment' {
        (Invoke-Captured { Invoke-VMExperiment @vm -Workload Cpu -Change { $_ | Restart-VMDomain -Confirm:$false } }).Ids | Should -Contain NotInExperiment
    }

    It 'is a block that fails, with its own error' {
        $captured = Invoke-Captured { Invoke-VMExperiment @vm -Workload Cpu -Change { $_ | Set-DiskCacheMode -Disk vdz -Cache none } }
        $captured.Ids | Should -Contain DiskNotFound
    }

    It 'is fewer than six pairs' {
        $plan = Set-DiskCacheMode @vm -Disk vdb -Cache none -AsPlan
        (Invoke-Captured { $plan | Invoke-VMExperiment -Workload RandomWrite -Restart -Design Pairs -Runs 5 }).Ids | Should -Be InvalidSetting
    }

    It 'is so few runs a side that nothing can be shown' {
        $plan = Set-DiskCacheMode @vm -Disk vdb -Cache none -AsPlan
        $captured = Invoke-Captured { Set-VcpuPin @vm 0 0 -AsPlan | Invoke-VMExperiment -Workload Cpu -Design Sequential -Runs 4 }
        $captured.Ids | Should -Be InvalidSetting
        "$($captured.Errors[0])" | Should -Match 'smallest possible p is 0.029, and a verdict needs 0.01'
        # Four boots only show a direction; the warning comes before the first of them.
        $captured = Invoke-Captured { $plan | Invoke-VMExperiment -Workload RandomWrite -Restart -Design Blocks -Runs 4 -WhatIf }
        $captured.Errors | Should -BeNullOrEmpty
        $captured.Warnings -join ' ' | Should -Match 'they give a direction, not a verdict'
    }

    It 'is a name where a plan is wanted' {
        (Invoke-Captured { 'db01' | Invoke-VMExperiment -Workload Cpu }).Ids | Should -Be InputObjectNotBound
    }

    It 'is nothing with -WhatIf: the plan and the design are shown' {
        $text = Get-PrintedText {
            Set-DiskCacheMode @vm -Disk vdb -Cache none -AsPlan | Invoke-VMExperiment -Workload RandomWrite -Restart -WhatIf | Should -BeNullOrEmpty
        }
        $text | Should -Match 'disk vdb cache: \(not set\) -> none'
        $text | Should -Match 'pairs, looked at after 8, 12, 20 of them'
        $text | Should -Match 'it shows a change of Iops of \d+ % after 8 pairs'
        $text | Should -Match 'RandomWrite'
        $text | Should -Match 'kept if it improved'
    }

    It 'of several VMs is an error each, and -VM takes wildcards' {
        $captured = Invoke-Captured { Invoke-VMExperiment -VM * -ConnectionUri $uri -Workload RandomWrite -Change { $_ | Set-DiskCacheMode -Disk vdb -Cache none } }
        $captured.Ids | Should -Be @('RestartRequired', 'RestartRequired')
        "$($captured.Errors)" | Should -Match 'web 01'
    }
}

Describe 'A live experiment in pairs' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        $before = Get-DomainText lab2
        $captured = Invoke-Captured {
            # Without the limit the guest writes many times as fast, whatever else the machine does.
            Set-DiskThrottle lab2 vdb -WriteIops 400 -AsPlan |
                Invoke-VMExperiment -Workload RandomWrite -FileSizeMiB 64 -Runs 6 -RunTime 2 -Seed 3 -Verbose
        }
        $experiment = $captured.Output[0]
    }
    AfterAll { Restore-Guest lab2 }

    It 'finds what a limit costs, and takes it back' {
        @($captured.Output).Count | Should -Be 1
        $experiment.GetType().FullName | Should -Be KvmTune.Experiments.VMExperiment
        $experiment.Design | Should -Be Pairs
        $experiment.PairCount | Should -Be 6
        $experiment.Seed | Should -Be 3
        $experiment.Verdict | Should -Be Regressed
        $experiment.Decision | Should -Be Undone
        $experiment.Comparison.IsProvisional | Should -BeFalse
        Get-DomainText lab2 | Should -Be $before
        (Invoke-Virsh blkdeviotune lab2 vdb) -match 'write_iops_sec *:' | Should -Match ': 0$'
    }

    It 'carries both sides, the change, the steps and the journal''s records' {
        $experiment.Baseline.CountedRuns.Count | Should -Be 6
        $experiment.Candidate.CountedRuns.Count | Should -Be 6
        $experiment.Change.GetType().FullName | Should -Be KvmTune.Tuning.VMTuningResult
        $experiment.JournalIds.Count | Should -BeGreaterThan 1
        $experiment.Steps.Count | Should -BeGreaterThan 12
        ($experiment | Out-String -Width 100) -split "`n" | ForEach-Object { $_.Length | Should -BeLessOrEqual 100 }
        ($experiment | Format-List | Out-String) | Should -Match 'regressed'
    }

    It 'says what it does while it does it' {
        $captured.Verbose -match 'pair 2 of 6 \([AB] [AB]\), candidate' | Should -Not -BeNullOrEmpty
    }
}

Describe 'An experiment that needs restarts' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab1
        $before = Get-DomainText lab1
    }
    AfterAll { Restore-Guest lab1 }

    It 'tries a finding in blocks, keeps it where that is said, and leaves nothing in the guest' {
        $boot = Invoke-InGuest lab1 'cat /proc/sys/kernel/random/boot_id'
        $experiment = Test-VMTuning lab1 | Where-Object Area -eq Disk | Where-Object { $_.Id -eq 'DoubleCaching' -and $_.Subject -eq 'disk vdb' } |
            Invoke-VMExperiment -Workload RandomWrite -Restart -Design Blocks -Runs 4 -RunTime 2 -FileSizeMiB 64 -Keep Always
        $experiment.Design | Should -Be Blocks
        $experiment.Comparison.IsDirectionOnly | Should -BeTrue
        $experiment.Verdict | Should -Be Inconclusive
        $experiment.Comparison.Sentence | Should -Match 'a direction, not a verdict'
        $experiment.Decision | Should -Be Kept
        $experiment.RestartCount | Should -Be 5
        # Each restart is without a reboot: the unit is a resume of the same guest.
        $experiment.Comparison.Unit | Should -Be Resume
        Invoke-InGuest lab1 'cat /proc/sys/kernel/random/boot_id' | Should -Be $boot
        Get-DiskOption lab1 vdb cache -Running | Should -Be none
        Get-Leftover lab1 | Should -BeNullOrEmpty
        Restore-Guest lab1
    }
}

Describe 'Ctrl+C during <Phase>' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) -ForEach @(
    @{ Phase = 'the preparation'; Like = '*filling the file*' }
    @{ Phase = 'the warm-up'; Like = '*warm-up*' }
    @{ Phase = 'the baseline'; Like = '*baseline: run 1*' }
    @{ Phase = 'the candidate'; Like = '*candidate: run 1*' }
) {
    It 'leaves the guest as it was' {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        $before = Get-DomainText lab2
        $pipeline = Start-Pipeline "Set-VcpuPin lab2 0 1 -ConnectionUri '$(Get-LabUri)' -AsPlan | Invoke-VMExperiment -Workload RandomWrite -FileSizeMiB 64 -RunTime 2 -Design Pairs -Keep Always"
        Wait-Activity $pipeline $Like
        $pipeline.Stop()
        (Wait-Pipeline $pipeline).State | Should -Be Stopped
        Get-DomainText lab2 | Should -Be $before
        Get-VcpuAffinity lab2 0 | Should -Be (Get-HostCpuList)
        Get-Leftover lab2 | Should -BeNullOrEmpty
    }
}
