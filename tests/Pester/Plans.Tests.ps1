# -WhatIf, -AsPlan and Invoke-VMTuning: no change before the user requests it, and none over another user's change in the meantime.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
}

Describe 'A plan' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { $null = Connect-VMHost (Get-LabUri) }
    BeforeEach {
        $name = 'pester plan'
        $id = New-LabDomain $name
        $before = Get-DomainText $name
    }
    AfterEach { Remove-LabDomain $id }

    It 'touches nothing, carries what it would do, and is applied by Invoke-VMTuning' {
        $plan = Set-VcpuPin $name 0 1 -AsPlan
        $plan.GetType().FullName | Should -Be KvmTune.Tuning.VMTuningPlan
        Get-DomainText $name | Should -Be $before
        $plan.HasChanges | Should -BeTrue
        $plan.Differences[0].ToString() | Should -Be 'vCPU 0 pin: (not set) -> 1'
        $plan.XmlDifference | Should -Match 'vcpupin'
        $plan.VirshCommand | Should -Match "vcpupin 'pester plan' 0 1 --config$"
        $result = $plan | Invoke-VMTuning
        $result.Outcome | Should -Be Applied
        Get-Pin $name 0 | Should -Be 1
    }

    It 'of several changes is applied one by one, in order' {
        $results = @((Set-VcpuPin $name 0 1 -AsPlan), (Set-DiskCacheMode $name vda none -AsPlan) | Invoke-VMTuning)
        $results.Outcome | Should -Be @('Applied', 'Applied')
        Get-Pin $name 0 | Should -Be 1
        Get-DiskOption $name vda cache | Should -Be none
    }

    It 'is refused with ConcurrentEdit when somebody changed the same setting since, whose edit stays' {
        $plan = Set-VcpuPin $name 0 1 -AsPlan
        $null = Invoke-Virsh vcpupin $name 0 0 --config
        $captured = Invoke-Captured { $plan | Invoke-VMTuning }
        $captured.Ids | Should -Be ConcurrentEdit
        "$($captured.Errors[0])" | Should -Match 'plan again'
        $captured.Output | Should -BeNullOrEmpty
        Get-Pin $name 0 | Should -Be 0
    }

    It 'is refused with ConcurrentEdit when the disk that it speaks of got another setting' {
        $plan = Set-DiskCacheMode $name vda directsync -AsPlan
        Set-DomainText $before.Replace("<driver name='qemu' type='raw'/>", "<driver name='qemu' type='raw' cache='none'/>")
        (Invoke-Captured { $plan | Invoke-VMTuning }).Ids | Should -Be ConcurrentEdit
        Get-DiskOption $name vda cache | Should -Be none
    }

    It 'leaves an edit of something else in its place' {
        $plan = Set-VcpuPin $name 0 1 -AsPlan
        $null = Invoke-Virsh desc $name --config --title 'edited meanwhile'
        $null = Invoke-Virsh vcpupin $name 1 0 --config
        ($plan | Invoke-VMTuning).Outcome | Should -Be Applied
        Get-Pin $name 0 | Should -Be 1
        Get-Pin $name 1 | Should -Be 0
        (Get-DomainXml $name).domain.title | Should -Be 'edited meanwhile'
    }

    It 'of a VM that is gone is an error, and the next plan is applied' {
        $goneId = New-LabDomain 'pester gone'
        $plans = (Set-VcpuPin 'pester gone' 0 1 -AsPlan), (Set-VcpuPin $name 0 1 -AsPlan)
        Remove-LabDomain $goneId
        $captured = Invoke-Captured { $plans | Invoke-VMTuning }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be $name
        Get-Pin $name 0 | Should -Be 1
    }

    It 'that breaks a rule is shown as such, and refused when it is applied' {
        $plan = Set-VcpuPin $name 0 999 -AsPlan
        $plan.Errors[0].RuleId | Should -Be PinToOnlineHostCpu
        (Invoke-Captured { $plan | Invoke-VMTuning }).Ids | Should -Be PinToOnlineHostCpu
        Get-DomainText $name | Should -Be $before
    }

    It 'with -WhatIf is printed and not applied: Invoke-VMTuning' {
        $plan = Set-DiskCacheMode $name vda none -AsPlan
        $text = Get-PrintedText { $plan | Invoke-VMTuning -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'disk vda cache: \(not set\) -> none'
        $text | Should -Match 'virsh -c .* update-device'
        Get-DomainText $name | Should -Be $before
    }

    It 'that was applied already changes nothing when it is applied again' {
        $plan = Set-VcpuPin $name 0 1 -AsPlan
        $null = $plan | Invoke-VMTuning
        $captured = Invoke-Captured { $plan | Invoke-VMTuning }
        # Another edit (here this very plan) changed the setting after the planning; the plan must never be "applied" twice.
        ($captured.Ids + $captured.Output.Outcome) -join '' | Should -Match '^(ConcurrentEdit|NoChange)$'
        Get-Pin $name 0 | Should -Be 1
    }

    It 'is wanted, not a name: anything else is refused' {
        (Invoke-Captured { 'lab1' | Invoke-VMTuning }).Ids | Should -Be InputObjectNotBound
    }
}
