// Lets a parameter take plans, and objects that carry one: a finding goes where its plan goes.
using System.Management.Automation;
using KvmTune.Cmdlets.Serialization;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Turns objects with a property <c>Plan</c> into that plan. One whose plan is missing is refused with its own reason.</summary>
internal sealed class PlanTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var bare = Bare(inputData);
        return bare is not VMTuningPlan[] and object[] several ? several.Select(ToPlan).ToArray() : ToPlan(inputData);
    }

    // What carries no plan at all is left as it is: the binder says that it is none.
    private static object ToPlan(object value)
    {
        value = SerializationTypes.Revive(value)!;
        var carried = Bare(value) is VMTuningPlan[] or VMTuningPlan ? null : PSObject.AsPSObject(value).Properties["Plan"];
        return carried is null
            ? value
            : Bare(carried.Value) switch
            {
                VMTuningPlan plan => plan,
                null => throw new ArgumentTransformationMetadataException(
                    $"'{Bare(value)}' has no plan{(PSObject.AsPSObject(value).Properties["NoPlanReason"]?.Value is string reason ? $": {reason}" : null)}. "
                    + "Leave it out with Where-Object Plan."),
                _ => value,
            };
    }

    private static object? Bare(object? value) => value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;
}
