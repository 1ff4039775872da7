# Show-VMComparison: the plot in a terminal, from comparisons and experiments, with and without colours and Unicode. Needs no guest.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $comparison = Compare-VMPerformance (New-Performance (200..211)) (New-Performance (100..111))
}

Describe 'Show-VMComparison' {
    It 'draws every run, both medians and the verdict in 80 columns' {
        $shown = $comparison | Show-VMComparison | Out-String -Width 80
        $lines = $shown -split "`n"
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessThan 80
        $shown | Should -Match 'db01, RandomWrite'
        $shown | Should -Match 'Iops \(higher is better\): \+\d.* improved'
        $shown | Should -Match 'baseline │.* 106 IOPS'
        $shown | Should -Match 'candidate │.* 206 IOPS'
    }

    It 'emits an object that later cmdlets can take' {
        $plot = $comparison | Show-VMComparison
        $plot.GetType().FullName | Should -Be KvmTune.Statistics.ComparisonPlot
        $plot.VMName | Should -Be db01
        $plot.Metrics[0].Candidate.Values.Count | Should -Be 12
        $plot.Metrics[0].Baseline.Median | Should -Be $comparison.PrimaryMetric.BaselineMedian
    }

    It 'takes an experiment, and names its change' {
        $plot = New-Experiment $comparison | Show-VMComparison
        $plot.Title | Should -Be 'RandomWrite: disk vdb: cache=none, io=native'
        $plot.Verdict | Should -Be Improved
    }

    It 'draws in ASCII with -Ascii, and by itself where the output has nothing else' {
        $ascii = $comparison | Show-VMComparison -Ascii | Out-String
        $ascii | Should -Match 'o'
        $ascii -match '[^\x00-\x7f]' | Should -BeFalse
        $child = Invoke-Child @"
Import-Module '$PSScriptRoot/Lab.psm1'
Import-KvmTune
[Console]::OutputEncoding = [System.Text.Encoding]::ASCII
(Compare-VMPerformance (New-Performance (200..211)) (New-Performance (100..111)) | Show-VMComparison).IsAscii
"@
        $child.Output | Should -Be True
    }

    It 'has no colours where the output is redirected' {
        $child = & pwsh -NoProfile -NonInteractive -Command "Import-Module '$PSScriptRoot/Lab.psm1'; Import-KvmTune; Compare-VMPerformance (New-Performance (200..211)) (New-Performance (100..111)) | Show-VMComparison"
        ($child -join "`n") | Should -Match 'candidate'
        ($child -join "`n") | Should -Not -Match '\e'
    }

    It 'has colours in a terminal, and none with NO_COLOR: <Name>' -ForEach @{ Name = 'plain'; Set = '' }, @{ Name = 'NO_COLOR'; Set = 'NO_COLOR=1' } {
        # script(1) gives the child a terminal.
        $command = "env TERM=xterm $Set pwsh -NoProfile -NonInteractive -File $TestDrive/terminal.ps1"
        Set-Content "$TestDrive/terminal.ps1" @"
Import-Module '$PSScriptRoot/Lab.psm1'
Import-KvmTune
`$plot = Compare-VMPerformance (New-Performance (200..211)) (New-Performance (100..111)) | Show-VMComparison
"colours: `$([regex]::Matches([KvmTune.Cmdlets.Measurement.ComparisonFormatting]::Plot(`$plot, `$PSStyle), '\e').Count)."
"@
        $text = (& script -qec $command /dev/null) -join "`n"
        $found = [int] [regex]::Match($text, 'colours: (\d+)').Groups[1].Value
        if ($Set) { $found | Should -Be 0 -Because $text } else { $found | Should -BeGreaterThan 0 -Because $text }
    }

    It 'says what it takes, and which metrics there are' {
        $captured = Invoke-Captured { 1, $comparison | Show-VMComparison }
        $captured.Ids | Should -Be ComparisonMissing
        $captured.Output.Count | Should -Be 1
        $captured = Invoke-Captured { $comparison | Show-VMComparison -Metric Latency* }
        $captured.Ids | Should -Be MetricNotFound
        "$($captured.Errors[0])" | Should -Match 'It has: Iops'
    }
}
