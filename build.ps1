#!/usr/bin/env pwsh
# The steps of bootstrap.sh for a PowerShell user.
[CmdletBinding()]
param(
    # Build lays the module out in out/KvmTune; Test runs every test on the lab; Analyze builds with all analysers and
    # checks the style; Pack makes a zip of the module in out/.
    [ValidateSet('Build', 'Test', 'Analyze', 'Pack')]
    [string] $Task = 'Build'
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 3
Push-Location $PSScriptRoot
try {
    function Invoke-Native([string] $Command, [string[]] $Arguments) {
        & $Command @Arguments
        if ($LASTEXITCODE -ne 0) { throw "$Command $Arguments ended with exit code $LASTEXITCODE." }
    }

    switch ($Task) {
        'Build' { Invoke-Native dotnet @('publish', 'src/KvmTune.Cmdlets', '-c', 'Release') }
        'Test' { Invoke-Native ./bootstrap.sh @('test') }
        'Analyze' {
            Invoke-Native dotnet @('build', 'KvmTune.slnx', '-c', 'Release', '--no-incremental')
            Invoke-Native dotnet @('format', 'KvmTune.slnx', '--verify-no-changes', '--no-restore')
        }
        'Pack' {
            Invoke-Native dotnet @('publish', 'src/KvmTune.Cmdlets', '-c', 'Release')
            $version = (Import-PowerShellDataFile out/KvmTune/KvmTune.psd1).ModuleVersion
            Push-Location out
            try { Invoke-Native tar @('-czf', "KvmTune-$version.tar.gz", 'KvmTune') } finally { Pop-Location }
            Get-Item "out/KvmTune-$version.tar.gz"
        }
    }
}
finally {
    Pop-Location
}
