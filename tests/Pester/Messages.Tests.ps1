# The cmdlets' messages to a person: once, with the VM and the value, in whole sentences, and without names of libvirt's functions.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $uri = New-TestHost (Join-Path $TestDrive messages)
    $null = Connect-VMHost $uri
}
AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

Describe 'A message' {
    It 'of a rule that forbids a change names its VM, in a call for many' {
        $captured = Invoke-Captured { Set-VcpuPin * 0 99 -Scope Config }
        $captured.Ids | Should -Be PinToOnlineHostCpu, PinToOnlineHostCpu
        "$($captured.Errors[0])" | Should -BeLike 'db01: *no online CPU 99*'
        "$($captured.Errors[1])" | Should -BeLike 'web 01: *no online CPU 99*'
    }

    It 'of a VM that has the setting already is a sentence' {
        $null = Set-EmulatorPin db01 0
        Get-PrintedText { Set-EmulatorPin db01 0 -WhatIf } | Should -BeLike '*db01: nothing to do, the VM already has this setting: pin the emulator to host CPU 0.*'
    }

    It 'of a list of numbers that cannot be read fits CPUs and nodes, and has the value once' -ForEach @(
        @{ Command = { Set-VcpuPin db01 0 abc } }
        @{ Command = { Set-VMNumaPolicy db01 abc } }
    ) {
        $text = "$((Invoke-Captured $Command).Errors[0])"
        $text | Should -BeLike "*'abc' is not a list of numbers from 0 to *0-3,^1,8*"
        [regex]::Matches($text, "'abc'").Count | Should -Be 1
        $text | Should -Not -Match 'CPU list'
    }

    It 'of a driver without guest agents says what to use' {
        $captured = Invoke-Captured { Measure-VMPerformance db01 -Workload Cpu }
        "$($captured.Errors[0])" | Should -BeLike '*has no guest agent*-Channel Ssh*'
        "$($captured.Errors[0])" | Should -Not -Match 'virDomain'
    }

    It 'of a failed experiment has each sentence by itself' {
        $text = "$((Invoke-Captured { Set-EmulatorPin db01 2 -AsPlan -Scope Live | Invoke-VMExperiment -Workload Cpu }).Errors[0])"
        $text | Should -BeLike "*. 'db01' was not changed."
    }

    It 'of an entry that the journal does not have has its number' {
        "$((Invoke-Captured { Get-VMTuningHistory -Id 987654 }).Errors[0])" | Should -BeLike '*has no entry 987654.'
    }

    It 'of a time has an ISO date' {
        $null = Set-EmulatorPin db01 2 -Scope Config
        Get-PrintedText { Remove-VMTuningHistory -OlderThan (Get-Date).AddMinutes(1) -VMName db01 -WhatIf } | Should -Match 'older than \d{4}-\d\d-\d\d \d\d:\d\d'
    }

    It 'about a restart of a VM that is off says that it is started' {
        $off = New-TestHost (Join-Path $TestDrive off) 'off01' -ShutOff
        Get-PrintedText { Restart-VMDomain off01 -ConnectionUri $off -WhatIf } | Should -Match '"start" on target "off01'
        Get-PrintedText { Restart-VMDomain db01 -WhatIf } | Should -Match '"shut down and start" on target "db01'
        Disconnect-VMHost $off -ErrorAction Ignore
    }

    It 'that warns comes once with -WhatIf' {
        $command = { Set-HugePagePool 2M 10 -ConnectionUri test:///default -WhatIf }
        (Invoke-Captured $command).Warnings | Should -BeNullOrEmpty
        Get-PrintedText $command | Should -BeLike '*Warning: The pool takes *'
        Disconnect-VMHost test:///default -ErrorAction Ignore
    }
}

Describe 'The list of a host without NUMA nodes' {
    It 'has no pools' {
        $pools = Get-VMHostTopology | Format-List | Out-String -Width 100 | ForEach-Object { $_ -split "`n" } | Where-Object { $_ -like 'Page pools*' }
        $pools.Trim() | Should -Match ':$'
    }
}
