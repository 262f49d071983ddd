// Tries what the daemon must not be able to do, and says how each attempt ended: "NAME allowed" or "NAME refused: WHY".
// boot-check.sh runs it in the place of the daemon, and once more without a sandbox, where all must be allowed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// result: -1 with errno set, or anything else for success.
static void report(const char *name, long result) {
    if (result == -1) {
        printf("%s refused: %s\n", name, strerror(errno));
    } else {
        printf("%s allowed\n", name);
    }
}

static int write_file(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    if (file >= 0) close(file);
    return file;
}

static int read_file(const char *path) {
    int file = open(path, O_RDONLY);
    if (file >= 0) close(file);
    return file;
}

static long execute(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, (char *)NULL);
        _exit(errno);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return -1;
    errno = WEXITSTATUS(status);
    return errno == 0 ? 0 : -1;
}

// Only in a child: a new namespace would change what the next attempts mean.
static long unshare_in_child(int flags) {
    pid_t child = fork();
    if (child == 0) _exit(unshare(flags) == 0 ? 0 : errno);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return -1;
    errno = WEXITSTATUS(status);
    return errno == 0 ? 0 : -1;
}

int main(void) {
    report("inet-socket", socket(AF_INET, SOCK_STREAM, 0));
    report("inet6-socket", socket(AF_INET6, SOCK_DGRAM, 0));
    report("netlink-socket", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    report("write-var", write_file("/var/lib/cprs-probe"));
    report("write-models", write_file("/var/lib/cprs/models/cprs-probe"));
    report("write-etc", write_file("/etc/cprs-probe"));
    report("write-home", write_file("/root/cprs-probe"));
    report("read-shadow", read_file("/etc/shadow"));
    report("other-processes", read_file("/proc/1/status"));
    report("execute-other-program", execute("/usr/bin/true"));
    report("user-namespace", unshare_in_child(CLONE_NEWUSER));
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    report("writable-code", page == MAP_FAILED ? -1 : 0);
    report("raise-priority", setpriority(PRIO_PROCESS, 0, -5));
    report("become-root", setuid(0));
    // What the daemon needs, so that a probe that can do nothing at all is noticed.
    report("unix-socket", socket(AF_UNIX, SOCK_STREAM, 0));
    report("write-own-folder", write_file("/run/cprs/probe"));
    unlink("/run/cprs/probe");
    return 0;
}
