# The peer of the bench `inventory` that a script would use: python3-libvirt with ElementTree. Reads of each domain what an
# inventory needs at least: vCPUs, pins, memory, disks, NICs, of both documents. The same protocol as inventory-peer.c.
import sys
import time
import xml.etree.ElementTree as ElementTree

import libvirt


def read(domain, flags):
    root = ElementTree.fromstring(domain.XMLDesc(flags))
    return {
        "name": root.findtext("name"),
        "uuid": root.findtext("uuid"),
        "vcpus": int(root.findtext("vcpu")),
        "memory": int(root.findtext("memory")),
        "pins": {int(pin.get("vcpu")): pin.get("cpuset") for pin in root.iterfind("cputune/vcpupin")},
        "disks": [
            (disk.find("target").attrib, disk.find("driver").attrib, disk.find("source").attrib)
            for disk in root.iterfind("devices/disk")
        ],
        "nics": [
            (nic.find("mac").get("address"), nic.find("model").get("type"), nic.find("source").attrib)
            for nic in root.iterfind("devices/interface")
        ],
    }


def inventory(connection):
    documents = 0
    for domain in connection.listAllDomains():
        active = domain.isActive()
        if active:
            read(domain, 0)
            documents += 1
        if not active or domain.isPersistent():
            read(domain, libvirt.VIR_DOMAIN_XML_INACTIVE)
            documents += 1
    return documents


host = libvirt.openReadOnly(sys.argv[1])
for _ in sys.stdin:
    start = time.monotonic()
    found = inventory(host)
    print(f"{time.monotonic() - start:.6f} {found} 0", flush=True)
