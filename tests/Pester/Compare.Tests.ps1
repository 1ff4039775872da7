# Compare-VMPerformance, on measurements that need no guest.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $slow = New-Performance (100..111)
    $fast = New-Performance (200..211)
}

Describe 'Compare-VMPerformance' {
    It 'judges the piped measurement by -Baseline' {
        $comparison = $fast | Compare-VMPerformance -Baseline $slow
        $comparison.GetType().FullName | Should -Be KvmTune.Statistics.VMComparison
        $comparison.Verdict | Should -Be Improved
        [object]::ReferenceEquals($comparison.Baseline, $slow) | Should -BeTrue
        [object]::ReferenceEquals($comparison.Candidate, $fast) | Should -BeTrue
        (Compare-VMPerformance $slow $fast).Verdict | Should -Be Regressed
    }

    It 'takes the first measurement of a VM on the pipeline as the baseline of those that follow' {
        $comparisons = @($slow, $fast, (New-Performance (101..112)) | Compare-VMPerformance)
        $comparisons.Count | Should -Be 2
        $comparisons[0].Verdict | Should -Be Improved
        [object]::ReferenceEquals($comparisons[1].Baseline, $slow) | Should -BeTrue
    }

    It 'keeps the measurements of two VMs apart on one pipeline' {
        $other = @{ Name = 'web01'; Id = '00000000-0000-4000-8000-000000000002' }
        $comparisons = @($slow, (New-Performance (300..311) @other), $fast, (New-Performance (30..41) @other) | Compare-VMPerformance)
        ($comparisons | ForEach-Object { "$($_.VMName) $($_.Verdict)" }) -join ', ' | Should -Be 'db01 Improved, web01 Regressed'
    }

    It 'prefers the baseline that a measurement brought along' {
        $own = New-Performance (205..216)
        $carrying = New-Performance (200..211)
        $carrying.GetType().GetProperty('Baseline').SetValue($carrying, $own)
        [object]::ReferenceEquals((Compare-VMPerformance $carrying).Baseline, $own) | Should -BeTrue
    }

    It 'says with BaselineMissing that there is nothing to compare with' {
        $captured = Invoke-Captured { $fast | Compare-VMPerformance }
        $captured.Ids | Should -Be BaselineMissing
        "$($captured.Errors[0])" | Should -Match '-Baseline'
        $captured.Output | Should -BeNullOrEmpty
    }

    It 'refuses another VM with DifferentVM, and goes on with the rest' {
        $stranger = New-Performance (200..211) -Id '00000000-0000-4000-8000-000000000009' -Name stranger
        $captured = Invoke-Captured { $stranger, $fast | Compare-VMPerformance -Baseline $slow }
        $captured.Ids | Should -Be DifferentVM
        $captured.Output.Verdict | Should -Be Improved
        $captured.Stopped | Should -BeFalse
    }

    It 'refuses other work with DifferentWorkload' {
        (Invoke-Captured { New-Performance (1..12) -Workload RandomRead | Compare-VMPerformance -Baseline $slow }).Ids | Should -Be DifferentWorkload
    }

    It 'refuses other conditions with DifferentConditions, and with -Force compares and notes them' {
        $moved = New-Performance (200..211) -HostName host2
        $captured = Invoke-Captured { $moved | Compare-VMPerformance -Baseline $slow }
        $captured.Ids | Should -Be DifferentConditions
        "$($captured.Errors[0])" | Should -Match 'host host1 against host2'
        $forced = $moved | Compare-VMPerformance -Baseline $slow -Force
        $forced.Verdict | Should -Be Improved
        $forced.Notes -join ' ' | Should -Match 'host1 against host2'
    }

    It 'takes -Threshold as the smallest shift that counts' {
        (Compare-VMPerformance $fast $slow -Threshold 50).Verdict | Should -Be Improved
        (Compare-VMPerformance $slow $fast -Threshold 50).Verdict | Should -Be Regressed
        { Compare-VMPerformance $fast $slow -Threshold 100 } | Should -Throw '*100*'
    }

    It 'does not compare a measurement with itself' {
        $one = New-Performance (100..111)
        $captured = Invoke-Captured { $one | Compare-VMPerformance -Baseline $one }
        $captured.Ids | Should -Be SameMeasurement
        $captured.Output | Should -BeNullOrEmpty
    }

    It 'lets another metric decide, and names those that there are' {
        (Compare-VMPerformance $fast $slow -DecidingMetric iops).PrimaryMetric.Metric.Name | Should -Be Iops
        $captured = Invoke-Captured { Compare-VMPerformance $fast $slow -DecidingMetric Beauty }
        $captured.Ids | Should -Be InvalidComparison
        "$($captured.Errors[0])" | Should -Match "no metric 'Beauty' to decide by. It has: Iops"
    }

    It 'emits measurements that have their median' {
        $slow.Median | Should -Be 105.5
    }

    It 'shows its verdict in a table that fits 100 columns' {
        $lines = ($fast | Compare-VMPerformance -Baseline $slow | Out-String -Width 100) -split "`n"
        $lines -join "`n" | Should -Match 'mproved'
        $lines -join "`n" | Should -Match 'db01'
    }
}
