// The network area: configured limits, drops, errors, and segments that the guest sends again.
using KvmTune.Tuning;
using static KvmTune.Diagnosis.Bottlenecks.BottleneckThresholds;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Judges the network area. libvirt counts from the guest's side: rx is what the guest receives.</summary>
internal static class NetworkJudge
{
    private const string Source = "libvirt: net.N.*";
    private const int FewestSegments = 100;

    public static JudgedArea Judge(VMObservation vm, BottleneckThresholds thresholds)
    {
        var area = new AreaJudge(TuningArea.Network, thresholds);
        double? utilisation = null;
        foreach (var (nic, index) in vm.Configuration.Nics.Select((nic, index) => (nic, index)))
        {
            var subject = $"NIC {nic.Mac}";
            var (received, sent) = (vm.Rate(vm.Of($"Nic.{index}.ReceivedBytes")), vm.Rate(vm.Of($"Nic.{index}.SentBytes")));
            foreach (var (direction, rate, limit) in new[]
            {
                ("inbound", received, nic.InboundLimitKiBPerSecond),
                ("outbound", sent, nic.OutboundLimitKiBPerSecond),
            })
            {
                if (limit is not > 0)
                {
                    continue;
                }

                var share = 100 * rate / (limit * 1024.0);
                utilisation = share is null ? utilisation : Math.Min(100, Math.Max(utilisation ?? 0, share.Value));
                if (area.Compare(EvidenceKind.Saturation, subject, $"use of the {direction} limit of {limit} KiB/s", share, NicLimitPercent, Source))
                {
                    area.Found(
                        BottleneckCause.NicLimit, subject, CauseRank.ConfiguredLimit, null,
                        $"{subject} stands at its {direction} limit of {limit} KiB/s ({rate / 1024:0} KiB/s)");
                }
            }

            var drops = vm.Rate(vm.Of($"Nic.{index}.ReceiveDropsPackets") + vm.Of($"Nic.{index}.SendDropsPackets"));
            if (area.Compare(EvidenceKind.Saturation, subject, "packets dropped by the host", drops, NicDropsPerSecond, Source))
            {
                area.Found(BottleneckCause.NicDrops, subject, CauseRank.NoTimeKnown, null, $"the host drops {drops:0} packets a second on {subject}");
            }

            var errors = vm.Rate(vm.Of($"Nic.{index}.ReceiveErrorsPackets") + vm.Of($"Nic.{index}.SendErrorsPackets"));
            if (area.Compare(EvidenceKind.Error, subject, "errors", errors, NicErrorsPerSecond, Source))
            {
                area.Found(BottleneckCause.NicDrops, subject, CauseRank.NoTimeKnown, null, $"{subject} has {errors:0} errors a second");
            }

            area.Tell(subject, "received", received * 8 / 1e6, "Mbit/s", Source);
            area.Tell(subject, "sent", sent * 8 / 1e6, "Mbit/s", Source);
        }

        if (vm.Configuration.Nics.Count > 0)
        {
            LookInGuest(area, vm);
        }

        return area.Conclude(utilisation, vm.Configuration.Nics.Count == 0 ? "the VM has no NIC" : null);
    }

    private static void LookInGuest(AreaJudge area, VMObservation vm)
    {
        var drops = vm.GuestRate("NicDropsPackets");
        if (area.Compare(EvidenceKind.Saturation, "guest", "packets dropped by the guest", drops, NicDropsPerSecond, "guest: /proc/net/dev"))
        {
            area.Found(BottleneckCause.NicDrops, "guest", CauseRank.NoTimeKnown, null, $"the guest drops {drops:0} packets a second");
        }

        var errors = vm.GuestRate("NicErrorsPackets");
        if (area.Compare(EvidenceKind.Error, "guest", "errors of its NICs", errors, NicErrorsPerSecond, "guest: /proc/net/dev"))
        {
            area.Found(BottleneckCause.NicDrops, "guest", CauseRank.NoTimeKnown, null, $"the guest's NICs have {errors:0} errors a second");
        }

        var segments = vm.InGuest("SentSegments");
        var again = segments > 0 ? 100 * vm.InGuest("RetransmittedSegments") / segments : segments is null ? null : 0;
        if (area.Compare(
            EvidenceKind.Saturation, "guest", "TCP segments sent again", again, TcpRetransmitPercent, "guest: /proc/net/snmp", segments >= FewestSegments))
        {
            area.Found(
                BottleneckCause.TcpRetransmits, "guest", CauseRank.NoTimeKnown, null,
                $"the guest sends {again:0.#} % of its TCP segments again: they are lost on the way");
        }
    }
}
