# New-VcpuPinPlan and Show-VMHostMap: a placement as a plan that is explained, drawn, applied and undone.
# The test driver's host has three online CPUs and cannot pin live: the engine's tests cover hosts of every kind.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
}

Describe 'A placement on a host of the test driver' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive placement) 'db01', 'db02', 'web01'
        $null = Connect-VMHost $uri
        $cpus = (Get-VMHostTopology).OnlineCpus.Numbers
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'is one plan with one change for each VM, and touches nothing' {
        $before = (Get-VMTopology db01).Configured.ToString()
        $plan = New-VcpuPinPlan db01 -WarningAction Ignore
        $plan.GetType().FullName | Should -Be KvmTune.Placement.PlacementPlan
        $plan.Change.GetType().Name | Should -Be PlacementChange
        $plan.Placement.VcpuPins.Count | Should -Be 2
        $plan.HasChanges | Should -BeTrue
        $plan.VirshCommand | Should -Match 'vcpupin db01 0 \d+ --live --config'
        (Get-VMTopology db01).Configured.ToString() | Should -Be $before
    }

    It 'says why, in words, for each VM' {
        $plan = New-VcpuPinPlan db01 -WarningAction Ignore
        $plan.Reasons -join ' ' | Should -Match 'node'
        $plan.Reasons -join ' ' | Should -Match 'All vCPUs'
        $plan.Reasons -join ' ' | Should -Match 'Emulator and I/O threads'
        (Invoke-Captured { New-VcpuPinPlan db01 -Verbose -WarningAction Ignore }).Verbose -join ' ' | Should -Match 'db01: All vCPUs'
    }

    It 'places VMs together that come down one pipeline, and refuses the one that finds no room' {
        $captured = Invoke-Captured { Get-VMTopology db0? | New-VcpuPinPlan -WarningAction Ignore }
        $captured.Output.Count | Should -Be 1
        $captured.Ids | Should -Be HostCpusOvercommitted
        $plans = @(Get-VMTopology db0? | New-VcpuPinPlan -AllowOvercommit -WarningAction Ignore)
        $plans.VMName | Sort-Object | Should -Be db01, db02
        @($plans | ForEach-Object { $_.Placement.VcpuPins.Values } | Sort-Object -Unique).Count | Should -BeGreaterThan 2
    }

    It 'gives nothing to reserved CPUs, and refuses CPUs that are not there' {
        $plan = New-VcpuPinPlan db01 -ReservedCpu $cpus[0] -WarningAction Ignore
        $plan.Placement.VcpuPins.Values | Should -Not -Contain $cpus[0]
        $plan.Placement.ServiceCpus.Contains($cpus[0]) | Should -BeFalse
        (Invoke-Captured { New-VcpuPinPlan db01 -ReservedCpu 9999 }).Ids | Should -Be HostCpuNotFound
    }

    It 'refuses overcommit with the figures, VM by VM, unless it is allowed' {
        $reserved = $cpus[0..($cpus.Count - 2)]
        $captured = Invoke-Captured { New-VcpuPinPlan db01 -ReservedCpu $reserved -WarningAction Ignore }
        $captured.Ids | Should -Be HostCpusOvercommitted
        "$($captured.Errors[0])" | Should -Match 'needs 2 host CPUs of its own'
        $captured.Output | Should -BeNullOrEmpty
        $plan = New-VcpuPinPlan db01 -ReservedCpu $reserved -AllowOvercommit -WarningAction Ignore
        $plan.Shared | Should -Not -BeNullOrEmpty
    }

    It 'reports an unknown VM and places the others' {
        $captured = Invoke-Captured { New-VcpuPinPlan nobody, db01 -WarningAction Ignore }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be db01
    }

    It 'takes -ThreadPolicy <_>, and completes it' -ForEach Prefer, Require, Isolate {
        (New-VcpuPinPlan db01 -ThreadPolicy $_ -WarningAction Ignore).Placement.VcpuPins.Count | Should -Be 2
        $line = 'New-VcpuPinPlan db01 -ThreadPolicy '
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain $_
    }

    It 'takes -CoreKind <_>, and completes it' -ForEach Fast, Efficient, Any {
        (New-VcpuPinPlan db01 -CoreKind $_ -WarningAction Ignore).Placement.VcpuPins.Count | Should -Be 2
        $line = 'New-VcpuPinPlan db01 -CoreKind '
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain $_
    }

    It 'is the same whatever the order of the names' {
        $pins = { param($names) New-VcpuPinPlan $names -AllowOvercommit -WarningAction Ignore | Sort-Object VMName | ForEach-Object { "$($_.VMName) $($_.Placement.VcpuCpus) $($_.Placement.ServiceCpus)" } }
        $placed = & $pins db01, db02, web01
        @($placed).Count | Should -Be 3
        & $pins db02, web01, db01 | Should -Be $placed
    }

    It 'says that nothing moves when asked again' {
        $null = New-VcpuPinPlan db01 -Scope Config -WarningAction Ignore | Invoke-VMTuning -WarningAction Ignore
        $again = New-VcpuPinPlan db01 -Scope Config -WarningAction Ignore
        $again.HasChanges | Should -BeFalse
        $again.Reasons -join ' ' | Should -Match 'none moves'
        $null = Clear-VcpuPin db01 -Scope Config -WarningAction Ignore
        $null = Clear-EmulatorPin db01 -Scope Config -WarningAction Ignore
    }

    It 'is applied by Invoke-VMTuning, respected by the next plan, and not a change the second time' {
        $plan = New-VcpuPinPlan db01 -Scope Config -WarningAction Ignore
        ($plan | Invoke-VMTuning -WarningAction Ignore).Outcome | Should -BeIn Applied, RestartPending
        $configured = (Get-VMTopology db01).Configured
        foreach ($pin in $plan.Placement.VcpuPins.GetEnumerator()) { $configured.VcpuPins[$pin.Key].ToString() | Should -Be "$($pin.Value)" }
        $configured.EmulatorPin.ToString() | Should -Be $plan.Placement.ServiceCpus.ToString()
        (New-VcpuPinPlan db01 -Scope Config -WarningAction Ignore).HasChanges | Should -BeFalse
        $captured = Invoke-Captured { New-VcpuPinPlan db02 -WarningAction Ignore }
        $captured.Ids | Should -Be HostCpusOvercommitted
        "$($captured.Errors[0])" | Should -Match '2 carry pinned vCPUs'
        $null = Clear-VcpuPin db01 -Scope Config -WarningAction Ignore
        $null = Clear-EmulatorPin db01 -Scope Config -WarningAction Ignore
    }

    It 'advises against pinning once a session and VM, in one paragraph that applying the plan does not repeat' {
        $many = New-TestHost (Join-Path $TestDrive many) (1..9 | ForEach-Object { "vm0$_" })
        $captured = Invoke-Captured { New-VcpuPinPlan vm01 -Scope Config -ConnectionUri $many | Invoke-VMTuning }
        $captured.Errors | Should -BeNullOrEmpty
        $captured.Output.Outcome | Should -Be RestartPending
        foreach ($rule in 'PinningTakesFreedom', 'PinningLeavesTooFewCpus', 'SmallHostSharedWithUnpinned') {
            @($captured.Warnings) -match "\($rule\)" | Should -HaveCount 1
        }
        @($captured.Warnings) -match 'PinningTakesFreedom.*PinningLeavesTooFewCpus.*SmallHostSharedWithUnpinned' | Should -HaveCount 1
        (Invoke-Captured { New-VcpuPinPlan vm01 -Scope Config -ConnectionUri $many }).Warnings | Should -BeNullOrEmpty
        @((Invoke-Captured { New-VcpuPinPlan vm02 -Scope Config -AllowOvercommit -ConnectionUri $many }).Warnings) -match 'SmallHostSharedWithUnpinned' | Should -HaveCount 1
        Disconnect-VMHost $many -ErrorAction Ignore
    }

    It 'with -WhatIf is printed by Invoke-VMTuning and not applied' {
        Get-PrintedText { New-VcpuPinPlan db01 -WarningAction Ignore | Invoke-VMTuning -WhatIf -WarningAction Ignore } | Should -Match 'vcpupin'
        (Get-VMTopology db01).Configured.VcpuPins.Count | Should -Be 0
    }
}

