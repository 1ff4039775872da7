// Loads the engine and its packages into a load context of the module's own, so that another module's version of the same
// package cannot break this one, nor this module another.
using System.Management.Automation;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace KvmTune.LoadContext;

/// <summary>The load context of the folder <c>dependencies</c> beside this assembly.</summary>
public sealed class ModuleLoadContext : AssemblyLoadContext, IModuleAssemblyInitializer
{
    // The only assemblies that the cmdlets may name; everything else in the folder is known to these alone.
    private static readonly string[] Offered = ["KvmTune.Core", "KvmTune.Libvirt"];
    private static readonly Lazy<ModuleLoadContext> Shared = new(() =>
    {
        var context = new ModuleLoadContext();
        Default.Resolving += (_, name) => Offered.Contains(name.Name, StringComparer.Ordinal) ? context.LoadFromAssemblyName(name) : null;
        return context;
    });

    private readonly string _folder = Path.Combine(Path.GetDirectoryName(typeof(ModuleLoadContext).Assembly.Location)!, "dependencies");

    /// <summary>Made by PowerShell when it imports the module.</summary>
    public ModuleLoadContext()
        : base("KvmTune")
    {
    }

    /// <summary>Called by PowerShell when it imports the module; the second import of a session finds everything in place.</summary>
    public void OnImport() => _ = Shared.Value;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        var file = Path.Combine(_folder, assemblyName.Name + ".dll");
        return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
    }

    /// <summary>Finds native code that a package brings, in the folder for this system and processor, as NuGet names them.</summary>
    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        foreach (var runtime in Runtimes())
        {
            var file = Path.Combine(_folder, "runtimes", runtime, "native", $"lib{unmanagedDllName}.so");
            if (File.Exists(file) && NativeLibrary.TryLoad(file, out var library))
            {
                return library;
            }
        }

        return 0;
    }

    // The runtime's own name for the system tells musl from glibc on most builds, not on all: the other one is the second try.
    private static string[] Runtimes()
    {
        var processor = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string[] both = [$"linux-{processor}", $"linux-musl-{processor}"];
        var isMusl = RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal)
            || RuntimeInformation.RuntimeIdentifier.StartsWith("alpine", StringComparison.Ordinal);
        return isMusl ? [both[1], both[0]] : both;
    }
}
