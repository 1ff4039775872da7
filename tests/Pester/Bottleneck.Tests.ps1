# Find-VMBottleneck and Watch-VMPerformance: choice of VMs, thresholds, stopping, views; on the lab an idle guest and a throttled one.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $uri = New-TestHost (Join-Path $TestDrive bottlenecks) 'db01', 'db02', 'web01'
    $null = Connect-VMHost $uri
    function Get-Shown([object] $Thing) { ($Thing | Out-String -Width 100) -replace '\e\[[0-9;]*m' -split "`n" | Where-Object { $_.Trim() } }
}
AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

Describe 'Find-VMBottleneck' {
    It 'takes <What>' -ForEach @(
        @{ What = 'all VMs when none is named'; Command = { Find-VMBottleneck -Interval 0.1 }; Names = 'db01', 'db02', 'web01' }
        @{ What = 'a wildcard'; Command = { Find-VMBottleneck db* -Interval 0.1 }; Names = 'db01', 'db02' }
        @{ What = 'names by pipeline, in one interval'; Command = { 'web01', 'db01' | Find-VMBottleneck -Interval 0.1 }; Names = 'db01', 'web01' }
        @{ What = 'topologies by pipeline'; Command = { Get-VMTopology db02 | Find-VMBottleneck -Interval 0.1 }; Names = @('db02') }
        @{ What = 'its own output'; Command = { Find-VMBottleneck db02 -Interval 0.1 | Find-VMBottleneck -Interval 0.1 }; Names = @('db02') }
        @{ What = 'a VM once that is named twice'; Command = { Find-VMBottleneck db02, db0* -Interval 0.1 }; Names = 'db01', 'db02' }
    ) {
        $reports = @(& $Command)
        $reports.VMName | Sort-Object | Should -Be $Names
        @($reports.StartedAt | Sort-Object -Unique).Count | Should -Be 1
    }

    It 'reports an unknown name and goes on with the rest' {
        $captured = Invoke-Captured { Find-VMBottleneck nobody, db01 -Interval 0.1 }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be db01
    }

    It 'says of counters that a driver does not keep that they are unknown, not that all is well' {
        $report = Find-VMBottleneck db01 -Interval 0.1
        $report.Area | Should -BeNullOrEmpty
        $report.Verdict | Should -Match '^unknown'
        $report.Areas.Area | Should -Be Cpu, Disk, Memory, Network
        $report.Areas[0].Saturation.Where{ $null -ne $_.Value } | Should -BeNullOrEmpty
        $report.Notes | Should -Match 'guest agent'
    }

    It 'refuses <What>' -ForEach @(
        @{ What = 'a threshold that there is none of, with those that there are'; Threshold = @{ Speed = 1 }; Id = 'UnknownThreshold'; Text = 'VcpuDelayPercent' }
        @{ What = 'a threshold that is no number'; Threshold = @{ VcpuDelayPercent = 'much' }; Id = 'InvalidThreshold'; Text = 'VcpuDelayPercent' }
    ) {
        $captured = Invoke-Captured { Find-VMBottleneck db01 -Threshold $Threshold }
        $captured.Ids | Should -Be $Id
        $captured.Stopped | Should -BeTrue
        "$($captured.Errors[0])" | Should -Match $Text
    }

    It 'refuses an interval that is none' {
        (Invoke-Captured { Find-VMBottleneck db01 -Interval 0 }).Ids | Should -Be ParameterArgumentTransformationError
    }

    It 'ends at once on Ctrl+C' {
        $pipeline = Start-Pipeline "Find-VMBottleneck db01 -ConnectionUri '$uri' -Interval 10m"
        Wait-Activity $pipeline '*watching'
        $null = $pipeline.BeginStop($null, $null)
        (Wait-Pipeline $pipeline -Seconds 30).Output | Should -BeNullOrEmpty
    }

    It 'shows itself in 100 columns, as a table and as a list' {
        $report = Find-VMBottleneck -Interval 0.1
        $shown = Get-Shown $report
        ($shown | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
        foreach ($label in 'VMName', 'Area', 'Cpu', 'Disk', 'Memory', 'Network', 'Verdict') { $shown[0] | Should -Match $label }
        (Get-Shown $report[0].Areas)[0] | Should -Match 'UtilisationPercent.*WaitingPercent.*Cause'
        (Get-Shown ($report[0] | Format-List | Out-String)) -join "`n" | Should -Match 'run-queue delay: unknown \(counts from 10 %'
    }
}

Describe 'Watch-VMPerformance' {
    It 'emits an object for each VM and interval, as they come' {
        $samples = @(Watch-VMPerformance db* -Interval 0.1 -Count 2)
        $samples.VMName | Should -Be db01, db02, db01, db02
        @($samples.Time | Sort-Object -Unique).Count | Should -Be 2
        $samples[0].CpuPercent | Should -BeNullOrEmpty
        @(Watch-VMPerformance web01 -Interval 0.1 | Select-Object -First 1).VMName | Should -Be web01
    }

    It 'reports an unknown name and goes on with the rest' {
        $captured = Invoke-Captured { Watch-VMPerformance nobody, db01 -Interval 0.1 -Count 1 }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be db01
    }

    It 'ends at once where there is nothing to watch but an unknown name' {
        $ended = Wait-Pipeline (Start-Pipeline "Watch-VMPerformance nobody -ConnectionUri '$uri' -Interval 1; 'ended'")
        "$($ended.Errors)" | Should -Match "no VM 'nobody'"
        $ended.Output | Should -Be ended
    }

    It 'draws tables and emits nothing with -Live' {
        $run = Invoke-Child "Import-Module '$(Get-ModulePath)'; `$out = Watch-VMPerformance -Live -ConnectionUri '$uri' -Interval 0.1 -Count 2; `"objects: `$(@(`$out).Count)`""
        $run.Text | Should -Match 'objects: 0'
        [regex]::Matches($run.Text, 'VM +CPU% +vCPU% +Delay%').Count | Should -Be 2
        ($run.Text -split "`n" | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
    }

    It 'shows itself in 100 columns' {
        $shown = Get-Shown (Watch-VMPerformance -Interval 0.1 -Count 1)
        ($shown | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
        foreach ($label in 'VMName', 'Time', 'CpuPercent', 'DelayPercent', 'ReadIops', 'WriteIops', 'DiskMs') { $shown[0] | Should -Match $label }
    }
}

