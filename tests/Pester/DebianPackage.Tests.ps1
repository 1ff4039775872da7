# The Debian package of build.ps1 -Task Pack: its content; and in minimal roots of Debian 12 and 13: apt installs it, PowerShell finds it, it
# measures a guest of the lab, runs its samples, and its removal leaves only the journal. Needs root and, once, the network.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $folder = Join-Path $TestDrive packages
    $package = & "$root/build.ps1" -Task Pack -NoBuild -Package Debian -OutputPath $folder
    $manifest = Import-PowerShellDataFile "$root/out/KvmTune/KvmTune.psd1"
    function Get-Field([string] $Name) { & dpkg-deb --field $package.FullName $Name }
    # Package names in a relation field, without versions.
    function Get-Relation([string] $Name) { (Get-Field $Name) -split '[,|]' | ForEach-Object { ($_ -replace '\(.*').Trim() } }
}

Describe 'The Debian package' -Tag Package {
    It 'is named by the module, its version, and all kinds of machines' {
        $package.Name | Should -Be "kvmtune_$($manifest.ModuleVersion)_all.deb"
        Get-Field Version | Should -Be $manifest.ModuleVersion
        Get-Field Architecture | Should -Be all
    }

    It 'recommends libvirt and the measuring programs, and no web browser' {
        $wanted = Get-Relation Recommends
        foreach ($name in 'libvirt0', 'libvirt-clients', 'libvirt-daemon-system', 'fio', 'iperf3', 'sysbench') { $wanted | Should -Contain $name }
        @($wanted) + @(Get-Relation Depends) + @(Get-Relation Suggests) | Should -Not -Match 'chrom|firefox|browser|nodejs|npm'
        # Every Debian has the packages that an installation requires.
        Get-Relation Depends | Should -BeIn libc6, debconf, debconf-2.0
    }

    It 'has the module and the samples' {
        $unpacked = Join-Path $TestDrive unpacked
        & dpkg-deb -x $package.FullName $unpacked
        function Get-Name([string] $Folder) { Get-ChildItem $Folder -Recurse -File | ForEach-Object { [System.IO.Path]::GetRelativePath($Folder, $_.FullName) } | Sort-Object }
        $expected = Get-Name "$root/out/KvmTune" | Where-Object { $_ -ne 'LICENSE' -and $_ -notlike '*linux-musl*' }
        Get-Name "$unpacked/usr/lib/kvmtune/KvmTune" | Should -Be $expected
        Get-Name "$unpacked/usr/share/doc/kvmtune/examples" | Should -Be (@((Get-ChildItem "$root/samples/*.ps1").Name) + (Get-ChildItem "$root/samples/runbooks").Name.ForEach{ "runbooks/$_" } | Sort-Object)
        Get-Content "$unpacked/usr/share/doc/kvmtune/copyright" -Raw | Should -Match 'Permission is hereby granted'
        (& dpkg-deb -c $package.FullName | ForEach-Object { ($_ -split '\s+')[0, 1] -join ' ' } | Sort-Object -Unique) |
            Should -BeIn '-rw-r--r-- root/root', '-rwxr-xr-x root/root', 'drwxr-xr-x root/root'
    }

    It 'is the same, byte for byte, when it is made again by another user elsewhere' {
        $again = Join-Path $TestDrive again
        & bash -c 'umask 077; TZ=Asia/Jakarta LANG=id_ID.UTF-8 "$1" "$2" "$3" "$4" 2>/dev/null' - "$root/packaging/debian/build.sh" "$root/out/KvmTune" $manifest.ModuleVersion $again
        (Get-FileHash "$again/$($package.Name)").Hash | Should -Be (Get-FileHash $package).Hash
    }

    It 'sorts a prerelease before its release' {
        $file = & "$root/packaging/debian/build.sh" "$root/out/KvmTune" '9.9.0-preview1' $TestDrive 2>$null
        & dpkg --compare-versions (& dpkg-deb --field $file Version) lt '9.9.0'
        $LASTEXITCODE | Should -Be 0
    }

    It 'has no error that lintian knows' {
        $said = & lintian --allow-root --no-cfg $package.FullName 2>&1
        $said -match '^E: ' | Should -BeNullOrEmpty
        # lintian ends with 2 if it found errors, and with another number if it could not check.
        $LASTEXITCODE | Should -Be 0 -Because ($said -join "`n")
    }
}

