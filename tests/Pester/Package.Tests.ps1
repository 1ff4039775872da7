# The NuGet package of build.ps1 -Task Pack: its content, and that it can be installed from a local repository.
BeforeDiscovery {
    $canInstall = [bool] (Get-Command Install-PSResource -ErrorAction Ignore)
    if (-not $canInstall) {
        Write-Warning 'THE PACKAGE IS NOT INSTALLED BY THIS TEST: this PowerShell has no Install-PSResource (Microsoft.PowerShell.PSResourceGet). Its layout is checked, and it is unpacked where a module is looked for.'
    }
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $folder = Join-Path $TestDrive repository
    $package = & "$root/build.ps1" -Task Pack -NoBuild -Package NuGet -OutputPath $folder
    $unpacked = Join-Path $TestDrive 'modules/KvmTune'
    [System.IO.Compression.ZipFile]::ExtractToDirectory($package.FullName, $unpacked)
    $manifest = Import-PowerShellDataFile "$unpacked/KvmTune.psd1"
    $nuspec = ([xml] (Get-Content "$unpacked/KvmTune.nuspec" -Raw)).package.metadata
}

Describe 'The package' {
    It 'is named by the module and its version' {
        $package.Name | Should -Be "KvmTune.$($manifest.ModuleVersion)$(if ($manifest.PrivateData.PSData.Prerelease) { "-$($manifest.PrivateData.PSData.Prerelease)" }).nupkg"
    }

    It 'says in its nuspec what the manifest says' {
        $nuspec.id | Should -Be KvmTune
        $nuspec.version | Should -Match "^$([regex]::Escape($manifest.ModuleVersion))"
        $nuspec.description | Should -Be $manifest.Description
        $nuspec.releaseNotes | Should -Be $manifest.PrivateData.PSData.ReleaseNotes
        $nuspec.license.'#text' | Should -Be MIT
        $tags = $nuspec.tags -split ' '
        $tags | Should -Contain PSModule
        foreach ($cmdlet in $manifest.CmdletsToExport) { $tags | Should -Contain "PSCmdlet_$cmdlet" }
    }

    It 'has what the module folder has, and nothing else' {
        $built = Get-ChildItem "$root/out/KvmTune" -Recurse -File | ForEach-Object { [System.IO.Path]::GetRelativePath("$root/out/KvmTune", $_.FullName) } | Sort-Object
        $packed = Get-ChildItem $unpacked -Recurse -File -Force | ForEach-Object { [System.IO.Path]::GetRelativePath($unpacked, $_.FullName) } |
            Where-Object { $_ -notmatch '^(_rels|package)/|\[Content_Types\]\.xml$|\.nuspec$' } | Sort-Object
        $packed | Should -Be $built
        $packed | Should -Contain 'en-US/KvmTune.Cmdlets.dll-Help.xml'
    }

    It 'has the licence of everything that it ships' {
        Get-Content "$unpacked/LICENSE" -Raw | Should -Match 'MIT License'
        $notices = Get-Content "$unpacked/THIRD-PARTY-NOTICES.txt" -Raw
        foreach ($library in Get-ChildItem "$unpacked/dependencies" -Recurse -Filter *.dll | Where-Object Name -NotLike 'KvmTune.*') {
            # An assembly's name can differ from its package's: SQLitePCLRaw.batteries_v2 comes from SQLitePCLRaw.config.e_sqlite3.
            $notices | Should -Match "(?m)^$([regex]::Escape(($library.BaseName -split '\.')[0]))[. ]" -Because "$($library.Name) is shipped"
        }
        if (Get-ChildItem "$unpacked/dependencies" -Recurse -Filter '*e_sqlite3.so') { $notices | Should -Match '(?m)^SourceGear\.sqlite3 ' }
        foreach ($bundled in '@observablehq/plot', 'd3-array') { $notices | Should -Match "(?m)^$bundled " -Because 'it is in the script of reports' }
        $notices | Should -Match 'Permission is hereby granted'
    }

    It 'is a module where it is unpacked' {
        $run = Invoke-Child @"
`$env:PSModulePath = '$TestDrive/modules' + [System.IO.Path]::PathSeparator + `$env:PSModulePath
(Get-Module KvmTune -ListAvailable | Select-Object -First 1).ModuleBase
(Get-VMTopology test -ConnectionUri test:///default).VMName
(Get-Help Set-VcpuPin).Synopsis.Trim()
"@
        $run.Output[0] | Should -Be $unpacked -Because $run.Text
        $run.Output[1] | Should -Be test -Because $run.Text
        $run.Output[2] | Should -Be 'Pins vCPUs of a VM to host CPUs.' -Because $run.Text
    }

    It 'is installed by Install-PSResource from a local repository' -Skip:(-not $canInstall) {
        $run = Invoke-Child @"
`$ErrorActionPreference = 'Stop'
Register-PSResourceRepository -Name KvmTuneTest -Uri '$folder' -Trusted
try {
    Save-PSResource KvmTune -Repository KvmTuneTest -Path (New-Item -ItemType Directory '$TestDrive/saved') -TrustRepository
    Install-PSResource KvmTune -Repository KvmTuneTest -TrustRepository -Reinstall
    (Get-InstalledPSResource KvmTune).Version.ToString()
    Import-Module KvmTune
    (Get-VMTopology test -ConnectionUri test:///default).VMName
    Remove-Module KvmTune
    Uninstall-PSResource KvmTune
}
finally { Unregister-PSResourceRepository KvmTuneTest }
"@
        $run.ExitCode | Should -Be 0 -Because $run.Text
        $run.Output[0] | Should -Be $manifest.ModuleVersion
        $run.Output[1] | Should -Be test
    }
}
