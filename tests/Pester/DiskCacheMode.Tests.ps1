# Set-DiskCacheMode. Settings in force are read from QEMU's command line, configured ones from virsh.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $module = Get-ModulePath
}

Describe 'Cache modes of a VM' {
    BeforeEach {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid())) 'db01', 'db02', 'web01'
        $null = Connect-VMHost $uri
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'are set <What>' -ForEach @(
        @{ What = 'of one disk'; Command = { Set-DiskCacheMode db01 vdb none }; Modes = @('db01 vdb none') }
        @{ What = 'with -Disk and -IO'; Command = { Set-DiskCacheMode db01 -Disk vdb -Cache none -IO native }; Modes = @('db01 vdb none native') }
        @{ What = 'of VMs by pipeline'; Command = { 'db01', 'web01' | Set-DiskCacheMode -Disk vda -Cache directsync }; Modes = @('db01 vda directsync', 'web01 vda directsync') }
        @{ What = 'by property names'; Command = { [pscustomobject] @{ VMName = 'db02'; Disk = 'vdb' } | Set-DiskCacheMode -Cache none }; Modes = @('db02 vdb none') }
        @{ What = 'of two VMs by a wildcard'; Command = { Set-DiskCacheMode db* vdb none }; Modes = @('db01 vdb none', 'db02 vdb none') }
        @{ What = 'of all disks by a wildcard'; Command = { Set-DiskCacheMode web01 vd* none }; Modes = @('web01 vda none', 'web01 vdb none') }
        @{ What = 'of VMs that Get-VMTopology found'; Command = { Get-VMTopology web* | Set-DiskCacheMode -Disk vda -Cache none }; Modes = @('web01 vda none') }
    ) {
        $results = @(& $Command)
        $results.Outcome | Sort-Object -Unique | Should -Be RestartPending
        @($results | Sort-Object { "$($_.VMName) $($_.Title)" } | ForEach-Object {
                $vm = $_.VMName
                $disk = ($_.Title -split '[ :]+')[1]
                $driver = (Get-VMTopology $vm).Configured.Disks | Where-Object Target -eq $disk
                "$vm $disk $($driver.Cache) $($driver.IO)".Trim()
            }) | Should -Be $Modes
        (Get-VMTopology $results[0].VMName).PendingRestart | Should -Not -BeNullOrEmpty
    }

    It 'are taken away with default, and discard and zero detection are set with them' {
        $null = Set-DiskCacheMode db01 vda none -IO native -Discard unmap -DetectZeroes on
        $disk = (Get-VMTopology db01).Configured.Disks[0]
        "$($disk.Cache) $($disk.IO) $($disk.Discard) $($disk.DetectZeroes)" | Should -Be 'none native unmap on'
        $null = Set-DiskCacheMode db01 vda -Cache default -IO default -Discard default -DetectZeroes default
        $disk = (Get-VMTopology db01).Configured.Disks[0]
        "$($disk.Cache)$($disk.IO)$($disk.Discard)$($disk.DetectZeroes)" | Should -BeNullOrEmpty
    }

    It 'refuses <What> with <Id>, and changes nothing' -ForEach @(
        @{ What = 'io=native with writeback'; Command = { Set-DiskCacheMode db01 vda writeback -IO native -Force }; Id = 'NativeNeedsDirectCache'; Says = 'Cache none' }
        @{ What = 'io=native with no cache mode'; Command = { Set-DiskCacheMode db01 vda -IO native }; Id = 'NativeNeedsDirectCache'; Says = 'Cache none' }
        @{ What = 'a disk that is not there'; Command = { Set-DiskCacheMode db01 vdz none }; Id = 'DiskNotFound'; Says = 'vda, vdb' }
        @{ What = 'a live change'; Command = { Set-DiskCacheMode db01 vda none -Scope Live }; Id = 'ChangeIsNotLive'; Says = '-Scope Config' }
        @{ What = 'nothing to set'; Command = { Set-DiskCacheMode db01 vda }; Id = 'NothingToSet'; Says = '-Cache' }
        @{ What = 'an unknown cache mode'; Command = { Set-DiskCacheMode db01 vda turbo }; Id = 'ParameterArgumentValidationError'; Says = 'turbo' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        (Get-VMTopology db01).PendingRestart | Should -BeNullOrEmpty
    }

    It 'goes on with the other disks and VMs after an error' {
        $captured = Invoke-Captured { Set-DiskCacheMode nobody, db02 vdb none }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be db02
    }

    It '<_> is not turned on unasked: without a person it is an error with the rule''s id' -ForEach 'writeback', 'unsafe' {
        $captured = Invoke-Captured { Set-DiskCacheMode db01 vda $_ }
        $rule = @{ writeback = 'WritebackHoldsData'; unsafe = 'UnsafeLosesData' }[$_]
        $captured.Ids | Should -Be $rule
        "$($captured.Errors[0])" | Should -Match 'lost'
        "$($captured.Errors[0])" | Should -Match '-Force'
        (Get-VMTopology db01).PendingRestart | Should -BeNullOrEmpty
        $forced = Set-DiskCacheMode db01 vda $_ -Force -WarningAction Ignore
        $forced.Outcome | Should -Be RestartPending
        (Get-VMTopology db01).Configured.Disks[0].Cache | Should -Be $_
    }

    It 'writeback is turned on for a person who says <Says>: <Done>' -ForEach @(
        @{ Says = 'y'; Answer = 'y'; Done = $true }
        @{ Says = 'n'; Answer = 'n'; Done = $false }
        @{ Says = 'nothing but Enter'; Answer = "`n"; Done = $false }
    ) {
        $run = Invoke-Child -Interactive -Answers $Answer @"
Import-Module '$module'
`$null = Connect-VMHost '$uri'
`$null = Set-DiskCacheMode db01 vda writeback -WarningAction Ignore
"cache: `$((Get-VMTopology db01).Configured.Disks[0].Cache)"
"@
        $run.Text | Should -Match 'what the guest has not flushed is lost'
        $run.Output | Should -Contain "cache: $(if ($Done) { 'writeback' })"
    }

    It 'where input is closed, as under cron, the error says what to say and the script goes on: <Command>' -ForEach @(
        @{ Command = 'Set-DiskCacheMode db01 vda writeback'; Says = 'cannot ask for confirmation.*-Force' }
        @{ Command = 'Set-DiskCacheMode db01 vda none -IO native -Confirm'; Says = 'cannot ask for confirmation.*-Confirm:\$false' }
        @{ Command = "Remove-VMTuningHistory -OlderThan 0s"; Says = 'cannot ask for confirmation.*-Confirm:\$false' }
    ) {
        $run = Invoke-Child -Interactive -Prefix 'sh', '-c', 'exec "$@" < /dev/null', 'sh' @"
Import-Module '$module'
`$null = Connect-VMHost '$uri'
`$null = Set-VcpuPin db01 0 0 -WarningAction Ignore
`$null = $Command -WarningAction Ignore
"cache: `$((Get-VMTopology db01).Configured.Disks[0].Cache)"
"@
        ($run.Output -join ' ') | Should -Match $Says
        # Errors arrive through another pipe, so their order is not fixed.
        $run.Output -match 'cache: $' | Should -Not -BeNullOrEmpty
    }

    It 'a standard input that is closed altogether is not waited for' {
        $run = Invoke-Child -Interactive -Prefix 'sh', '-c', 'exec timeout 300 "$@" <&-', 'sh' @"
Import-Module '$module'
`$null = Connect-VMHost '$uri'
`$null = Set-DiskCacheMode db01 vda writeback -WarningAction Ignore
`$null = Set-DiskCacheMode db01 vda none -Confirm -WarningAction Ignore
"cache: `$((Get-VMTopology db01).Configured.Disks[0].Cache)"
"@
        ($run.Output -join ' ') | Should -Match 'cannot ask for confirmation.*-Force.*cannot ask for confirmation.*-Confirm:\$false'
        # Errors arrive through another pipe, so their order is not fixed.
        $run.Output -match 'cache: $' | Should -Not -BeNullOrEmpty
    }

    It 'a return to writeback by a checkpoint is asked for too, and by Undo-VMTuning warned of' {
        $null = Set-DiskCacheMode db01 vda writeback -Force -WarningAction Ignore
        $null = Checkpoint-VMTuning db01 held -Force
        $null = Set-DiskCacheMode db01 vda none -WarningAction Ignore
        (Invoke-Captured { Restore-VMTuning db01 held }).Ids | Should -Be WritebackHoldsData
        (Get-VMTopology db01).Configured.Disks[0].Cache | Should -Be none
        (Invoke-Captured { Undo-VMTuning db01 -Last }).Warnings -join ' ' | Should -Match 'WritebackHoldsData'
        (Get-VMTopology db01).Configured.Disks[0].Cache | Should -Be writeback
    }

    It 'with -WhatIf asks nothing, prints difference, risk and virsh command, and touches nothing' {
        $text = Get-PrintedText { Set-DiskCacheMode db01 vda writeback -WhatIf -WarningAction Ignore | Should -BeNullOrEmpty }
        $text | Should -Match 'disk vda cache: \(not set\) -> writeback'
        $text | Should -Match 'WritebackHoldsData'
        $text | Should -Match 'update-device db01'
        $text | Should -Match 'only after a restart'
        (Get-VMTopology db01).PendingRestart | Should -BeNullOrEmpty
    }
}

