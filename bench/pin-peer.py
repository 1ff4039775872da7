# The live pin of the bench `pin` as a bare call of libvirt: what libvirt and the kernel themselves take. Prints the median in ms.
import statistics
import sys
import time

import libvirt

uri, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
domain = libvirt.open(uri).lookupByName(name)
times = []
for turn in range(rounds):
    start = time.perf_counter()
    domain.pinVcpuFlags(0, (turn % 2 == 0, turn % 2 == 1), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    times.append((time.perf_counter() - start) * 1000)
print(statistics.median(times))
