# Runs the Pester suite, or the part of it that has certain tags, in a PowerShell of its own; writes counts and times where
# bootstrap.sh reads them.
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
# The one that the build laid out, and no other that this machine may have.
$pester = Join-Path $PSScriptRoot '../../out/tools/Pester/Pester.psd1'
if (-not (Test-Path $pester)) { throw "Pester is not in out/tools. Lay it out with: dotnet build tools/TestTools" }
Import-Module $pester -ErrorAction Stop
$configuration = New-PesterConfiguration
# The Debian package's tests need root and make roots of Debian: they are a run of their own, ./bootstrap.sh test package.
$configuration.Run.Path = Get-ChildItem $PSScriptRoot -Filter "$Filter.Tests.ps1" | Where-Object { $Filter -ne '*' -or $_.Name -ne 'DebianPackage.Tests.ps1' } | ForEach-Object FullName
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
if ($Tag) { $configuration.Filter.Tag = $Tag -split ',' }
if ($ExcludeTag) { $configuration.Filter.ExcludeTag = $ExcludeTag -split ',' }
$env:KVMTUNE_TEST_HOME = Join-Path ([System.IO.Path]::GetTempPath()) "kvmtune-tests-$PID"
try { $result = Invoke-Pester -Configuration $configuration } finally { Remove-Item $env:KVMTUNE_TEST_HOME -Recurse -ErrorAction Ignore }
if ($CountsPath) {
    # A file that could not be run counts as a failure: a test that does not exist must not look like one that passed. What the tags
    # leave out is no part of this run.
    $failed = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount
    Set-Content $CountsPath "$($result.PassedCount) $failed $($result.SkippedCount)"
}
if ($TimesPath) {
    # What stands before and after the tests of a block has its own line: a guest that is made ready costs there. Pester counts the
    # duration of a block from the start of the first one beside it.
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
    # Once more at the end, with what was said: whoever reads only the end of a long log sees what failed.
    foreach ($failed in @($result.Failed) + @($result.FailedBlocks) + @($result.FailedContainers)) {
        $said = "$($failed.ErrorRecord | Select-Object -First 1)"
        "FAILED $($failed.ExpandedPath ?? $failed.Item): $($said.Substring(0, [Math]::Min(1000, $said.Length)))"
    }
    exit 1
}
