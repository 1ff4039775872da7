// What holds for each object that a cmdlet emits, and for the objects inside: lists and maps have a text that a person can read, and moments are
// local. Each type is made with values of any kind, because a property can hold another list than its type says.
using System.Collections;
using System.Reflection;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class EmittedObjectsTests
{
    // An offset that no test machine has.
    private static readonly DateTimeOffset Elsewhere = new(2026, 11, 24, 9, 24, 3, new TimeSpan(5, 45, 0));

    public static TheoryData<string> Names => [.. Types.Select(type => type.Name).Order(StringComparer.Ordinal)];

    private static IReadOnlyList<Type> Types { get; } =
        [.. JsonSchemaOf.Reached(JsonSchemasTests.Emitted).Where(type => type is { IsEnum: false, IsAbstract: false } && type != typeof(CpuSet))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Lists_have_a_text(string name)
    {
        var made = Make(Types.Single(type => type.Name == name), []);
        Assert.All(Properties(made.GetType()).Where(property => IsList(property.PropertyType)), property =>
        {
            var value = property.GetValue(made);
            var holder = value?.GetType() is { IsGenericType: true } type ? type.GetGenericTypeDefinition() : null;
            Assert.True(
                value is null || holder == typeof(Items<>) || holder == typeof(Map<,>),
                $"{name}.{property.Name} holds a {value?.GetType().Name}, whose text is that name: use Items.Of, Map.Of or ToItems.");
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Moments_are_local(string name)
    {
        var made = Make(Types.Single(type => type.Name == name), []);
        Assert.All(Properties(made.GetType()).Where(property => Plain(property.PropertyType) == typeof(DateTimeOffset)), property =>
        {
            var moment = Assert.IsType<DateTimeOffset>(property.GetValue(made));
            Assert.Equal(Elsewhere, moment);
            Assert.True(moment.EqualsExact(Elsewhere.ToLocalTime()), $"{name}.{property.Name} is {moment:o}: it needs an init accessor with ToLocalTime.");
        });
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.GetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0);

    private static Type Plain(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    private static bool IsList(Type type) => type != typeof(string) && type.IsAssignableTo(typeof(IEnumerable));

    // An object by its longest constructor, with a value in each property that can be set.
    private static object Make(Type type, IReadOnlyList<Type> outer)
    {
        IReadOnlyList<Type> inside = [.. outer, type];
        var constructor = type.GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)!;
        var made = constructor.Invoke([.. constructor.GetParameters().Select(parameter => Value(parameter.ParameterType, inside))]);
        foreach (var property in Properties(type).Where(property => property.SetMethod is { IsPublic: true }))
        {
            property.SetValue(made, Value(property.PropertyType, inside));
        }

        return made;
    }

    // Plain arrays and dictionaries, which are not what an emitted object holds; null for a type inside itself.
    private static object? Value(Type type, IReadOnlyList<Type> outer) => Plain(type) switch
    {
        var plain when plain == typeof(string) => "1",
        var plain when plain == typeof(Guid) => new Guid(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
        var plain when plain == typeof(DateTimeOffset) => Elsewhere,
        var plain when plain == typeof(TimeSpan) => TimeSpan.FromSeconds(1),
        var plain when plain == typeof(CpuSet) => new CpuSet(1),
        var plain when plain == typeof(bool) => true,
        { IsEnum: true } plain => Enum.GetValues(plain).GetValue(0),
        { IsPrimitive: true } plain => Convert.ChangeType(1, plain, System.Globalization.CultureInfo.InvariantCulture),
        { IsGenericType: true } plain when plain.GetGenericArguments() is [var key, var value] && IsList(plain) => DictionaryOf(key, value, outer),
        { IsGenericType: true } plain when plain.GetGenericArguments() is [var item] && IsList(plain) => ArrayOf(item, outer),
        var plain when outer.Contains(plain) => null,
        { IsAbstract: true } plain => plain.Assembly.GetTypes().First(kind => !kind.IsAbstract && kind.IsAssignableTo(plain)) is var kind && outer.Contains(kind) ? null : Make(kind, outer),
        { Namespace: { } space } plain when space.StartsWith("KvmTune", StringComparison.Ordinal) => Make(plain, outer),
        var plain when plain.IsAssignableTo(typeof(Delegate)) => null,
        var plain => throw new NotSupportedException($"A {plain.Name} has no sample value here."),
    };

    private static Array ArrayOf(Type item, IReadOnlyList<Type> outer)
    {
        var value = Value(item, outer);
        var array = Array.CreateInstance(item, value is null ? 0 : 1);
        if (value is not null)
        {
            array.SetValue(value, 0);
        }

        return array;
    }

    private static object DictionaryOf(Type key, Type value, IReadOnlyList<Type> outer)
    {
        var made = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(key, value))!;
        made.Add(Value(key, outer)!, Value(value, outer));
        return made;
    }
}