Describe 'Cache modes of a real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        $before = Get-DomainText lab2
    }
    AfterAll { Restore-Guest lab2 }

    It 'wait for a restart, and are in QEMU''s hands after one; nothing else of the VM changes' {
        (Get-QemuBlockDevice lab2 vdb).cache.direct | Should -Not -BeTrue
        $process = Get-QemuProcessId lab2

        $result = Set-DiskCacheMode lab2 vdb none -IO native
        $result.Outcome | Should -Be RestartPending
        Get-QemuProcessId lab2 | Should -Be $process
        Get-DiskOption lab2 vdb cache | Should -Be none
        Get-DiskOption lab2 vdb cache -Running | Should -BeNullOrEmpty
        (Get-VMTopology lab2).PendingRestart.Setting | Should -Be @('disk vdb cache', 'disk vdb io')

        # The configuration already has the setting, but the running VM does not: the outcome is not "no change".
        (Set-DiskCacheMode lab2 vdb none -IO native).Outcome | Should -Be RestartPending
        $result = Set-DiskCacheMode lab2 vdb none -IO native -Restart
        $result.Outcome | Should -Be Applied
        $result.Restarted | Should -BeTrue
        Get-QemuProcessId lab2 | Should -Not -Be $process
        $device = Get-QemuBlockDevice lab2 vdb
        $device.cache.direct | Should -BeTrue
        $device.aio | Should -Be native
        Get-DiskOption lab2 vdb cache -Running | Should -Be none
        (Get-VMTopology lab2).PendingRestart | Should -BeNullOrEmpty
        (Set-DiskCacheMode lab2 vdb none -IO native -Restart).Outcome | Should -Be NoChange

        $null = Set-DiskCacheMode lab2 vdb default -IO default -WarningAction Ignore
        $after = Get-DomainText lab2
        $after | Should -Be $before
        $after | Should -Match "passwd='lab2-vnc'"
        $after | Should -Match '<acme:id>4711</acme:id>'
    }

    It 'are taken back, and the guest runs on, when QEMU does not start with them' {
        # A console that cannot be opened keeps QEMU from starting with any configuration but the running one.
        $null = Set-DiskCacheMode lab2 vdb default -IO default -WarningAction Ignore
        $file = Get-DomainText lab2
        $broken = $file -replace "<source path='[^']*lab2-console.log'", "<source path='/nowhere/console.log'"
        $broken | Should -Not -Be $file
        Set-DomainText $broken
        try {
            $captured = Invoke-Captured { Set-DiskCacheMode lab2 vdb none -Restart -RestartBy Reboot -ShutdownTimeLimit 180 }
            $captured.Ids | Should -Be StartFailed
            Get-DiskOption lab2 vdb cache | Should -BeNullOrEmpty
        }
        finally {
            Set-DomainText $file
            if ((Get-DomainState lab2) -ne 'running') { $null = Invoke-Virsh start lab2; Wait-Guest lab2 }
        }
    }
}
