/* The peer of the benches `inventory` and `hosts`: what bare libvirt calls take to list all domains and fetch the XML documents that
 * Get-VMTopology reads (of a running domain the running document, of a persistent one the persistent document), and free them.
 * With a second argument `define` it fetches the persistent document alone, with its secrets, and defines it again, as a change must.
 * Opens the connection that its first argument names, then does one round for each line on standard input and answers with a line:
 * seconds, documents, bytes. */
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t fetch(virDomainPtr domain, unsigned int flags)
{
    char *xml = virDomainGetXMLDesc(domain, flags);
    if (!xml) {
        exit(1);
    }
    size_t length = strlen(xml);
    free(xml);
    return length;
}

static size_t define(virConnectPtr connection, virDomainPtr domain)
{
    char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    virDomainPtr defined = xml ? virDomainDefineXMLFlags(connection, xml, VIR_DOMAIN_DEFINE_VALIDATE) : NULL;
    if (!defined) {
        exit(1);
    }
    size_t length = strlen(xml);
    virDomainFree(defined);
    free(xml);
    return length;
}

int main(int argc, char **argv)
{
    int defines = argc == 3 && strcmp(argv[2], "define") == 0;
    virConnectPtr connection = defines ? virConnectOpen(argv[1]) : argc == 2 ? virConnectOpenReadOnly(argv[1]) : NULL;
    if (!connection) {
        return 1;
    }

    for (int line = getchar(); line != EOF; line = getchar()) {
        if (line != '\n') {
            continue;
        }

        size_t documents = 0, bytes = 0;
        double start = now();
        virDomainPtr *domains;
        int count = virConnectListAllDomains(connection, &domains, 0);
        if (count < 0) {
            return 1;
        }
        for (int i = 0; i < count; i++) {
            int active = virDomainIsActive(domains[i]) == 1;
            if (defines) {
                bytes += define(connection, domains[i]);
                documents++;
                virDomainFree(domains[i]);
                continue;
            }
            if (active) {
                bytes += fetch(domains[i], 0);
                documents++;
            }
            if (!active || virDomainIsPersistent(domains[i]) == 1) {
                bytes += fetch(domains[i], VIR_DOMAIN_XML_INACTIVE);
                documents++;
            }
            virDomainFree(domains[i]);
        }
        free(domains);
        printf("%.6f %zu %zu\n", now() - start, documents, bytes);
        fflush(stdout);
    }
    virConnectClose(connection);
    return 0;
}
