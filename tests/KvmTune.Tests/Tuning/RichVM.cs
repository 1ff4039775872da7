// One VM with every tunable setting, and one with none of them.
namespace KvmTune.Tests.Tuning;

/// <summary>Domain documents in libvirt's form.</summary>
public static class RichVM
{
    /// <summary>A VM with every setting of the catalog.</summary>
    public const string Full = """
        <domain type='kvm'>
          <name>rich</name>
          <uuid>11111111-1111-4111-8111-00000000000f</uuid>
          <metadata>
            <acme:note xmlns:acme='urn:acme'>keep me</acme:note>
          </metadata>
          <memory unit='KiB'>4194304</memory>
          <currentMemory unit='KiB'>4194304</currentMemory>
          <memoryBacking>
            <hugepages>
              <page size='2048' unit='KiB' nodeset='0'/>
              <page size='1048576' unit='KiB' nodeset='1'/>
            </hugepages>
            <nosharepages/>
            <locked/>
            <allocation mode='immediate'/>
          </memoryBacking>
          <vcpu placement='static' cpuset='0-7' current='4'>4</vcpu>
          <iothreads>3</iothreads>
          <iothreadids>
            <iothread id='1'/>
            <iothread id='2'/>
            <iothread id='5'/>
          </iothreadids>
          <cputune>
            <shares>2048</shares>
            <vcpupin vcpu='0' cpuset='2'/>
            <vcpupin vcpu='1' cpuset='3'/>
            <emulatorpin cpuset='0-1'/>
            <iothreadpin iothread='1' cpuset='4'/>
          </cputune>
          <numatune>
            <memory mode='strict' nodeset='0-1'/>
            <memnode cellid='0' mode='preferred' nodeset='0'/>
            <memnode cellid='1' mode='strict' nodeset='1'/>
          </numatune>
          <os>
            <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
          </os>
          <cpu mode='custom' match='exact' check='partial'>
            <model fallback='allow'>EPYC-Rome</model>
            <topology sockets='1' dies='1' cores='2' threads='2'/>
            <feature policy='require' name='topoext'/>
            <numa>
              <cell id='0' cpus='0-1' memory='2097152' unit='KiB'/>
              <cell id='1' cpus='2-3' memory='2097152' unit='KiB'/>
            </numa>
          </cpu>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap' detect_zeroes='off' iothread='1' queues='2'/>
              <source file='/images/rich.qcow2'/>
              <target dev='vda' bus='virtio'/>
              <iotune>
                <total_bytes_sec>10485760</total_bytes_sec>
                <total_iops_sec>1000</total_iops_sec>
                <group_name>shared</group_name>
              </iotune>
            </disk>
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file='/images/second.raw'/>
              <target dev='vdb' bus='virtio'/>
            </disk>
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file='/images/third.raw'/>
              <target dev='sda' bus='scsi'/>
              <address type='drive' controller='0' bus='0' target='0' unit='0'/>
            </disk>
            <controller type='scsi' index='0' model='virtio-scsi'>
              <driver queues='4' iothread='2'/>
            </controller>
            <interface type='network'>
              <mac address='52:54:00:00:00:01'/>
              <source network='default'/>
              <model type='virtio'/>
              <driver name='vhost' queues='4' rx_queue_size='512' tx_queue_size='256'/>
            </interface>
          </devices>
        </domain>
        """;

    /// <summary>A VM with only the settings that every VM has.</summary>
    public const string Bare = """
        <domain type='kvm'>
          <name>rich</name>
          <uuid>11111111-1111-4111-8111-00000000000f</uuid>
          <memory unit='KiB'>4194304</memory>
          <vcpu placement='static'>4</vcpu>
          <os>
            <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
          </os>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2'/>
              <source file='/images/rich.qcow2'/>
              <target dev='vda' bus='virtio'/>
            </disk>
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file='/images/second.raw'/>
              <target dev='vdb' bus='virtio'/>
            </disk>
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file='/images/third.raw'/>
              <target dev='sda' bus='scsi'/>
              <address type='drive' controller='0' bus='0' target='0' unit='0'/>
            </disk>
            <controller type='scsi' index='0' model='virtio-scsi'/>
            <interface type='network'>
              <mac address='52:54:00:00:00:01'/>
              <source network='default'/>
              <model type='virtio'/>
            </interface>
          </devices>
        </domain>
        """;

    /// <summary>Both.</summary>
    public static IReadOnlyList<string> Documents { get; } = [Full, Bare];

    /// <summary>The other one of the two.</summary>
    public static string Other(string xml) => xml == Full ? Bare : Full;
}
