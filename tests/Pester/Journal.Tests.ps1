# The journal through the cmdlets: history, undo, checkpoints, removal; on libvirt's test driver, and the whole sequence on the lab.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $testHome = $env:KVMTUNE_HOME
}
AfterAll { $env:KVMTUNE_HOME = $testHome }

Describe 'The journal on a host of the test driver' {
    BeforeEach {
        $env:KVMTUNE_HOME = Join-Path $TestDrive ([guid]::NewGuid())
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid())) -Name db01, web01
        $null = Connect-VMHost $uri
        $before = Get-VMTopology db01
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'has nothing, and makes nothing, before something is changed' {
        Get-VMTuningHistory | Should -BeNullOrEmpty
        Set-DiskCacheMode db01 vdb none -WhatIf
        $null = Set-DiskCacheMode db01 vdb none -AsPlan
        Test-Path $env:KVMTUNE_HOME | Should -BeFalse
    }

    It 'is kept where a relative KVMTUNE_HOME leads from the folder of the session, not of the process' {
        $folder = (New-Item -ItemType Directory (Join-Path $TestDrive ([guid]::NewGuid()))).FullName
        $env:KVMTUNE_HOME = 'here'
        Push-Location $folder
        try { $null = Set-DiskCacheMode db01 vdb none } finally { Pop-Location }
        Test-Path "$folder/here/journal.db" | Should -BeTrue
        Push-Location $folder
        try { (Get-VMTuningHistory).Title | Should -Be 'disk vdb: cache=none' } finally { Pop-Location }
    }

    It 'refuses a folder that is a link, says so, and touches neither the VM nor what the link leads to' {
        $target = (New-Item -ItemType Directory (Join-Path $TestDrive ([guid]::NewGuid()))).FullName
        $null = New-Item -ItemType SymbolicLink -Path $env:KVMTUNE_HOME -Target $target
        foreach ($command in { Set-DiskCacheMode db01 vdb none }, { Get-VMTuningHistory }, { Undo-VMTuning db01 -Last }, { Checkpoint-VMTuning db01 x }) {
            $captured = Invoke-Captured $command
            $captured.Ids | Should -Be JournalUnsafe -Because "$command"
            "$($captured.Errors[0])" | Should -Match "is a link.*KVMTUNE_HOME"
        }
        Get-ChildItem $target -Force | Should -BeNullOrEmpty
        (Get-VMTopology db01).PendingRestart | Should -BeNullOrEmpty
    }

    It 'says when what was changed how, from what to what, by whom and where' {
        $result = Set-DiskCacheMode db01 vdb none
        $entry = Get-VMTuningHistory
        $entry.Id | Should -Be $result.JournalId
        $entry.VMName | Should -Be db01
        $entry.Title | Should -Be 'disk vdb: cache=none'
        "$($entry.Differences)" | Should -Be 'disk vdb cache: (not set) -> none'
        $entry.Outcome | Should -Be RestartPending
        $entry.Process | Should -Be "pwsh ($PID)"
        $entry.User | Should -Match ([Environment]::UserName)
        (& stat -c '%a' $env:KVMTUNE_HOME "$env:KVMTUNE_HOME/journal.db") -join ' ' | Should -Be '700 600'
    }

    It 'is asked by VM, area, time, outcome and kind' {
        $null = Set-DiskCacheMode db01 vdb none
        $null = Set-DiskCacheMode web01 vda none
        $null = Set-VcpuPin db01 0 0 -Scope Config -WarningAction Ignore
        @(Get-VMTuningHistory db*).Count | Should -Be 2
        @(Get-VMTuningHistory -Area Cpu).Title | Should -Be 'pin vCPU 0 to host CPU 0'
        @(Get-VMTuningHistory -Since 1h).Count | Should -Be 3
        @(Get-VMTuningHistory -Since ([datetime]::Now.AddHours(1))).Count | Should -Be 0
        @(Get-VMTuningHistory -Outcome Interrupted).Count | Should -Be 0
        @(Get-VMTuningHistory -Kind HostChange).Count | Should -Be 0
        (Invoke-Captured { Get-VMTuningHistory -Id 99 }).Ids | Should -Be JournalEntryNotFound
    }

    It 'undoes by -Last step by step, by -Id, and an undo too' {
        $first = Set-DiskCacheMode db01 vdb none
        $second = Set-DiskCacheMode db01 vda none -WarningAction Ignore
        (Undo-VMTuning db01 -Last -WarningAction Ignore).Title | Should -Match 'vda'
        $undo = Undo-VMTuning db01 -Last -WarningAction Ignore
        $undo.Title | Should -Match 'vdb'
        @((Get-VMTopology db01).Configured.Disks.Cache) -ne $null | Should -BeNullOrEmpty
        (Get-VMTuningHistory -Id $first.JournalId).UndoneBy | Should -Be $undo.JournalId
        $null = Undo-VMTuning -Id $undo.JournalId -WarningAction Ignore
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -Be none
        (Invoke-Captured { Undo-VMTuning db01 -Last -WhatIf }).Errors | Should -BeNullOrEmpty
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -Be none
    }

    It 'stops where the same setting was changed again, unless forced, and says what is there' {
        $first = Set-DiskCacheMode db01 vdb none
        $null = Set-DiskCacheMode db01 vdb directsync -WarningAction Ignore
        $captured = Invoke-Captured { $first | Undo-VMTuning -WarningAction Ignore }
        $captured.Ids | Should -Be UndoCollides
        "$($captured.Errors[0])" | Should -Match "'directsync' now"
        $null = $first | Undo-VMTuning -Force -WarningAction Ignore
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -BeNullOrEmpty
    }

    It 'says that there is nothing to undo: <What>' -ForEach @(
        @{ What = 'a change that changed nothing'; Make = { Set-DiskCacheMode db01 vdb default }; Says = 'changed nothing' }
        @{ What = 'what somebody took back by hand'; Make = {
                $change = Set-DiskCacheMode db01 vdb none
                $null = Set-DiskCacheMode db01 vdb default -WarningAction Ignore
                $change
            }; Says = 'nothing of .* was left'
        }
    ) {
        $change = & $Make
        $captured = Invoke-Captured { $change | Undo-VMTuning -Force }
        $captured.Errors | Should -BeNullOrEmpty
        $captured.Warnings -join "`n" | Should -Match $Says
    }

    It 'asks in words for what an undo needs' {
        $null = Set-DiskCacheMode db01 vdb none
        foreach ($command in { Undo-VMTuning db01 }, { Undo-VMTuning }) {
            $captured = Invoke-Captured $command
            "$($captured.Errors[0])" | Should -Match '-Last.*-Id|-Id.*-Last' -Because "$command"
        }
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -Be none
    }

    It 'needs a verdict for -Unless, and keeps the change without one' {
        $captured = Invoke-Captured { Set-DiskCacheMode db01 vdb none | Undo-VMTuning -Unless Improved }
        $captured.Ids | Should -Be VerdictMissing
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -Be none
    }

    It 'warns of a second change that nobody measured between, and names the first' {
        $null = Set-DiskCacheMode db01 vdb none
        $captured = Invoke-Captured { Set-DiskCacheMode db01 vda none }
        @($captured.Warnings) -match 'disk vdb: cache=none' | Should -HaveCount 1
        @((Invoke-Captured { Set-DiskCacheMode web01 vda none }).Warnings) -match 'not measured' | Should -HaveCount 0
    }

    It 'completes ids to the changes, the newest first, and says what they were' {
        $first = Set-DiskCacheMode db01 vdb none
        $second = Set-DiskCacheMode db01 vda none -WarningAction Ignore
        foreach ($cmdlet in 'Undo-VMTuning', 'Get-VMTuningHistory') {
            $found = (TabExpansion2 "$cmdlet -Id ").CompletionMatches
            $found[0..1].CompletionText | Should -Be "$($second.JournalId)", "$($first.JournalId)"
            $found[0].ToolTip | Should -Match 'db01: disk vda: cache=none'
        }
    }

    It 'goes back to a checkpoint, in one change that can be undone' {
        $null = Checkpoint-VMTuning db01 quiet
        (Invoke-Captured { Checkpoint-VMTuning db01 quiet }).Ids | Should -Be CheckpointExists
        $null = Set-DiskCacheMode db01 vdb none
        $null = Set-VcpuPin db01 0 0 -Scope Config -WarningAction Ignore
        (Invoke-Captured { Restore-VMTuning db01 loud }).Ids | Should -Be CheckpointNotFound
        $restored = Restore-VMTuning db01 quiet -WarningAction Ignore
        $now = (Get-VMTopology db01).Configured
        @($now.Disks.Cache) -ne $null | Should -BeNullOrEmpty
        $now.VcpuPins.Count | Should -Be 0
        $null = $restored | Undo-VMTuning -WarningAction Ignore
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -Be none
    }

    It 'undoes no measurement and no checkpoint, and does not take their numbers for those of changes' {
        $change = Set-DiskCacheMode db01 vdb none
        $null = Checkpoint-VMTuning db01 before
        $null = Checkpoint-VMTuning db01 after
        $measurement = New-EngineObject Journal.JournalEntry @{
            Id = $change.JournalId; Kind = 'Measurement'; VMName = 'db01'; VMId = $change.VMId; ConnectionUri = $uri; Area = 'General'
            Title = 'RandomWrite: 200 IOPS'; StartedAt = [datetimeoffset]::Now; Outcome = 'Recorded'; User = 'root'; Process = ''
        }
        $captured = Invoke-Captured { $measurement | Undo-VMTuning }
        $captured.Ids | Should -Be NotUndoable
        "$($captured.Errors[0])" | Should -Match 'RandomWrite: 200 IOPS.* is a measurement'
        $captured = Invoke-Captured { Get-VMTuningHistory -Kind Checkpoint | Undo-VMTuning }
        $captured.Ids | Should -Be NotUndoable, NotUndoable
        "$($captured.Errors[0])" | Should -Match 'before.* is a checkpoint.*Restore-VMTuning'
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -Be none
    }

    It 'shows a checkpoint by its number, once' {
        $null = Checkpoint-VMTuning db01 one
        $null = Checkpoint-VMTuning db01 two
        $all = @(Get-VMTuningHistory -Kind Checkpoint)
        @(Get-VMTuningHistory -Kind Checkpoint -Id $all[1].Id).Title | Should -Be two
        @(Get-VMTuningHistory -Kind Checkpoint -Id $all.Id).Title | Should -Be one, two
        @(Get-VMTuningHistory -Kind Checkpoint -Id $all[0].Id, $all[0].Id).Count | Should -Be 1
        (TabExpansion2 'Get-VMTuningHistory -Kind Checkpoint -Id ').CompletionMatches.ToolTip | Should -Match 'db01: (one|two)'
    }

    It 'says of an undo that brings a risk back so once, with -WhatIf in its text only' {
        $null = Set-DiskCacheMode db01 vda writeback -Force -WarningAction Ignore
        $null = Set-DiskCacheMode db01 vda none -WarningAction Ignore
        $command = { Undo-VMTuning db01 -Last -WhatIf }
        (Invoke-Captured $command).Warnings | Should -BeNullOrEmpty
        [regex]::Matches((Get-PrintedText $command), 'WritebackHoldsData').Count | Should -Be 1
        $captured = Invoke-Captured { Undo-VMTuning db01 -Last }
        @($captured.Warnings) -match 'WritebackHoldsData' | Should -HaveCount 1
        @($captured.Warnings) -cmatch '\([A-Z]\w+\)' | Should -HaveCount 1
    }

    It 'goes back to a checkpoint of a VM that lost devices, and names them in one warning' {
        $null = Checkpoint-VMTuning db01 whole
        Disconnect-VMHost $uri
        $file = $uri -replace '^test://'
        Set-Content $file ((Get-Content $file -Raw) -replace '(?s)<disk type=.*?</disk>')
        $null = Connect-VMHost $uri
        $captured = Invoke-Captured { Restore-VMTuning db01 whole }
        $captured.Errors | Should -BeNullOrEmpty
        $captured.Warnings | Should -Be 'db01: not restored, since the VM no longer has them: disk vda, disk vdb.'
    }

    It 'forgets by age, not what was interrupted, and not without a yes' {
        $null = Set-DiskCacheMode db01 vdb none
        Remove-VMTuningHistory -OlderThan 1h -Confirm:$false
        @(Get-VMTuningHistory).Count | Should -Be 1
        Remove-VMTuningHistory -OlderThan ([datetime]::Now.AddMinutes(1)) -WhatIf
        @(Get-VMTuningHistory).Count | Should -Be 1
        Remove-VMTuningHistory db01 -OlderThan ([datetime]::Now.AddMinutes(1)) -Confirm:$false
        Get-VMTuningHistory | Should -BeNullOrEmpty
        (Invoke-Captured { Remove-VMTuningHistory -OlderThan soon }).Ids | Should -Be ParameterArgumentTransformationError
    }

    It 'refuses a change before anything is touched when it cannot be written' {
        Set-Content $env:KVMTUNE_HOME 'no folder'
        $captured = Invoke-Captured { Set-DiskCacheMode db01 vdb none }
        $captured.Ids | Should -Be JournalUnavailable
        (Get-VMTopology db01).Configured.Disks[1].Cache | Should -BeNullOrEmpty
    }
}

