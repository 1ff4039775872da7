// The direction of dependencies, read from the built assemblies: Cmdlets use Core, Core uses Libvirt, and the folders of Core have no circular
// dependencies.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ArchUnitNET.Domain;
using ArchUnitNET.Domain.Dependencies;
using ArchUnitNET.Loader;
using KvmTune.Cmdlets.Common;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Architecture;

public sealed class ArchitectureTests
{
    private static readonly System.Reflection.Assembly[] Assemblies =
        [typeof(LibvirtDomain).Assembly, typeof(HostConnection).Assembly, typeof(CancellableCmdlet).Assembly];

    private static readonly ArchUnitNET.Domain.Architecture Loaded = new ArchLoader().LoadAssemblies(Assemblies).Build();

    [Fact]
    public void Cmdlets_use_Core_and_Core_uses_Libvirt_and_never_the_other_way()
    {
        var names = Assemblies.Select(assembly => assembly.GetName().Name!).ToList();
        var wrong =
            from type in Loaded.Types
            from dependency in type.Dependencies
            let source = names.IndexOf(NameOf(type))
            let goal = names.IndexOf(NameOf(dependency.Target))
            where source >= 0 && goal > source
            select $"{type.FullName} uses {dependency.Target.FullName}";
        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void Libvirt_knows_nothing_of_PowerShell_and_neither_does_Core()
    {
        var wrong =
            from type in Loaded.Types
            where NameOf(type) is "KvmTune.Core" or "KvmTune.Libvirt"
            from dependency in type.Dependencies
            where dependency.Target.FullName.StartsWith("System.Management.Automation", StringComparison.Ordinal)
            select type.FullName;
        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void The_folders_of_Core_use_each_other_in_no_circle()
    {
        var uses =
            (from type in Loaded.Types
             let folder = FolderOf(type)
             where folder is not null
             from dependency in type.Dependencies
             let other = FolderOf(dependency.Target)
             where other is not null && other != folder
             select (folder, other, Example: $"{type.FullName} uses {dependency.Target.FullName}"))
            .GroupBy(use => (use.folder, use.other)).ToDictionary(group => group.Key, group => group.First().Example);
        Assert.True(uses.Count > 20, $"Only {uses.Count} uses between folders were found: the test looks at nothing.");

        // Removes folders without a remaining dependency, one after the other. The remaining folders form a circle or depend on one.
        var left = uses.Keys.SelectMany(use => new[] { use.folder, use.other }).Distinct().ToHashSet();
        while (left.FirstOrDefault(folder => !uses.Keys.Any(use => use.folder == folder && left.Contains(use.other))) is { } leaf)
        {
            left.Remove(leaf);
        }

        Assert.True(left.Count == 0, "There is a circle in: " + string.Join("\n", uses.Where(use => left.Contains(use.Key.folder) && left.Contains(use.Key.other)).Select(use => use.Value)));
    }

    // A function that only a test calls belongs to the tests' own binding (TestBinding), not to the shipped one.
    [Fact]
    public void Every_function_of_Libvirt_is_called_by_what_is_shipped()
    {
        var called =
            (from caller in Loaded.Types.Concat<IHasDependencies>(Loaded.Members)
             from dependency in caller.Dependencies.OfType<MethodCallDependency>()
             where dependency.TargetMember.FullName != (caller as IMember)?.FullName
             select $"{dependency.Target.FullName}.{dependency.TargetMember.Name.Split('(')[0]}").ToHashSet(StringComparer.Ordinal);
        var functions =
            (from type in typeof(LibvirtDomain).Assembly.GetTypes()
             where !type.IsEnum && !IsGenerated(type)
             from method in type.GetMethods(Declared)
             where !method.IsVirtual && !method.Name.StartsWith("set_", StringComparison.Ordinal) && !method.Name.Contains('<', StringComparison.Ordinal)
                && !method.Name.StartsWith("op_", StringComparison.Ordinal) && !IsGenerated(method) && method.GetCustomAttribute<UnmanagedCallersOnlyAttribute>() is null
             select $"{type.FullName}.{method.Name}").ToHashSet(StringComparer.Ordinal);
        Assert.True(functions.Count > 100, $"Only {functions.Count} functions were found: the test looks at nothing.");
        Assert.True(functions.IsSubsetOf(called), $"Nothing that is shipped calls: {string.Join(", ", functions.Except(called))}");
    }

    private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private static bool IsGenerated(MemberInfo member) => member.GetCustomAttribute<CompilerGeneratedAttribute>() is not null;

    private static string NameOf(IType type) => (type.Assembly?.Name ?? string.Empty).Split(',')[0];

    // The folder of Core in a type's namespace; null for types elsewhere and in Core's top folder.
    private static string? FolderOf(IType type) =>
        NameOf(type) == "KvmTune.Core" && type.FullName.Split('.') is ["KvmTune", var folder, _, ..] ? folder : null;
}
