# The main purpose of the module in one pipeline: diagnose, measure, change, measure, compare; and its behaviour on errors.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    if ($env:KVMTUNE_LAB) { $null = Connect-VMHost (Get-LabUri) }
}

Describe 'The whole job in one line' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab1
        $process = Get-QemuProcessId lab1
        $before = Get-DomainText lab1
        $comparison = Measure-VMPerformance lab1 -Workload RandomWrite -Runs 2 -RunTime 2 -FileSizeMiB 64 |
            Set-DiskCacheMode -Disk vdb -Cache none -IO native -Restart |
            Measure-VMPerformance |
            Compare-VMPerformance
    }
    AfterAll { Restore-Guest lab1 }

    It 'gives one comparison that carries both measurements and the change' {
        @($comparison).Count | Should -Be 1
        $comparison.GetType().FullName | Should -Be KvmTune.Statistics.VMComparison
        $comparison.VMName | Should -Be lab1
        $comparison.Baseline.CountedRuns.Count | Should -Be 2
        $comparison.Candidate.CountedRuns.Count | Should -Be 2
        $comparison.Candidate.Workload.Name | Should -Be RandomWrite
        $comparison.Candidate.Workload.FileSizeMiB | Should -Be 64
        $comparison.Change.Title | Should -Be 'disk vdb: cache=none, io=native'
        $comparison.Change.Outcome | Should -Be Applied
        $comparison.Change.Restarted | Should -BeTrue
        [object]::ReferenceEquals($comparison.Change.MeasuredBefore(), $comparison.Baseline) | Should -BeTrue
    }

    It 'claims nothing that two short runs cannot show' {
        $comparison.IsDirectionOnly | Should -BeTrue
        $comparison.Verdict | Should -Be Inconclusive
        $comparison.Sentence | Should -Not -BeNullOrEmpty
    }

    It 'has changed QEMU itself, and only what was asked for' {
        Get-QemuProcessId lab1 | Should -Not -Be $process
        $device = Get-QemuBlockDevice lab1 vdb
        $device.cache.direct | Should -BeTrue
        $device.aio | Should -Be native
        (Get-DomainText lab1).Replace(" cache='none' io='native'", '') | Should -Be $before
    }

    It 'leaves nothing in the guest' {
        Get-Leftover lab1 | Should -BeNullOrEmpty
    }

    It 'is shown so that a person understands it, in 100 columns' {
        $shown = $comparison | Out-String -Width 100
        $shown | Should -Match 'lab1'
        $shown | Should -Match 'cache=none, io=native'
        $shown | Should -Match 'inconclusive'
        ($shown -split "`n" | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
        $comparison | Show-VMComparison | Out-String | Should -Match 'baseline .*IOPS'
    }
}

Describe 'A pipeline whose middle fails' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    It 'measures and compares nothing after a change that was refused' {
        $process = Get-QemuProcessId lab1
        $before = Get-DomainText lab1
        $captured = Invoke-Captured {
            [pscustomobject] @{ VMName = 'lab1' } | Set-DiskCacheMode -Disk vdb -Cache writeback -IO native -Restart -Force |
                Measure-VMPerformance -Workload RandomWrite -Runs 2 -RunTime 2 | Compare-VMPerformance
        }
        $captured.Ids | Should -Be NativeNeedsDirectCache
        $captured.Output | Should -BeNullOrEmpty
        Get-DomainText lab1 | Should -Be $before
        Get-QemuProcessId lab1 | Should -Be $process
    }

    It 'says WorkloadMissing for a change that followed no measurement' {
        $captured = Invoke-Captured { Set-VcpuPin lab1 0 1 | Measure-VMPerformance }
        try {
            $captured.Ids | Should -Be WorkloadMissing
            "$($captured.Errors[0])" | Should -Match 'followed no measurement'
        }
        finally { $null = Clear-VcpuPin lab1 }
    }
}
