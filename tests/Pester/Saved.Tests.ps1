# Measurements that were saved, cloned by value or made in a job, and compared later. Needs no guest.
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
