# Runs the Pester suite in a PowerShell of its own and writes the counts where bootstrap.sh reads them.
[CmdletBinding()]
param(
    [string] $CountsPath,
    [string] $Filter = '*'
)
# Not $ErrorActionPreference: with -File this script's variables are global, and would make every error of a test terminating.
# The one that the build laid out, and no other that this machine may have.
$pester = Join-Path $PSScriptRoot '../../out/tools/Pester/Pester.psd1'
if (-not (Test-Path $pester)) { throw "Pester is not in out/tools. Lay it out with: dotnet build tools/TestTools" }
Import-Module $pester -ErrorAction Stop
$configuration = New-PesterConfiguration
$configuration.Run.Path = Get-ChildItem $PSScriptRoot -Filter "$Filter.Tests.ps1" | ForEach-Object FullName
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$env:KVMTUNE_TEST_HOME = Join-Path ([System.IO.Path]::GetTempPath()) "kvmtune-tests-$PID"
try { $result = Invoke-Pester -Configuration $configuration } finally { Remove-Item $env:KVMTUNE_TEST_HOME -Recurse -ErrorAction Ignore }
if ($CountsPath) {
    # A file that could not be run counts as a failure: a test that does not exist must not look like one that passed.
    $failed = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount
    Set-Content $CountsPath "$($result.PassedCount) $failed $($result.SkippedCount + $result.NotRunCount)"
}
if ($result.Result -ne 'Passed') {
    # Once more at the end, with what was said: whoever reads only the end of a long log sees what failed.
    foreach ($failed in @($result.Failed) + @($result.FailedBlocks) + @($result.FailedContainers)) {
        $said = "$($failed.ErrorRecord | Select-Object -First 1)"
        "FAILED $($failed.ExpandedPath ?? $failed.Item): $($said.Substring(0, [Math]::Min(1000, $said.Length)))"
    }
    exit 1
}