Describe 'A real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Wait-Guest lab2
    }

    It 'is left alone while it is idle, by its own word too' {
        $report = Find-VMBottleneck lab2 -Interval 3
        $report.Verdict | Should -Be 'no bottleneck: leave it alone'
        $report.Notes | Should -BeNullOrEmpty
        ($report.Areas.Evidence | Where-Object Counter -eq 'memory used').Source | Should -Match '^guest'
    }

    It 'is held back by a disk that is throttled, and its work shows in what is watched' {
        $null = Invoke-Virsh blkdeviotune lab2 vdb --total-iops-sec 60 --live
        try {
            $fio = 'fio --thread --name=load --filename=/data/bottleneck --size=16M --direct=1 --ioengine=libaio --iodepth=8 --rw=randwrite --bs=4k --time_based --runtime=60'
            $null = Invoke-InGuest lab2 "($fio >/dev/null 2>&1 & echo `$! >/tmp/load) && while ! [ -s /data/bottleneck ]; do sleep 0.1; done"
            $report = Find-VMBottleneck lab2 -Interval 3
            "$($report.Area) $($report.Cause) $($report.Subject)" | Should -Be 'Disk DiskLimit disk vdb'
            $report.Exceeded.ThresholdName | Should -Contain DiskLimitPercent
            $sample = Watch-VMPerformance lab2 -Interval 1 -Count 1
            $sample.WriteIops | Should -BeGreaterThan 0
            $sample.DiskMs | Should -BeGreaterThan 10
        }
        finally {
            $null = Invoke-InGuest lab2 'kill $(cat /tmp/load); rm -f /tmp/load /data/bottleneck; true'
            $null = Invoke-Virsh blkdeviotune lab2 vdb --total-iops-sec 0 --live
        }
    }

    # The quotas are so small that the VM uses them up even on a busy host.
    It 'is held back by <What>, and not by others' -ForEach @(
        @{ What = 'the quota of a vCPU'; Set = 'vcpu_quota'; Quota = 8000; Load = 'while :; do :; done'; Cause = 'CpuQuota'; Said = '^vCPU \d used up its CPU quota \(8000 of 100000 µs \(0\.08 host CPUs\)\) in \d+ of \d+ periods \(nr_throttled\)' }
        @{ What = 'the quota of the whole VM'; Set = 'global_quota'; Quota = 16000; Load = '(while :; do :; done) & while :; do :; done'; Cause = 'CpuQuota'; Said = '^the VM used up its CPU quota' }
    ) {
        $null = Invoke-Virsh schedinfo lab2 --live --set "$Set=$Quota"
        try {
            $null = Invoke-InGuest lab2 "setsid sh -c 'echo `$`$ >/tmp/load; $Load' </dev/null >/dev/null 2>&1 & while ! [ -s /tmp/load ]; do sleep 0.1; done"
            $report = Find-VMBottleneck lab2 -Interval 3
            "$($report.Area) $($report.Cause)" | Should -Be "Cpu $Cause"
            $report.Verdict | Should -Match $Said
            $report.Exceeded.ThresholdName | Should -Contain CpuThrottledPercent
            (Watch-VMPerformance lab2 -Interval 1 -Count 1).DelayPercent | Should -BeLessOrEqual 100
            (Get-VMTopology lab2 | Format-List | Out-String) | Should -Match "$Quota of 100000"
        }
        finally {
            $null = Invoke-Virsh schedinfo lab2 --live --set "$Set=-1"
            $null = Invoke-InGuest lab2 'kill -KILL -$(cat /tmp/load); rm -f /tmp/load; true'
        }
    }
}