Describe 'In a bare Debian: <Suite>' -Tag Package, Lab -ForEach @{ Suite = 'bookworm' }, @{ Suite = 'trixie' } {
    BeforeAll {
        $debian = Join-Path $TestDrive $Suite
        $tool = "$root/tests/package/debian-root.sh"
        # Runs a command in the root, checks its exit code and returns its output.
        function Invoke-InRoot([string[]] $Command, [int] $ExitCode = 0) {
            $output = @(& $tool enter $debian @Command 2>&1 | ForEach-Object { "$_" })
            if ($LASTEXITCODE -ne $ExitCode) { throw "$Command in $Suite ended with exit code $LASTEXITCODE`: $($output -join "`n")" }
            $output
        }
        function Invoke-PowerShellInRoot([string] $Script) {
            # If PowerShell is a .NET tool, its child processes see it as dotnet; its session starts like an admin's.
            Set-Content "$debian/tmp/test.ps1" "`$ErrorActionPreference = 'Stop'; `$ProgressPreference = 'SilentlyContinue'; `$PSStyle.OutputRendering = 'PlainText'`n$Script"
            Invoke-InRoot pwsh, -NoProfile, -NonInteractive, -File, /tmp/test.ps1
        }
        # All files, except for those that apt, dpkg and debconf keep for every package, and those of .NET in /tmp.
        function Get-FileList {
            Invoke-InRoot find, /, -xdev, -not, -type, d, -o, -empty | Where-Object {
                $_ -notmatch '^/(proc|sys|dev|run|tmp|opt/powershell|var/log|var/cache|var/lib/apt|var/lib/dpkg/(?!info/)|root/\.(cache|local|dotnet|config))(/|$)|\.dat-old$'
            } | Sort-Object
        }
        & $tool make $Suite $debian
        if ($LASTEXITCODE -ne 0) { throw "$tool make $Suite ended with exit code $LASTEXITCODE." }
        Copy-Item $package.FullName $debian/root
        $file = "/root/$($package.Name)"
        $null = Invoke-InRoot apt, install, -y, --no-install-recommends, libvirt0
        $bare = Get-FileList
        # As an admin does. The additional packages of apt, a gigabyte with QEMU, are only simulated, except for libvirt's library.
        $everything = Invoke-InRoot apt-get, --simulate, install, $file
        $installed = Invoke-InRoot apt, install, -y, --no-install-recommends, $file
        $link = "/usr/local/share/powershell/Modules/KvmTune/$($manifest.ModuleVersion)"
        $journal = "$debian/var/lib/kvmtune"
    }

    It 'is installed by apt' {
        Invoke-InRoot dpkg-query, -W, '-f=${db:Status-Status}', kvmtune | Should -Be installed -Because ($installed -join "`n")
        Invoke-InRoot dpkg, -V, kvmtune | Should -BeNullOrEmpty
    }

    It 'would bring libvirt and the measuring programs, and no web browser' {
        $brought = $everything | Where-Object { $_ -match '^Inst (\S+)' } | ForEach-Object { $Matches[1] }
        foreach ($name in 'kvmtune', 'libvirt-daemon-system', 'libvirt-clients', 'fio', 'iperf3', 'sysbench') { $brought | Should -Contain $name }
        $brought | Should -Not -Match '^(chromium|firefox|epiphany|falkon|konqueror|qutebrowser|midori|nodejs|npm)'
    }

    It 'is found by PowerShell, by its name, with its help' {
        $said = Invoke-PowerShellInRoot @'
(Get-Module KvmTune -ListAvailable).ModuleBase
(Get-VMTopology test -ConnectionUri test:///default).VMName
(Get-Module KvmTune).Version.ToString()
(Get-Help Set-VcpuPin).Synopsis.Trim()
'@
        $said | Should -Be $link, test, $manifest.ModuleVersion, 'Pins vCPUs of a VM to host CPUs.'
    }

    It 'measures a guest of the lab' {
        $said = Invoke-PowerShellInRoot @'
$measured = Measure-VMPerformance lab1 -Workload Cpu -Runs 2 -RunTime 2s
$measured.VMName; $measured.CountedRuns.Count; $measured.Median -gt 0
'@
        $said | Should -Be lab1, 2, True
        Test-Path "$journal/journal.db" | Should -BeTrue
    }

    It 'runs the sample <_> from where it is installed' -ForEach @((Get-ChildItem "$PSScriptRoot/../../samples/*.ps1").Name) {
        $said = Invoke-PowerShellInRoot @"
`$PSDefaultParameterValues = @{
    'Measure-VMPerformance:Runs' = 2; 'Measure-VMPerformance:RunTime' = '2s'; 'Demo-OwnLoad.ps1:Confirm' = `$false; 'Experiment-DiskCacheMode.ps1:RunTime' = 2
    'Experiment-DiskCacheMode.ps1:Runs' = 2; 'Experiment-DiskCacheMode.ps1:Design' = 'Sequential'; 'Experiment-DiskCacheMode.ps1:Force' = `$true
}
& /usr/share/doc/kvmtune/examples/$_
(Get-Module KvmTune).ModuleBase
"@
        $said[-1] | Should -Be $link
        $said -join "`n" | Should -Match 'Verdict'
    }

    It 'leaves nothing but the journal when it is removed, and that too when purge is answered so' {
        $ours = { $_ -notlike '/var/lib/kvmtune/*' }
        $null = Invoke-InRoot apt, remove, -y, kvmtune
        $left = Get-FileList
        Test-Path "$journal/journal.db" | Should -BeTrue
        # dpkg keeps these files until a purge.
        $left | Where-Object $ours | Where-Object { $_ -notin $bare } | Should -Be '/var/lib/dpkg/info/kvmtune.list', '/var/lib/dpkg/info/kvmtune.postrm'

        # Without a question: the journal stays.
        $said = Invoke-InRoot apt, purge, -y, kvmtune
        $said -match 'the journal of changes stays in /var/lib/kvmtune' | Should -Not -BeNullOrEmpty
        Test-Path "$journal/journal.db" | Should -BeTrue
        Get-FileList | Where-Object $ours | Should -Be $bare

        # The question is answered with yes.
        $null = Invoke-InRoot apt, install, -y, --no-install-recommends, $file
        Invoke-InRoot readlink, $link | Should -Be /usr/lib/kvmtune/KvmTune
        $null = Invoke-InRoot sh, -c, 'echo "kvmtune kvmtune/remove-journal boolean true" | debconf-set-selections'
        $null = Invoke-InRoot apt, purge, -y, kvmtune
        Test-Path $journal | Should -BeFalse
        Get-FileList | Should -Be $bare
    }

    It 'leaves alone what is not its own, and says so' {
        $null = New-Item -ItemType Directory "$debian$link", "$debian$(Split-Path $link)/9.9.9"
        $said = Invoke-InRoot apt, install, -y, --no-install-recommends, $file
        $said -match "$([regex]::Escape($link)) is not this package's" | Should -Not -BeNullOrEmpty
        $null = Invoke-InRoot apt, purge, -y, kvmtune
        Test-Path "$debian$link" | Should -BeTrue
        Test-Path "$debian$(Split-Path $link)/9.9.9" | Should -BeTrue
    }

    It 'goes to another version and leaves one link' {
        Remove-Item "$debian/usr/local/share/powershell" -Recurse
        $null = Invoke-InRoot apt, install, -y, --no-install-recommends, $file
        $newer = & "$root/packaging/debian/build.sh" "$root/out/KvmTune" '9.9.0' "$debian/root" 2>$null
        $null = Invoke-InRoot apt, install, -y, --no-install-recommends, "/root/$(Split-Path $newer -Leaf)"
        Invoke-InRoot ls, (Split-Path $link) | Should -Be 9.9.0
        $null = Invoke-InRoot apt, purge, -y, kvmtune
        Test-Path "$debian/usr/local/share/powershell" | Should -BeFalse
    }
}
