/* The peer of the bench `pin`: what a live pin must cost, in one program. Each round looks the VM up, fetches its running XML, pins vCPU 0, writes
 * two durable records of 4 KiB with SQLite (write-ahead log, synchronous=FULL, as the journal does), and reads the pin back: QEMU's pid file
 * and command line, the names of its threads, the status of the vCPU's.
 * Arguments: URI, VM, file for SQLite, rounds. Prints two medians in milliseconds: of the whole, and of the pin alone. */
#include <dirent.h>
#include <libvirt/libvirt.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "pin-peer: %s failed\n", what);
        exit(1);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static size_t read_file(const char *path, char *buffer, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(buffer, 1, size - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    buffer[length] = 0;
    return length;
}

static void write_record(sqlite3 *journal)
{
    check(sqlite3_exec(journal, "INSERT INTO entry(text) VALUES (zeroblob(4096))", NULL, NULL, NULL) == SQLITE_OK, "a write to SQLite");
}

/* Whether the kernel lets the thread of vCPU 0 run on the host CPU alone. */
static int is_pinned(const char *vm, int cpu)
{
    char path[512], text[16384], wanted[64];
    snprintf(path, sizeof path, "/run/libvirt/qemu/%s.pid", vm);
    check(read_file(path, text, sizeof text) > 0, "reading the pid file");
    int pid = atoi(text), found = 0;
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    check(read_file(path, text, sizeof text) > 0, "reading the command line");
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    check(tasks != NULL, "listing the threads");
    for (struct dirent *task = readdir(tasks); task; task = readdir(tasks)) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/comm", pid, task->d_name);
        if (task->d_name[0] != '.' && read_file(path, text, sizeof text) && strncmp(text, "CPU 0/", 6) == 0) {
            snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, task->d_name);
            read_file(path, text, sizeof text);
            snprintf(wanted, sizeof wanted, "Cpus_allowed_list:\t%d\n", cpu);
            found = strstr(text, wanted) != NULL;
        }
    }
    closedir(tasks);
    return found;
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int main(int argc, char **argv)
{
    int rounds = argc == 5 ? atoi(argv[4]) : 0;
    check(rounds > 0, "reading the arguments: URI VM FILE ROUNDS");
    virConnectPtr connection = virConnectOpen(argv[1]);
    check(connection != NULL, "opening the connection");
    sqlite3 *journal;
    check(sqlite3_open(argv[3], &journal) == SQLITE_OK, "opening the file");
    check(sqlite3_exec(journal, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS entry(text BLOB)", NULL, NULL, NULL) == SQLITE_OK, "making the table");
    double *whole = calloc((size_t)rounds, sizeof *whole), *pins = calloc((size_t)rounds, sizeof *pins);
    check(whole && pins, "getting memory");
    for (int round = 0; round < rounds; round++) {
        int cpu = round % 2;
        unsigned char map = (unsigned char)(1 << cpu);
        double start = now();
        virDomainPtr domain = virDomainLookupByName(connection, argv[2]);
        check(domain != NULL, "finding the VM");
        char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE);
        check(xml != NULL, "fetching the XML");
        write_record(journal);
        double before = now();
        check(virDomainPinVcpuFlags(domain, 0, &map, 1, VIR_DOMAIN_AFFECT_LIVE) == 0, "the pin");
        pins[round] = now() - before;
        check(is_pinned(argv[2], cpu), "reading the pin back");
        write_record(journal);
        free(xml);
        virDomainFree(domain);
        whole[round] = now() - start;
    }
    printf("%.6f %.6f\n", median(whole, rounds), median(pins, rounds));
    sqlite3_close(journal);
    virConnectClose(connection);
    return 0;
}
