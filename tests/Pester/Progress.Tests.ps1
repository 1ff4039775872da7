# Progress bars: work of more than a second shows its activity, its progress and the expected time left.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    # The bars of a pipeline, in the order in which they were shown.
    function Get-Bar([string] $Script) {
        $shell = [powershell]::Create()
        $null = $shell.AddScript("Import-Module '$(Get-ModulePath)'; `$WarningPreference = 'Ignore'; $Script")
        $null = $shell.Invoke()
        if ($shell.HadErrors) { throw "$($shell.Streams.Error[0])" }
        $shell.Streams.Progress.ReadAll()
        $shell.Dispose()
    }
}

Describe 'A bar over many VMs' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive bars) (1..8 | ForEach-Object { "vm$_" })
        # The consumer is slow, because a bar appears only after a second.
        $slow = 'ForEach-Object { $watch ??= [System.Diagnostics.Stopwatch]::StartNew(); while ($watch.ElapsedMilliseconds -lt 1200) { [System.Threading.Thread]::Yield() | Out-Null } }'
    }

    It 'says which one, how many, and the time left: <_>' -ForEach 'Get-VMTopology', 'Test-VMTuning' {
        $bars = @(Get-Bar "$_ * -ConnectionUri '$uri' | $slow" | Where-Object ActivityId -EQ 100)
        $bars.Count | Should -BeGreaterThan 1
        $bars[0].StatusDescription | Should -Match '^VM \d of 8: vm\d$'
        $bars[0].SecondsRemaining | Should -BeGreaterOrEqual 0
        $bars[0].Activity | Should -Match ([regex]::Escape($uri))
        $bars[-1].RecordType | Should -Be Completed
    }

    It 'is not shown of one VM' {
        Get-Bar "Get-VMTopology vm1 -ConnectionUri '$uri' | $slow" | Should -BeNullOrEmpty
    }
}

Describe 'A bar of a guest' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { Restore-Guest lab1 }
    AfterAll { Restore-Guest lab1 }

    It 'of a restart says what the guest is waited for, and from the second time on how long' {
        $first = @(Get-Bar "Set-DiskCacheMode lab1 vdb none -Restart -RestartBy Reboot -ConnectionUri '$(Get-LabUri)'" | Where-Object Activity -EQ 'Restarting lab1')
        $first.StatusDescription | Should -Contain 'the guest boots (step 3 of 3)'
        $first[-1].RecordType | Should -Be Completed
        $second = @(Get-Bar "Undo-VMTuning lab1 -Last -Restart -ConnectionUri '$(Get-LabUri)'" | Where-Object Activity -EQ 'Restarting lab1')
        $second.StatusDescription | Should -Contain "the guest's state is saved (step 1 of 2)"
        ($second | Measure-Object SecondsRemaining -Maximum).Maximum | Should -BeGreaterThan 0
        $second[-1].RecordType | Should -Be Completed
    }

    It 'of a measurement counts runs' {
        $bars = @(Get-Bar "Measure-VMPerformance lab1 Cpu -Runs 2 -RunTime 2s -ConnectionUri '$(Get-LabUri)'")
        $bars.StatusDescription | Should -Contain 'run 2 of 2'
        ($bars | Measure-Object SecondsRemaining -Maximum).Maximum | Should -BeGreaterThan 0
        $bars[-1].RecordType | Should -Be Completed
    }
}
