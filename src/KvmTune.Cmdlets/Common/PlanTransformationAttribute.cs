// Lets a parameter take plans, and objects that carry one: a finding can be used in place of its plan.
using System.Management.Automation;
using KvmTune.Cmdlets.Serialization;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Turns objects with a property <c>Plan</c> into that plan. An object without a plan is refused with the reason that it carries.</summary>
internal sealed class PlanTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var bare = Bare(inputData);
        return bare is not VMTuningPlan[] and object[] several ? several.Select(ToPlan).ToArray() : ToPlan(inputData);
    }

    // An object that can carry no plan is passed on unchanged: PowerShell's binder reports the wrong type.
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
