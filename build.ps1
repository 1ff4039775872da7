#!/usr/bin/env pwsh
# The steps of bootstrap.sh for a PowerShell user.
[CmdletBinding()]
param(
    # Build lays the module out in out/KvmTune; Test runs every test on the lab; Analyze builds with all analysers and
    # checks the style; Pack makes two packages of the module in out/: one that Install-PSResource takes from a local repository or a
    # gallery, and one for Debian and Ubuntu.
    [ValidateSet('Build', 'Test', 'Analyze', 'Pack')]
    [string] $Task = 'Build',

    # Pack: takes the module as it lies in out/KvmTune, and does not build it anew.
    [switch] $NoBuild,

    # Pack: which packages. Debian's needs dpkg-deb.
    [ValidateSet('NuGet', 'Debian')]
    [string[]] $Package = @('NuGet', 'Debian'),

    # Pack: the folder for the packages.
    [string] $OutputPath = 'out'
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 3
Push-Location $PSScriptRoot
try {
    function Invoke-Native([string] $Command, [string[]] $Arguments) {
        & $Command @Arguments
        if ($LASTEXITCODE -ne 0) { throw "$Command $Arguments ended with exit code $LASTEXITCODE." }
    }

    # The version with the label of a prerelease, as Install-PSResource names it.
    function Get-ModuleVersion([string] $Module) {
        $manifest = Import-PowerShellDataFile (Join-Path $Module 'KvmTune.psd1')
        $label = $manifest.PrivateData.PSData['Prerelease']
        $manifest.ModuleVersion + $(if ($label) { "-$label" })
    }

    # A PowerShell module as a NuGet package: its files at the root, and tags that say what is in it, as PowerShellGet writes them.
    function New-NuGetPackage([string] $Module, [string] $Folder) {
        $manifest = Import-PowerShellDataFile (Join-Path $Module 'KvmTune.psd1')
        $data = $manifest.PrivateData.PSData
        $version = Get-ModuleVersion $Module
        $tags = @($data.Tags) + 'PSModule' + 'PSIncludes_Cmdlet' + @($manifest.CmdletsToExport | ForEach-Object { "PSCmdlet_$_"; "PSCommand_$_" })
        $facts = [ordered] @{
            id = 'KvmTune'; version = $version; authors = $manifest.Author; owners = $manifest.CompanyName
            requireLicenseAcceptance = 'false'; description = $manifest.Description; releaseNotes = $data.ReleaseNotes
            copyright = $manifest.Copyright; tags = $tags -join ' '
        }
        $elements = foreach ($name in $facts.Keys) { "    <$name>$([System.Security.SecurityElement]::Escape($facts[$name]))</$name>" }
        # In a folder of its own: NuGet looks through the one that the file is in.
        $work = [System.IO.Directory]::CreateTempSubdirectory('kvmtune-').FullName
        $nuspec = Join-Path $work 'KvmTune.nuspec'
        Set-Content $nuspec @"
<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
  <metadata>
$($elements -join "`n")
    <license type="expression">MIT</license>
    <dependencies />
  </metadata>
  <files>
    <file src="$([System.Security.SecurityElement]::Escape((Resolve-Path $Module)))/**" target="" />
  </files>
</package>
"@
        try {
            $null = New-Item -ItemType Directory -Force $Folder
            # NuGet's own rules ask for libraries in lib/; a module's stand at the root.
            $output = & dotnet pack $nuspec --output $Folder '-p:NoPackageAnalysis=true' -v quiet 2>&1
            if ($LASTEXITCODE -ne 0) { throw "dotnet pack ended with exit code $LASTEXITCODE`: $output" }
            Get-Item (Join-Path $Folder "KvmTune.$version.nupkg")
        }
        finally { Remove-Item $work -Recurse }
    }

    # A Debian package; packaging/debian says what is in it.
    function New-DebianPackage([string] $Module, [string] $Folder) {
        $file = & packaging/debian/build.sh $Module (Get-ModuleVersion $Module) $Folder
        if ($LASTEXITCODE -ne 0) { throw "packaging/debian/build.sh ended with exit code $LASTEXITCODE." }
        Get-Item $file
    }

    switch ($Task) {
        'Build' { Invoke-Native dotnet @('publish', 'src/KvmTune.Cmdlets', '-c', 'Release') }
        'Test' { Invoke-Native ./bootstrap.sh @('test') }
        'Analyze' {
            Invoke-Native dotnet @('build', 'KvmTune.slnx', '-c', 'Release', '--no-incremental')
            Invoke-Native dotnet @('format', 'KvmTune.slnx', '--verify-no-changes', '--no-restore')
        }
        'Pack' {
            if (-not $NoBuild) { Invoke-Native dotnet @('publish', 'src/KvmTune.Cmdlets', '-c', 'Release') }
            $module = 'out/KvmTune'
            if (-not (Test-Path "$module/KvmTune.psd1")) { throw "There is no module in $module; leave -NoBuild out." }
            switch ($Package) {
                'NuGet' { New-NuGetPackage $module $OutputPath }
                'Debian' { New-DebianPackage $module $OutputPath }
            }
        }
    }
}
finally {
    Pop-Location
}
