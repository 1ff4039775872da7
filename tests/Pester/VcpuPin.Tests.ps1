# Set-VcpuPin and Clear-VcpuPin. The effect of a live pin is read from the kernel, that of a persistent one from virsh.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
}

Describe 'Pins of a VM that cannot be pinned live' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive pins) 'db01', 'db02', 'web01'
        $null = Connect-VMHost $uri
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }
    AfterEach { Clear-VcpuPin * -Scope Config }

    It 'says NotSupportedByDriver for a live pin, and leaves the configuration as it was' {
        $captured = Invoke-Captured { Set-VcpuPin db01 0 2 }
        $captured.Ids | Should -Be NotSupportedByDriver
        $captured.Output | Should -BeNullOrEmpty
        (Get-VMTopology db01).Configured.VcpuPins.Count | Should -Be 0
    }

    It 'sets persistent pins <What>' -ForEach @(
        @{ What = 'of one VM'; Command = { Set-VcpuPin db01 0 2 -Scope Config }; Pins = @('db01 0:2') }
        @{ What = 'of VMs by pipeline'; Command = { 'db01', 'web01' | Set-VcpuPin -Vcpu 1 -HostCpu 0, 4 -Scope Config }; Pins = @('db01 1:0,4', 'web01 1:0,4') }
        @{ What = 'by property names'
            Command = { [pscustomobject] @{ VMName = 'db02'; Vcpu = 1; HostCpu = '0,2' } | Set-VcpuPin -Scope Config }; Pins = @('db02 1:0,2') }
        @{ What = 'of two VMs by a wildcard'; Command = { Set-VcpuPin db0? 0 4 -Scope Config }; Pins = @('db01 0:4', 'db02 0:4') }
        @{ What = 'of a VM that Get-VMTopology found'; Command = { Get-VMTopology web* | Set-VcpuPin -Vcpu 0 -HostCpu 2 -Scope Config }; Pins = @('web01 0:2') }
        @{ What = 'with a list in libvirt''s syntax'; Command = { Set-VcpuPin db01 0 '0-4,^1,^3' -Scope Config }; Pins = @('db01 0:0,2,4') }
        @{ What = 'of several vCPUs with -Map in one change'; Command = { Set-VcpuPin db01 -Map @{ 0 = '2'; 1 = '0,4' } -Scope Config }; Pins = @('db01 0:2 1:0,4') }
    ) {
        $results = @(& $Command)
        $results.Count | Should -Be $Pins.Count
        # The VM runs, so a change of its configuration takes effect only at its next start.
        $results.Outcome | Sort-Object -Unique | Should -Be RestartPending
        ($results | Sort-Object VMName | ForEach-Object {
            $configured = (Get-VMTopology $_.VMName).Configured.VcpuPins
            "$($_.VMName) $(($configured.Keys | Sort-Object | ForEach-Object { "$_`:$($configured[$_])" }) -join ' ')"
        }) | Should -Be $Pins
    }

    It 'changes nothing where a pin is configured already, and says that the running VM still waits for it' {
        $null = Set-VcpuPin db01 0 2 -Scope Config
        $again = Set-VcpuPin db01 0 2 -Scope Config
        $again.Plan.HasChanges, $again.Outcome | Should -Be $false, 'RestartPending'
    }

    It 'goes on with the rest after an unknown name' {
        $captured = Invoke-Captured { Set-VcpuPin db01, nobody, web01 0 2 -Scope Config }
        $captured.Output.VMName | Should -Be @('db01', 'web01')
        $captured.Ids | Should -Be VMNotFound
        $captured.Stopped | Should -BeFalse
    }

    It 'refuses <What> with <Id>, and changes nothing' -ForEach @(
        @{ What = 'host CPU 999'; Command = { Set-VcpuPin db01 0 999 }; Id = 'PinToOnlineHostCpu'; Says = '999.*0,2,4' }
        @{ What = 'vCPU 7 of 2'; Command = { Set-VcpuPin db01 7 0 }; Id = 'VcpuNotFound'; Says = '7.*2 vCPUs' }
        @{ What = 'an offline host CPU among others'; Command = { Set-VcpuPin db01 0 0-2 }; Id = 'PinToOnlineHostCpu'; Says = 'CPU 1' }
        @{ What = 'a list that excludes itself'; Command = { Set-VcpuPin db01 0 '2,^2' }; Id = 'PinNeedsHostCpu|ParameterArgumentTransformationError'; Says = '.' }
        @{ What = 'what is no list'; Command = { Set-VcpuPin db01 0 two }; Id = 'ParameterArgumentTransformationError'; Says = 'two' }
        @{ What = 'a map with a wrong key'; Command = { Set-VcpuPin db01 -Map @{ first = '0' } }; Id = 'InvalidMap'; Says = 'first' }
        @{ What = 'a map with a wrong value'; Command = { Set-VcpuPin db01 -Map @{ 0 = 'x' } }; Id = 'InvalidMap'; Says = 'vCPU 0' }
        @{ What = 'vCPU -1'; Command = { Set-VcpuPin db01 -1 0 }; Id = 'VcpuNotFound'; Says = '-1' }
        @{ What = 'to clear vCPU 7 of 2'; Command = { Clear-VcpuPin db01 7 }; Id = 'VcpuNotFound'; Says = '7' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Match "^($Id)$"
        $captured.Output | Should -BeNullOrEmpty
        "$($captured.Errors[0])" | Should -Match $Says
        (Get-VMTopology db01).Configured.VcpuPins.Count | Should -Be 0
    }

    It 'warns of two vCPUs on one host CPU, and does it' {
        $captured = Invoke-Captured { Set-VcpuPin db01 -Map @{ 0 = '2'; 1 = '2' } -Scope Config }
        @($captured.Warnings) -match 'PinSharesHostCpuWithinVM' | Should -HaveCount 1
        $captured.Output.Outcome | Should -Be RestartPending
    }

    It 'clears pins: of one vCPU, of all, of a wildcard''s VMs' {
        $null = Set-VcpuPin * -Map @{ 0 = '2'; 1 = '4' } -Scope Config -WarningAction Ignore
        $null = Clear-VcpuPin db01 1 -Scope Config
        $left = (Get-VMTopology db01).Configured.VcpuPins
        "$($left.Keys):$($left[0])" | Should -Be '0:2'
        (Clear-VcpuPin * -Scope Config).VMName | Sort-Object | Should -Be @('db01', 'db02', 'web01')
        foreach ($vm in Get-VMTopology) { $vm.Configured.VcpuPins.Count | Should -Be 0 }
    }

    It 'with -WhatIf prints the difference and the virsh command, emits nothing and touches nothing' {
        $text = Get-PrintedText { Set-VcpuPin db01 0 2 -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'vCPU 0 pin: \(not set\) -> 2'
        $text | Should -Match '\+.*<vcpupin vcpu="0" cpuset="2"'
        $text | Should -Match ([regex]::Escape("virsh -c $uri vcpupin db01 0 2 --live --config"))
        (Get-VMTopology db01).Configured.VcpuPins.Count | Should -Be 0
    }
}

Describe 'Pins of a VM whose configuration has other vCPUs' {
    BeforeAll {
        $daemon = Start-TestDaemon "/tmp/kvmtune-pester-$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        # The test driver forgets what was changed when its last connection closes.
        $null = Connect-VMHost $daemon.Uri
        $null = & virsh -c $daemon.Uri setvcpus test 4 --maximum --config
    }
    AfterAll {
        Disconnect-VMHost $daemon.Uri -ErrorAction Ignore
        Stop-TestDaemon $daemon
        Remove-Item -Recurse -Force $daemon.Folder
    }

    It '* names the vCPUs of both, or of the one that -Scope names' {
        (Get-VMTopology test).Running.MaxVcpus | Should -Be 2
        (Get-VMTopology test).Configured.MaxVcpus | Should -Be 4
        (Set-VcpuPin test * 0 -AsPlan).Differences.Where | Should -Be Both, Both, Config, Config
        (Set-VcpuPin test * 0 -AsPlan -Scope Live).Differences.Count | Should -Be 2
        (Set-VcpuPin test * 0 -AsPlan -Scope Config).Differences.Count | Should -Be 4
        (Clear-VcpuPin test -AsPlan).HasChanges | Should -BeFalse
        (Set-VcpuPin test 3 0).Outcome | Should -Be Applied
    }
}

Describe 'Pins of a real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab2
        $before = Get-DomainText lab2
        $unpinned = Get-HostCpuList
        $null = Connect-VMHost (Get-LabUri)
        $online = Get-Content /sys/devices/system/cpu/online
    }
    AfterEach {
        $null = Clear-VcpuPin lab2
    }
    AfterAll {
        Set-DomainText $before
    }

    It 'are live and persistent by default, and the kernel has them' {
        $result = Set-VcpuPin lab2 0 1
        $result.Outcome | Should -Be Applied
        $result.Verifications.Source -join ' ' | Should -Match 'kernel: /proc/'
        Get-VcpuAffinity lab2 0 | Should -Be 1
        Get-VcpuAffinity lab2 1 | Should -Be $unpinned
        Get-Pin lab2 0 | Should -Be 1
        Get-Pin lab2 0 -Running | Should -Be 1
        Get-Pin lab2 1 | Should -BeNullOrEmpty
    }

    It 'are only in the kernel with -Scope Live' {
        $null = Set-VcpuPin lab2 1 0 -Scope Live
        Get-VcpuAffinity lab2 1 | Should -Be 0
        Get-Pin lab2 1 -Running | Should -Be 0
        Get-Pin lab2 1 | Should -BeNullOrEmpty
        (Get-VMTopology lab2).Differences.Setting | Should -Match 'vCPU 1'
    }

    It 'are only in the configuration with -Scope Config' {
        (Set-VcpuPin lab2 1 0 -Scope Config).Outcome | Should -Be RestartPending
        Get-VcpuAffinity lab2 1 | Should -Be $unpinned
        Get-Pin lab2 1 -Running | Should -BeIn $null, $online
        Get-Pin lab2 1 | Should -Be 0
    }

    It 'are all made by one change with -Map' {
        $result = Set-VcpuPin lab2 -Map @{ 0 = '1'; 1 = '0' } -Scope Both
        @($result).Count | Should -Be 1
        $result.Verifications.Where{ $_.Source -like 'kernel*' }.Count | Should -Be 2
        Get-VcpuAffinity lab2 0 | Should -Be 1
        Get-VcpuAffinity lab2 1 | Should -Be 0
        Get-Pin lab2 0 | Should -Be 1
        Get-Pin lab2 1 | Should -Be 0
    }

    It 'are taken away by Clear-VcpuPin: free in the kernel, absent in the configuration' {
        $null = Set-VcpuPin lab2 -Map @{ 0 = '1'; 1 = '0' }
        $result = Clear-VcpuPin lab2
        $result.Outcome | Should -Be Applied
        Get-VcpuAffinity lab2 0 | Should -Be $unpinned
        Get-VcpuAffinity lab2 1 | Should -Be $unpinned
        (Get-DomainXml lab2).domain.SelectSingleNode('cputune') | Should -BeNullOrEmpty
        Get-DomainText lab2 | Should -Be $before
        # libvirt shows the freed threads of the running VM as pinned to all host CPUs: such a pin waits for no restart.
        (Get-VMTopology lab2).PendingRestart | Should -BeNullOrEmpty
        (Clear-VcpuPin lab2).Outcome | Should -Be NoChange
    }

    It 'are set by the virsh command that is printed, just as by the cmdlet' {
        $plan = Set-VcpuPin lab2 0 1 -AsPlan
        Get-VcpuAffinity lab2 0 | Should -Be $unpinned
        & bash -c $plan.VirshCommand | Out-Null
        $LASTEXITCODE | Should -Be 0
        Get-VcpuAffinity lab2 0 | Should -Be 1
        Get-Pin lab2 0 | Should -Be 1
    }

    It 'leave everything else in the configuration as it was: VNC password, unknown metadata, every byte' {
        $null = Set-VcpuPin lab2 0 1
        $text = Get-DomainText lab2
        $text | Should -Match "passwd='lab2-vnc'"
        $text | Should -Match '<acme:ticket xmlns:acme="https://example.com/acme/1" priority="low">'
        ($text -replace '(?s)  <cputune>.*?</cputune>\n') | Should -Be $before
    }

    It 'of a stopped VM cannot be live: LiveNeedsRunningVM; persistent they can' {
        $id = New-LabDomain 'pester-stopped'
        try {
            (Invoke-Captured { Set-VcpuPin pester-stopped 0 1 -Scope Live }).Ids | Should -Be LiveNeedsRunningVM
            (Invoke-Captured { Set-VcpuPin pester-stopped 0 1 -Scope Both }).Ids | Should -Be LiveNeedsRunningVM
            Get-Pin pester-stopped 0 | Should -BeNullOrEmpty
            $result = Set-VcpuPin pester-stopped 0 1
            $result.Plan.ChangesRunning | Should -BeFalse
            Get-Pin pester-stopped 0 | Should -Be 1
        }
        finally { Remove-LabDomain $id }
    }

    It 'to host CPU 999 are refused before anything is touched' {
        (Invoke-Captured { Set-VcpuPin lab2 0 999 }).Ids | Should -Be PinToOnlineHostCpu
        (Invoke-Captured { Set-VcpuPin lab2 7 0 }).Ids | Should -Be VcpuNotFound
        Get-DomainText lab2 | Should -Be $before
        Get-VcpuAffinity lab2 0 | Should -Be $unpinned
    }
}
