# The common functions of the benches in PowerShell: medians, figures as lines, and the same figures as JSON with date and machine.

$RepositoryRoot = Split-Path $PSScriptRoot
# Found as a command: if pwsh is a .NET tool, its process is `dotnet`, which is no shell.
$Shell = (Get-Command pwsh -CommandType Application -TotalCount 1).Source
$Figures = [System.Collections.Generic.List[object]]::new()

function Get-Median([double[]] $Values) {
    $sorted = $Values | Sort-Object
    $middle = [int][math]::Floor($sorted.Count / 2)
    if ($sorted.Count % 2) { $sorted[$middle] } else { ($sorted[$middle - 1] + $sorted[$middle]) / 2 }
}

# Prints a figure as `name: value unit (ratio to peer)`, and stores it for Save-Figure.
function Add-Figure([string] $Name, [double] $Value, [string] $Unit, [string] $Peer) {
    $Figures.Add([ordered]@{ Name = $Name; Value = [math]::Round($Value, 3); Unit = $Unit; Peer = $Peer ? $Peer : $null })
    '{0}: {1} {2}{3}' -f $Name, $Value.ToString('0.###', [cultureinfo]::InvariantCulture), $Unit, ($Peer ? " ($Peer)" : '')
}

# A ratio in words, with three decimals below 1 and two above.
function Format-Ratio([double] $Value, [double] $Of, [string] $Peer) {
    $ratio = $Value / $Of
    '{0} of {1}' -f $ratio.ToString(($ratio -lt 1 ? '0.000' : '0.00'), [cultureinfo]::InvariantCulture), $Peer
}

function Get-Machine {
    $cpu = (Select-String -Path /proc/cpuinfo -Pattern '^model name\s*: (.*)$' | Select-Object -First 1).Matches.Groups[1].Value
    $memory = [math]::Round([long]((Select-String -Path /proc/meminfo -Pattern '^MemTotal:\s+(\d+)').Matches.Groups[1].Value) / 1MB)
    $system = (Select-String -Path /etc/os-release -Pattern '^PRETTY_NAME="(.*)"').Matches.Groups[1].Value
    "$cpu, $([Environment]::ProcessorCount) CPUs, $memory GiB; $system, Linux $(uname -r); " +
        "libvirt $(virsh --version); PowerShell $($PSVersionTable.PSVersion)"
}

# Writes the figures of Add-Figure to out/bench/NAME.json.
function Save-Figure([string] $Bench) {
    $folder = Join-Path $RepositoryRoot 'out/bench'
    $null = New-Item -ItemType Directory -Force $folder
    [ordered]@{
        Bench   = $Bench
        Date    = [datetime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ')
        Machine = Get-Machine
        Load    = (Get-Content /proc/loadavg).Split(' ')[0..2] -join ' '
        Figures = $Figures
    } | ConvertTo-Json -Depth 4 | Set-Content (Join-Path $folder "$Bench.json")
}

# Runs a program to its end, without PowerShell's pipeline, and returns its time in milliseconds.
function Measure-Program([string] $Path, [string[]] $Arguments) {
    $start = [System.Diagnostics.ProcessStartInfo]::new($Path)
    foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardOutput = $true
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $process = [System.Diagnostics.Process]::Start($start)
    $null = $process.StandardOutput.ReadToEnd()
    $process.WaitForExit()
    $watch.Stop()
    if ($process.ExitCode -ne 0) { throw "$Path $Arguments ended with exit code $($process.ExitCode)." }
    $watch.Elapsed.TotalMilliseconds
}
