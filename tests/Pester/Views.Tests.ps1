# The views for a person: every type that a cmdlet emits has a view, its default table fits 100 columns, and its lists have a Count.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $uri = 'test:///default'
    $things = New-SampleObject (Join-Path $TestDrive views)
    $things.Area = $things.Bottleneck.Areas[0]
    $things.Evidence = $things.Area.Evidence[0]
    $things.Step = $things.Experiment.Steps[0]
    $answers = @{
        Experiment = 'Verdict', 'Decision', 'Shift', 'Title'; Bottleneck = 'AreaName', 'Verdict'; Entry = 'State', 'Verdict', 'What'; VM = 'State', 'PendingRestart'
        Finding = 'Severity', 'Id', 'Subject'; Plan = 'RequiresRestart', 'Title'; Result = 'Outcome', 'Title'; Performance = 'Median', 'Title'; Evidence = 'IsExceeded', 'Value', 'Threshold'
    }

    # The public types of the module below an object, with the lists whose Count PowerShell does not see.
    function Find-UncountableList($Object, [string] $Path, [int] $Depth = 5, [System.Collections.Generic.HashSet[object]] $Seen = [System.Collections.Generic.HashSet[object]]::new([System.Collections.Generic.ReferenceEqualityComparer]::Instance)) {
        if ($null -eq $Object -or $Depth -eq 0 -or $Object -is [string] -or $Object.GetType().IsPrimitive -or -not $Seen.Add($Object)) { return }
        $type = $Object.GetType()
        if ($Object -is [System.Collections.IEnumerable]) {
            if (-not ($type.GetProperty('Count') -or $type.GetProperty('Length'))) { "$Path is a $($type.Name)" }
            $first = foreach ($item in $Object) { , $item; break }
            Find-UncountableList $first "$Path[0]" ($Depth - 1) $Seen
        }
        elseif ($type.FullName -like 'KvmTune.*' -and -not $type.IsEnum) {
            foreach ($property in $type.GetProperties()) {
                if ($property.GetIndexParameters().Count -eq 0 -and $property.GetMethod.IsPublic -and -not $property.GetMethod.IsStatic) {
                    $value = try { $property.GetValue($Object) } catch { $null }
                    Find-UncountableList $value "$Path.$($property.Name)" ($Depth - 1) $Seen
                }
            }
        }
    }
}
AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

Describe 'The view of a <_>' -ForEach 'Connection', 'Host', 'VM', 'Plan', 'Result', 'Entry', 'Checkpoint', 'Placement', 'Map', 'Performance', 'Comparison', 'Plot', 'Finding', 'Bottleneck', 'Area', 'Evidence', 'Sample', 'Experiment', 'Step' {
    It 'is one of the module''s own, for table or list' {
        $type = $things[$_].GetType().FullName
        Get-FormatData $type | Should -Not -BeNullOrEmpty
    }

    It 'fits 100 characters by itself, and shows all its columns in 140' {
        $shown = ($things[$_] | Out-String -Width 100) -replace '\e\[[0-9;]*m'
        $shown.Trim() | Should -Not -BeNullOrEmpty
        $lines = $shown -split "`n" | Where-Object { $_.Trim() }
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
        $table = (Get-FormatData $things[$_].GetType().FullName).FormatViewDefinition[0].Control
        if ($table -is [System.Management.Automation.TableControl]) {
            $wide = (($things[$_] | Out-String -Width 140) -replace '\e\[[0-9;]*m') -split "`n" | Where-Object { $_.Trim() }
            foreach ($label in $table.Headers.Label) { $wide[0] | Should -Match ([regex]::Escape($label)) }
            $lines.Count | Should -BeGreaterThan 2
        }
    }

    It 'breaks no head at 80, 100 and 140 characters, and has the answer at 80' {
        $table = (Get-FormatData $things[$_].GetType().FullName).FormatViewDefinition[0].Control
        if ($table -isnot [System.Management.Automation.TableControl]) { Set-ItResult -Skipped -Because 'it is no table'; return }
        foreach ($width in 80, 100, 140) {
            $heads, $rule = (($things[$_] | Out-String -Width $width) -replace '\e\[[0-9;]*m') -split "`n" | Where-Object { $_.Trim() } | Select-Object -First 2
            $rule | Should -Match '^[- ]+$' -Because "the heads are one line at $width"
            foreach ($head in $heads.Trim() -split '\s+') { $head | Should -BeIn $table.Headers.Label -Because "it is whole at $width" }
            foreach ($answer in $answers[$_]) { $heads | Should -Match "\b$answer\b" -Because "it answers, at $width" }
        }
    }

    It 'formats as a list without an error' {
        $before = $Error.Count
        ($things[$_] | Format-List | Out-String -Width 100).Trim() | Should -Not -BeNullOrEmpty
        $Error.Count | Should -Be $before
    }

    It 'has lists that PowerShell can count' {
        Find-UncountableList $things[$_] $_ | Should -BeNullOrEmpty
    }
}

Describe 'Every type that a cmdlet emits' {
    It 'has a list with all that matters: <_>' -ForEach @(
        Import-Module "$PSScriptRoot/../../out/KvmTune/KvmTune.psd1" -Force
        (Get-Command -Module KvmTune).OutputType.Type.Where{ $_ -and $_ -ne [void] }.FullName | Sort-Object -Unique
    ) {
        $views = (Get-FormatData $_).FormatViewDefinition.Control
        $views | Should -Not -BeNullOrEmpty
        # A picture replaces the list view.
        @($views | Where-Object { $_ -is [System.Management.Automation.ListControl] -or $_ -is [System.Management.Automation.CustomControl] }).Count | Should -BeGreaterThan 0
    }

    It 'shows sizes and times in units for people' {
        (Get-HugePagePool -ConnectionUri $uri | Select-Object -First 1 | Format-List | Out-String) | Should -Match 'Page size +: \d+(\.\d)? (KiB|MiB|GiB)'
        ($things.Comparison.Metrics | Format-List | Out-String) | Should -Match 'Baseline +: 106 IOPS'
        ($things.Performance.Runs[0] | Format-List | Out-String) | Should -Match 'Took +: 3.00 s'
        ($things.VM | Format-List | Out-String) | Should -Match 'Memory +: 8 GiB'
    }

    It 'has colours in headers only as $PSStyle has them: none in plain text, and none with NO_COLOR' {
        foreach ($name in $things.Keys) { ($things[$name] | Out-String) -replace '\e\[[0-9;]*m' | Should -Not -Match '\e' }
        $child = & env NO_COLOR=1 pwsh -NoProfile -NonInteractive -Command "Import-Module '$(Get-ModulePath)'; Get-VMTopology -ConnectionUri test:///default; Show-VMHostMap test:///default"
        ($child -join "`n") | Should -Not -Match '\e'
    }
}

Describe 'The parts of a topology' {
    It 'have views too: <_>' -ForEach 'Vcpus', 'Disks', 'Nics' {
        $lines = ($things.VM.$_ | Out-String -Width 100) -split "`n" | Where-Object { $_.Trim() }
        $lines.Count | Should -BeGreaterThan 2
        Get-FormatData $things.VM.$_[0].GetType().FullName | Should -Not -BeNullOrEmpty
    }

    It 'of a comparison: the table of metrics has its verdicts' {
        $shown = ($things.Comparison.Metrics | Out-String -Width 100) -replace '\e\[[0-9;]*m'
        $shown | Should -Match 'Verdict'
        $shown | Should -Match 'improved'
    }
}