Describe 'What is shipped for it' {
    It 'is SQLite for Linux on x64 and arm64, with glibc and musl, and for nothing else' {
        $folder = Split-Path (Get-ModulePath)
        $native = Get-ChildItem $folder -Recurse -File | Where-Object Name -Match '\.(so|dylib|a)(\.\d+)*$|^(e_)?sqlite3\.dll$'
        $native | ForEach-Object { [System.IO.Path]::GetRelativePath($folder, $_.FullName) } | Sort-Object | Should -Be @(
            foreach ($runtime in 'linux-arm64', 'linux-musl-arm64', 'linux-musl-x64', 'linux-x64') { "dependencies/runtimes/$runtime/native/libe_sqlite3.so" })
        Get-ChildItem $folder -Recurse -File | Where-Object FullName -Match 'runtimes' | Should -HaveCount 4
    }
}

Describe 'The line with an undo at its end' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $env:KVMTUNE_HOME = Join-Path $TestDrive lab
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab1
        $before = Get-DomainText lab1
        $result = Measure-VMPerformance lab1 -Workload RandomWrite -Runs 2 -RunTime 2 -FileSizeMiB 64 |
            Set-DiskCacheMode -Disk vdb -Cache none -IO native -Restart |
            Measure-VMPerformance |
            Compare-VMPerformance |
            Undo-VMTuning -Unless Improved -WarningAction Ignore
    }
    AfterAll { Restore-Guest lab1 }

    It 'leaves the guest as it was, running and configured' {
        $result.Outcome | Should -Be Applied
        $result.Restarted | Should -BeTrue
        Get-DomainText lab1 | Should -Be $before
        (Get-QemuBlockDevice lab1 vdb).cache.direct | Should -Not -BeTrue
        Get-DomainState lab1 | Should -Be running
    }

    It 'stands in the history with the measurement on each side and the verdict' {
        $entry = Get-VMTuningHistory lab1 | Where-Object Undoes -EQ $null
        $entry.Baseline.Median | Should -BeGreaterThan 0
        $entry.Candidate.Median | Should -BeGreaterThan 0
        $entry.Verdict | Should -Be Inconclusive
        $entry.UndoneBy | Should -Be $result.JournalId
        @(Get-VMTuningHistory lab1 -Kind Measurement).Count | Should -Be 2
        (Get-VMTuningHistory lab1 -Kind Change, Measurement).Kind | Sort-Object -Unique | Should -Be Change, Measurement
    }

    It 'takes a live pin back, in the kernel too' {
        $pin = Set-VcpuPin lab1 0 1 -WarningAction Ignore
        Get-VcpuAffinity lab1 0 | Should -Be 1
        $null = $pin | Undo-VMTuning
        Get-VcpuAffinity lab1 0 | Should -Be (Get-HostCpuList)
        Get-DomainText lab1 | Should -Be $before
    }

    It 'goes back to a checkpoint, in the kernel too; a report shows what was tried; and what is forgotten is gone' {
        $null = Checkpoint-VMTuning lab1 before
        $null = Set-VcpuPin lab1 0 1 -WarningAction Ignore
        $null = Restore-VMTuning lab1 before -WarningAction Ignore
        Get-VcpuAffinity lab1 0 | Should -Be (Get-HostCpuList)
        Get-DomainText lab1 | Should -Be $before
        Get-Content (Export-VMTuningReport lab1 -Path "$TestDrive/lab1.html") -Raw | Should -Match 'disk vdb: cache=none, io=native'
        Remove-VMTuningHistory lab1 -OlderThan ([datetime]::Now.AddMinutes(1)) -Confirm:$false
        Get-VMTuningHistory lab1 | Should -BeNullOrEmpty
    }
}