Describe 'A placement on a host with nodes, some of whose VMs run' {
    BeforeAll { $null = Connect-VMHost test:///default }
    AfterAll { Disconnect-VMHost test:///default -ErrorAction Ignore }

    It 'refuses a VM with more memory than the nodes have, with the figures, and places its threads where the memory stays' {
        $captured = Invoke-Captured { New-VcpuPinPlan test -WarningAction Ignore }
        $captured.Ids | Should -Be HostMemoryShort
        "$($captured.Errors[0])" | Should -Match "'test' needs 8 GiB of memory, and the host has .* \(node 0: "
        $plan = New-VcpuPinPlan test -KeepNumaPolicy -WarningAction Ignore
        $plan.Placement.VcpuPins.Count | Should -Be 2
        $plan.Change.NumaPolicy | Should -BeNullOrEmpty
    }
}

Describe 'The view of a placement' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive views) 'db01', 'db02'
        $null = Connect-VMHost $uri
        $plan = New-VcpuPinPlan db01 -WarningAction Ignore
        $map = Show-VMHostMap
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'fits 100 columns: <Name>' -ForEach @(
        @{ Name = 'table'; Shown = { $plan | Out-String -Width 100 } }
        @{ Name = 'list'; Shown = { $plan | Format-List | Out-String -Width 100 } }
        @{ Name = 'picture of a plan'; Shown = { $plan | Format-Custom | Out-String -Width 100 } }
        @{ Name = 'picture of the host'; Shown = { $map | Out-String -Width 100 } }
        @{ Name = 'picture of all plans'; Shown = { New-VcpuPinPlan * -AllowOvercommit -WarningAction Ignore | Show-VMHostMap | Out-String -Width 100 } }
    ) {
        $text = (& $Shown) -replace '\e\[[0-9;]*m'
        $text.Trim() | Should -Not -BeNullOrEmpty
        (($text -split "`n") | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
    }

    It 'says why as a list' { $plan | Format-List | Out-String -Width 100 | Should -Match 'Why' }

    It 'draws the plan''s vCPUs as a0 and a1' {
        $picture = $plan | Show-VMHostMap | Out-String -Width 100
        $picture | Should -Match ':a0'
        $picture | Should -Match ':a1'
        $picture | Should -Match 'as planned'
    }

    It 'has no strokes but ASCII with -Ascii, and no colours when redirected' {
        $text = Show-VMHostMap -Ascii | Out-String -Width 100
        [System.Text.Encoding]::ASCII.GetString([System.Text.Encoding]::ASCII.GetBytes($text)) | Should -Be $text
        $run = Invoke-Child "Import-Module '$(Get-ModulePath)'; Show-VMHostMap '$uri'"
        $run.Text | Should -Match 'node 0'
        $run.Text | Should -Not -Match '\e\['
    }

    It 'is drawn once for plans that were made together' {
        @(New-VcpuPinPlan db01, db02 -AllowOvercommit -WarningAction Ignore | Show-VMHostMap).Count | Should -Be 1
    }

    It 'takes a host from the pipeline' { @(Get-VMHostTopology | Show-VMHostMap).Count | Should -Be 1 }
}

Describe 'A placement of a real guest' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { $null = Connect-VMHost (Get-LabUri) }
    AfterAll { Restore-Guest lab1 }

    It 'is applied live where the host has one node, and the kernel confirms every thread' {
        $plan = New-VcpuPinPlan lab1 -AllowOvercommit -WarningAction Ignore
        $result = $plan | Invoke-VMTuning -WarningAction Ignore
        $result.Outcome | Should -BeIn 'Applied', 'NoChange', 'RestartPending'
        if ($result.Outcome -eq 'Applied') {
            foreach ($pin in $plan.Placement.VcpuPins.GetEnumerator()) { Get-VcpuAffinity lab1 $pin.Key | Should -Be "$($pin.Value)" }
            ($result.Verifications | Where-Object { -not $_.IsMet }) | Should -BeNullOrEmpty
            Show-VMHostMap (Get-LabUri) | Out-String | Should -Match 'lab1'
        }
    }

    It 'is tried by Invoke-VMExperiment as one change, inside one load, with the kernel confirming every pin, and taken back whole' {
        Restore-Guest lab1
        $before = Get-DomainText lab1
        $plan = New-VcpuPinPlan lab1 -AllowOvercommit -KeepNumaPolicy -WarningAction Ignore
        $experiment = $plan | Invoke-VMExperiment -Workload Cpu -Runs 6 -Keep Never -WarningAction Ignore
        $experiment.Design | Should -Be Switchback
        $experiment.PairCount | Should -BeIn 5, 6
        $experiment.Candidate.CountedRuns.Count | Should -Be $experiment.PairCount
        $experiment.Change.Title | Should -Be $plan.Title
        @($experiment.Change.Verifications | Where-Object IsMet).Count | Should -BeGreaterOrEqual $plan.Placement.VcpuPins.Count
        @($experiment.Change.Verifications | Where-Object { -not $_.IsMet }) | Should -BeNullOrEmpty
        $experiment.Decision | Should -Be Undone
        Get-DomainText lab1 | Should -Be $before
        foreach ($vcpu in $plan.Placement.VcpuPins.Keys) { Get-VcpuAffinity lab1 $vcpu | Should -Be (Get-HostCpuList) }
    }
}
