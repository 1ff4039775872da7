@{
    RootModule           = 'KvmTune.Cmdlets.dll'
    # Imported before the root module: it lets the engine be found in the module's own load context.
    NestedModules        = @('KvmTune.LoadContext.dll')
    ModuleVersion        = '0.1.0'
    GUID                 = '7c2f6f0e-52a5-4c0a-9d2e-0b8c6d1b7a34'
    Author               = 'The KvmTune developers'
    CompanyName          = 'The KvmTune developers'
    Copyright            = '(c) The KvmTune developers. MIT licence.'
    Description          = 'Tunes KVM guests on Linux hosts: measure, find what is slow, change one thing, measure again, and say with honest statistics whether it helped.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('KvmTune.format.ps1xml')
    FunctionsToExport    = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    CmdletsToExport      = @(
        'Checkpoint-VMTuning'
        'Clear-DiskIOThread'
        'Clear-EmulatorPin'
        'Clear-IOThreadPin'
        'Clear-VcpuPin'
        'Compare-VMPerformance'
        'Connect-VMHost'
        'Disable-HugePages'
        'Disable-NicMultiqueue'
        'Disconnect-VMHost'
        'Enable-HugePages'
        'Enable-NicMultiqueue'
        'Export-VMTuningReport'
        'Find-VMBottleneck'
        'Get-HugePagePool'
        'Get-VMHostTopology'
        'Get-VMTopology'
        'Get-VMTuningHistory'
        'Invoke-VMExperiment'
        'Invoke-VMTuning'
        'Measure-VMPerformance'
        'New-VcpuPinPlan'
        'Optimize-VM'
        'Remove-VMTuningHistory'
        'Restart-VMDomain'
        'Restore-VMTuning'
        'Set-DiskCacheMode'
        'Set-DiskIOThread'
        'Set-DiskThrottle'
        'Set-EmulatorPin'
        'Set-HugePagePool'
        'Set-IOThreadPin'
        'Set-VcpuPin'
        'Set-VMCpuModel'
        'Set-VMNumaPolicy'
        'Show-VMComparison'
        'Show-VMHostMap'
        'Test-VMTuning'
        'Undo-VMTuning'
        'Watch-VMPerformance'
    )
    PrivateData          = @{
        PSData = @{
            Tags         = @('KVM', 'QEMU', 'libvirt', 'virtualization', 'performance', 'tuning', 'benchmark', 'Linux', 'PSEdition_Core')
            ProjectUri   = 'https://github.com/kvmtune/kvmtune'
            LicenseUri   = 'https://opensource.org/license/mit'
            ReleaseNotes = 'What changed in each version: CHANGELOG.md, beside this manifest.'
            Prerelease   = ''
        }
    }
}
