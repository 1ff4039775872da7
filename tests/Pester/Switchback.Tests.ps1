# Experiments that switch the side inside one load: on a guest's own load, under each workload that reports while it runs, and with every kind of
# end. The judged change is a disk with a very low limit, which shows on any machine; on a busy machine, a pin makes no difference.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $home0 = $env:KVMTUNE_HOME
    $env:KVMTUNE_HOME = Join-Path ([System.IO.Path]::GetTempPath()) "kvmtune-switchback-$([guid]::NewGuid())"
}
AfterAll {
    Remove-Item $env:KVMTUNE_HOME -Recurse -Force -ErrorAction Ignore
    $env:KVMTUNE_HOME = $home0
}

Describe 'What cannot be switched inside one load' {
    BeforeEach {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid()))
        $vm = @{ VMName = 'db01'; ConnectionUri = $uri }
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'is a change that needs a restart, and the reason is said' {
        $captured = Invoke-Captured { Set-DiskCacheMode @vm -Disk vdb -Cache none -AsPlan | Invoke-VMExperiment -Workload RandomWrite -Restart -Design Switchback }
        $captured.Ids | Should -Be CannotSwitchLive
        "$($captured.Errors[0])" | Should -Match 'restart'
        $captured.Output | Should -BeNullOrEmpty
    }
}

Describe 'A guest''s own load' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2
        # The application: it reads and computes until it is ended.
        Invoke-InGuest lab2 'setsid sh -c "while :; do fio --name=app --filename=/data/app --size=32m --bs=4k --rw=randread --direct=1 --ioengine=libaio --iodepth=8 --numjobs=2 --thread --time_based --runtime=60 --verify=0; done" >/dev/null 2>&1 </dev/null &'
    }
    AfterAll {
        Invoke-InGuest lab2 'pkill -f "[w]hile :"; pkill fio; rm -f /data/app*; true'
        Restore-Guest lab2
    }

    It 'shows that a limit on its disk hurts, by one line, which takes it back' {
        $experiment = Set-DiskThrottle lab2 vdb -TotalIops 50 -AsPlan | Invoke-VMExperiment -Workload Observe
        $experiment.Design | Should -Be Switchback
        $experiment.Verdict | Should -Be Regressed
        $experiment.Decision | Should -Be Undone
        $experiment.RestartCount | Should -Be 0
        $experiment.Comparison.Metrics.Metric.Name | Should -Be @('Iops', 'LatencyMean')
        $experiment.Comparison.Metrics.Role | Should -Be @('Primary', 'Guard')
        $experiment.Switching.SwitchCount | Should -BeGreaterThan 10
        $experiment.Switching.SlotSeconds | Should -BeIn 1, 2, 4, 8
        Get-DomainText lab2 | Should -Be $before
        (Invoke-Virsh blkdeviotune lab2 vdb) -match 'total_iops_sec *:' | Should -Match ': 0$'

        $experiment.JournalIds.Count | Should -Be 1
        $entry = Get-VMTuningHistory -Id $experiment.JournalIds[0]
        $entry.UndoneAt | Should -Not -BeNullOrEmpty
        $entry.Explanation | Should -Match 'taken back'
        @(Get-VMTuningHistory lab2 -Kind Change).Count | Should -Be 1

        $text = $experiment | Show-VMComparison | Out-String -Width 80
        $text | Should -Match 'slots of [\d.]+ s in the order of time'
        $text | Should -Match 'pairs, B against A'
        ($experiment | Format-List | Out-String) | Should -Match 'Switchback \d+'
        $page = $experiment | Export-VMTuningReport -Path (Join-Path $TestDrive report.html)
        Get-Content $page -Raw | Should -Match 'One load, slot by slot'
    }

    It 'lives with pins that are switched, and is as it was' {
        $experiment = Set-VcpuPin lab2 -Map @{ 0 = '0'; 1 = '0' } -AsPlan -WarningAction Ignore | Invoke-VMExperiment -Workload Observe -Runs 6 -Keep Never
        $experiment.Design | Should -Be Switchback
        $experiment.Comparison.PrimaryMetric.Metric.Name | Should -Be CpuCores
        @($experiment.Change.Verifications | Where-Object IsMet).Count | Should -BeGreaterOrEqual 2
        Get-DomainText lab2 | Should -Be $before
        Get-VcpuAffinity lab2 0 | Should -Be (Get-HostCpuList)
        Get-VcpuAffinity lab2 1 | Should -Be (Get-HostCpuList)
    }

    It 'is kept with the change in force and configured where that is said' -Tag Lab, lab2, All {
        $experiment = Set-EmulatorPin lab2 -HostCpu 0 -AsPlan | Invoke-VMExperiment -Design Switchback -Workload Observe -TimeLimit 25s -Keep Always
        $experiment.Design | Should -Be Switchback
        $experiment.Decision | Should -Be Kept
        (Get-DomainXml lab2).domain.cputune.emulatorpin.cpuset | Should -Be 0
        (Get-DomainXml lab2 -Running).domain.cputune.emulatorpin.cpuset | Should -Be 0
        (Get-VMTuningHistory -Id $experiment.JournalIds[0]).Outcome | Should -Be Applied
        $null = Undo-VMTuning lab2 -Last
        Get-DomainText lab2 | Should -Be $before
    }

    It 'is told with -WhatIf that it lives with either side for half of the time' {
        $text = Get-PrintedText { Set-VcpuPin lab2 0 0 -AsPlan | Invoke-VMExperiment -Workload Observe -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'with each side for half of the time'
        $text | Should -Match 'the side changes every 1 s'
        Get-DomainText lab2 | Should -Be $before
    }

    It 'is as it was after a kill in the middle and one undo' {
        $module = Get-ModulePath
        $uri = Get-LabUri
        $start = [System.Diagnostics.ProcessStartInfo]::new('pwsh')
        foreach ($argument in '-NoProfile', '-NonInteractive', '-Command', "Import-Module '$module'; Set-VcpuPin lab2 0 0 -ConnectionUri '$uri' -AsPlan | Invoke-VMExperiment -Design Switchback -Workload Observe -TimeLimit 5m -Keep Never") {
            $start.ArgumentList.Add($argument)
        }
        $child = [System.Diagnostics.Process]::Start($start)
        # With its children: the process named pwsh may have started the one that does the work.
        try { $null = Wait-Until -What 'the pin is there' -Condition { (Get-VcpuAffinity lab2 0) -eq '0' } } finally { $child.Kill($true); $child.WaitForExit() }
        $null = Undo-VMTuning lab2 -Last
        Get-DomainText lab2 | Should -Be $before
        Get-VcpuAffinity lab2 0 | Should -Be (Get-HostCpuList)
    }
}

