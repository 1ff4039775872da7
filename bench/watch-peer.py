# The peer of the bench `watch`: asks libvirt for the statistics of all running domains, once a second, and prints a line for each.
#   watch-peer.py URI COUNT
import sys
import time

import libvirt

connection = libvirt.openReadOnly(sys.argv[1])
groups = (libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL | libvirt.VIR_DOMAIN_STATS_BALLOON
          | libvirt.VIR_DOMAIN_STATS_VCPU | libvirt.VIR_DOMAIN_STATS_INTERFACE | libvirt.VIR_DOMAIN_STATS_BLOCK)
flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
for _ in range(int(sys.argv[2])):
    for domain, statistics in connection.getAllDomainStats(groups, flags):
        print(domain.name(), statistics.get("cpu.time"), sum(value for name, value in statistics.items() if name.endswith(".reqs")), flush=True)
    time.sleep(1)
