# The lab itself: resetting a guest restores its state after the boot, without a boot.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force

    # Each boot of a guest has its own id.
    function Get-BootId { Invoke-InGuest lab2 'cat /proc/sys/kernel/random/boot_id' }
}

Describe 'A guest that is reset' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    AfterAll { Restore-Guest lab2 }

    It 'has the definition and the disks of a new one, and the time of now, whatever was done to it' {
        Reset-Guest lab2
        $definition = Get-DomainText lab2
        $boot = Get-BootId
        $null = Invoke-InGuest lab2 'echo changed >/data/changed; echo changed >/root/changed; sync; date -s @1000000000'
        $null = Invoke-Virsh vcpupin lab2 0 0 --live --config
        Set-DomainText ((Get-DomainText lab2) -replace "(?s)<disk type='file' device='disk'>(.*?)<driver name='qemu' type='raw'/>", "<disk type='file' device='disk'>`$1<driver name='qemu' type='raw' cache='none'/>")
        Get-DomainText lab2 | Should -Not -Be $definition

        Reset-Guest lab2

        Get-DomainText lab2 | Should -Be $definition
        Get-VcpuAffinity lab2 0 | Should -Be (Get-HostCpuList)
        Get-DomainState lab2 | Should -Be running
        Get-BootId | Should -Be $boot
        Invoke-InGuest lab2 'ls /data /root | grep changed; true' | Should -BeNullOrEmpty
        $early = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
        $clock = [long] "$(Invoke-InGuest lab2 'date +%s')"
        $late = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
        $clock | Should -BeGreaterOrEqual ($early - 2)
        $clock | Should -BeLessOrEqual ($late + 2)
        { Invoke-Virsh qemu-agent-command lab2 '{"execute":"guest-ping"}' } | Should -Not -Throw
    }

    It 'is booted once for a variant, and resumed from then on: <_>' -ForEach 'kvmtune.fio=absent', 'kvmtune.agent=off' {
        Reset-Guest lab2 $_
        $boot = Get-BootId
        Reset-Guest lab2 $_
        Get-BootId | Should -Be $boot
        (Get-DomainXml lab2).domain.os.cmdline | Should -Match ([regex]::Escape($_))
        Invoke-InGuest lab2 'cat /proc/cmdline' | Should -Match ([regex]::Escape($_))
    }

    It 'starts as it was defined when it is started again' {
        Reset-Guest lab2
        $definition = Get-DomainText lab2
        $null = Invoke-Virsh destroy lab2
        $null = Invoke-Virsh start lab2
        Wait-Guest lab2
        Get-DomainText lab2 | Should -Be $definition
        Invoke-Virsh domstate lab2 --reason | Select-Object -First 1 | Should -Match 'booted'
    }
}