Describe 'A load that is made' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2
    }
    AfterAll { Restore-Guest lab2 }
    AfterEach {
        Get-DomainText lab2 | Should -Be $before
        Get-Leftover lab2 | Should -BeNullOrEmpty
    }

    It 'of random reads finds a disk that is held to almost nothing' {
        $experiment = Set-DiskThrottle lab2 vdb -TotalIops 50 -AsPlan | Invoke-VMExperiment -Workload RandomRead -FileSizeMiB 64
        $experiment.Design | Should -Be Switchback
        $experiment.Verdict | Should -Be Regressed
        $experiment.Comparison.Metrics.Metric.Name | Should -Be @('Iops', 'LatencyMean', 'LatencyP99')
        # A slot in which the guest did nothing has no latency.
        @($experiment.Baseline.CountedRuns | Where-Object { $_.Values['LatencyP99'] -gt 0 }).Count | Should -BeGreaterThan ($experiment.PairCount / 2)
        $experiment.Switching.ClockErrorSeconds | Should -BeGreaterThan 0
    }

    It 'is switched inside under <Workload> too' -Tag Lab, lab2, All -ForEach @(
        @{ Workload = 'Cpu'; Metrics = @('EventsPerSecond', 'LatencyP99') }
        @{ Workload = 'Memory'; Metrics = @('MiBPerSecond') }
        @{ Workload = 'Network'; Metrics = @('GbitPerSecond', 'SentGbitPerSecond', 'ReceivedGbitPerSecond') }
        @{ Workload = 'SyncWrite'; Metrics = @('Iops') }
    ) {
        $size = $Workload -eq 'SyncWrite' ? @{ FileSizeMiB = 64 } : @{}
        $experiment = Set-EmulatorPin lab2 -HostCpu 0 -AsPlan | Invoke-VMExperiment -Design Switchback -Workload $Workload @size -Runs 6 -Keep Never
        $experiment.Design | Should -Be Switchback
        $experiment.Switching.SwitchCount | Should -BeGreaterThan 4
        # On a busy host the load may report too late for slots of any length; then there is no verdict.
        if ($experiment.Switching.IsSettled) { $experiment.PairCount | Should -BeGreaterOrEqual 5 } else { $experiment.Verdict | Should -Be Inconclusive }
        $experiment.Comparison.Metrics.Metric.Name | Should -Be $Metrics
    }

    It 'of the user''s own is switched inside where it writes a line a sample, and else gets pairs of runs and says why' -Tag Lab, lab2, All {
        $metric = @{ Name = 'Count'; Pattern = 'n=(\d+)'; Unit = '1/s'; Direction = 'Higher'; Primary = $true }
        $experiment = Set-EmulatorPin lab2 -HostCpu 0 -AsPlan |
            Invoke-VMExperiment -Design Switchback -Command sh, '-c', 'while :; do n=0; end=$(($(cut -d. -f1 /proc/uptime) + 1)); while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do n=$((n + 1)); done; echo n=$n; done' -Metric $metric -Runs 6 -Keep Never
        $experiment.Design | Should -Be Switchback
        $experiment.Baseline.CountedRuns[0].Values['Count'] | Should -BeGreaterThan 0

        $experiment = Set-EmulatorPin lab2 -HostCpu 0 -AsPlan |
            Invoke-VMExperiment -Design Switchback -Command sh, '-c', 'echo n=5' -Metric $metric -Keep Never -WarningAction Ignore
        $experiment.Design | Should -Be Pairs
        "$($experiment.Notes)" | Should -Match 'does not report while it runs'
    }

    It 'is ended and the pin taken back by Ctrl+C: <Name>' -Tag Lab, lab2, All -ForEach @(
        @{ Name = 'fio'; Load = '-Workload RandomRead -FileSizeMiB 64' }
        # It starts other programs without a pause, and never ends by itself.
        @{ Name = 'a program of the user''s'; Load = "-Command sh, '-c', 'while :; do sleep 0; echo n=1; done # never-ends' -Metric @{ Name = 'Count'; Pattern = 'n=(\d+)'; Unit = '1/s'; Direction = 'Higher'; Primary = `$true }" }
    ) {
        $pipeline = Start-Pipeline "Set-VcpuPin lab2 0 0 -ConnectionUri '$(Get-LabUri)' -AsPlan | Invoke-VMExperiment -Design Switchback $Load -Keep Always"
        Wait-Activity $pipeline '*pair 3 of*'
        $pipeline.Stop()
        (Wait-Pipeline $pipeline).State | Should -Be Stopped
        Get-VcpuAffinity lab2 0 | Should -Be (Get-HostCpuList)
        Invoke-InGuest lab2 'pgrep -f "[n]ever-ends" || true' | Should -BeNullOrEmpty
    }
}
