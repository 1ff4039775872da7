# Runs the Pester suite, or the part of it with certain tags, in a separate PowerShell; writes counts and times to the files that
# bootstrap.sh reads.
[CmdletBinding()]
param(
    [string] $CountsPath,
    [string] $TimesPath,
    [string] $Filter = '*',
    # With powershell -File an array arrives as one word.
    [string] $Tag,
    [string] $ExcludeTag
)
# Not $ErrorActionPreference: with -File this script's variables are global, and would make every error of a test terminating.
# The copy from the build, and no other one on this machine.
$pester = Join-Path $PSScriptRoot '../../out/tools/Pester/Pester.psd1'
if (-not (Test-Path $pester)) { throw "Pester is not in out/tools. Lay it out with: dotnet build tools/TestTools" }
Import-Module $pester -ErrorAction Stop
$configuration = New-PesterConfiguration
# The Debian package's tests need root and create roots of Debian: they run separately, ./bootstrap.sh test package.
$configuration.Run.Path = Get-ChildItem $PSScriptRoot -Filter "$Filter.Tests.ps1" | Where-Object { $Filter -ne '*' -or $_.Name -ne 'DebianPackage.Tests.ps1' } | ForEach-Object FullName
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
if ($Tag) { $configuration.Filter.Tag = $Tag -split ',' }
if ($ExcludeTag) { $configuration.Filter.ExcludeTag = $ExcludeTag -split ',' }
$env:KVMTUNE_TEST_HOME = Join-Path ([System.IO.Path]::GetTempPath()) "kvmtune-tests-$PID"
try { $result = Invoke-Pester -Configuration $configuration } finally { Remove-Item $env:KVMTUNE_TEST_HOME -Recurse -ErrorAction Ignore }
if ($CountsPath) {
    # A file that could not be run counts as a failure: a missing test must not look like a passed one. Tests that the tags exclude do not belong
    # to this run.
    $failed = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount
    Set-Content $CountsPath "$($result.PassedCount) $failed $($result.SkippedCount)"
}
if ($TimesPath) {
    # The code before and after the tests of a block has its own line, because preparing a guest takes time there. Pester counts the duration of a
    # block from the start of the first block beside it.
    function Get-Time($Blocks) {
        $before = [timespan]::Zero
        foreach ($block in $Blocks | Where-Object ShouldRun) { Get-BlockTime $block ($block.Duration - $before); $before = $block.Duration }
    }
    function Get-BlockTime($Block, [timespan] $Duration) {
        $around = $Duration
        foreach ($test in $Block.Tests) { $around -= $test.Duration; '{0:f2} Pester: {1}' -f $test.Duration.TotalSeconds, $test.ExpandedPath }
        Get-Time $Block.Blocks
        $around -= ($Block.Blocks | Where-Object ShouldRun | Select-Object -Last 1)?.Duration ?? [timespan]::Zero
        '{0:f2} Pester: {1} (around its tests)' -f [Math]::Max(0, $around.TotalSeconds), ($Block.ExpandedPath ?? $Block.Name)
    }
    Set-Content $TimesPath @($result.Containers | ForEach-Object { Get-Time $_.Blocks } | ForEach-Object { $_ -replace '\s+', ' ' })
}
if ($result.Result -ne 'Passed') {
    # Once more at the end, with the errors, for readers who see only the end of a long log.
    foreach ($failed in @($result.Failed) + @($result.FailedBlocks) + @($result.FailedContainers)) {
        $said = "$($failed.ErrorRecord | Select-Object -First 1)"
        "FAILED $($failed.ExpandedPath ?? $failed.Item): $($said.Substring(0, [Math]::Min(1000, $said.Length)))"
    }
    exit 1
}
