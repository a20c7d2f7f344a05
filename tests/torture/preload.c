/* Ends or fails a process at a numbered boundary: a call of libc with which it touches the world.
 *
 * Loaded with LD_PRELOAD and armed either by the environment (TORTURE_*, for a process of its own)
 * or by calling torture_arm (for a fork of a process that was loaded with it). Only the armed
 * process counts: its children, also those of vfork, pass through untouched.
 *
 * What is counted lies in a small file that both sides map (struct report): it survives SIGKILL,
 * and whoever watches may switch the counting on late, and off again (`on`): then nothing fails any
 * more. Go and static binaries are immune.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_ON, SHORT };

enum { KINDS = 40 };

struct report {
    volatile long on, count, hits; /* hits: how often it killed or failed */
    char name[40];                 /* the call that it was done to first */
    struct {
        char name[16];
        long count;
    } kinds[KINDS]; /* how often each call was counted, where nothing is done to any */
};

static struct report nowhere, *report = &nowhere;
static char only[256]; /* ",fsync,fdatasync,": nothing else is counted; empty: everything is */
static long at, armed_pid;
static int mode, error_number;

int torture_arm(const char *path, int how, long number, int error, const char *names)
{
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_ftruncate, fd, (long)sizeof(struct report)))
        return -1;
    void *room = mmap(0, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (room == MAP_FAILED || strlen(names) >= sizeof only)
        return -1;
    strcpy(only, names);
    report = room, mode = how, at = number, error_number = error, armed_pid = getpid();
    return 0;
}

__attribute__((constructor)) static void from_environment(void)
{
    char *path = getenv("TORTURE_REPORT"), *how = getenv("TORTURE_MODE"), *n = getenv("TORTURE_AT");
    char *error = getenv("TORTURE_ERRNO"), *names = getenv("TORTURE_ONLY");
    if (!path || !how)
        return;
    if (torture_arm(path, atoi(how), n ? atol(n) : 0, error ? atoi(error) : 0, names ? names : ""))
        abort();
    report->on = 1;
    unsetenv("LD_PRELOAD"), unsetenv("TORTURE_REPORT"); /* none of its children is armed */
}

static void hit(const char *name)
{
    if (!report->hits++)
        strncpy(report->name, name, sizeof report->name - 1);
}

static void killed(const char *name)
{
    hit(name);
    syscall(SYS_kill, getpid(), SIGKILL);
}

static int is_meant(const char *name)
{
    char word[48] = ",";
    return !only[0] || strstr(only, strcat(strncat(word, name, 40), ","));
}

static void tally(const char *name)
{
    static char busy;
    while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        ;
    int i = 0;
    while (i < KINDS && report->kinds[i].name[0] && strcmp(report->kinds[i].name, name))
        i++;
    if (i < KINDS)
        strncpy(report->kinds[i].name, name, 15), report->kinds[i].count++;
    __atomic_clear(&busy, __ATOMIC_RELEASE);
}

/* The number of this boundary; 0: it is none of ours. */
static long arrive(const char *name)
{
    if (getpid() != armed_pid || !report->on || !is_meant(name))
        return 0;
    long number = __atomic_add_fetch(&report->count, 1, __ATOMIC_SEQ_CST);
    if (mode == COUNT)
        tally(name);
    if (mode == KILL_BEFORE && number == at)
        killed(name);
    return number;
}

static int fails(const char *name, long number)
{
    int does = number && (mode == FAIL_ONCE ? number == at : mode == FAIL_ON && number >= at);
    if (does)
        hit(name), errno = error_number;
    return does;
}

/* How much of what a call is to carry it carries: half of it where it is to come short. */
static size_t carried(const char *name, long number, size_t whole)
{
    if (mode != SHORT || !number || number != at || whole < 2)
        return whole;
    hit(name);
    return whole / 2;
}

#define BOUNDARY(type, name, parameters, arguments)                                                \
    CALL(type, name, #name, parameters, arguments, 1, (void)0)

#define SIZED(type, name, parameters, arguments)                                                   \
    CALL(type, name, #name, parameters, arguments, 1, n = carried(#name, number, n))

#define CALL(type, ours, name, parameters, arguments, counts, first)                               \
    type ours parameters                                                                           \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, name);                                              \
        int before = errno;                                                                        \
        long number = counts ? arrive(name) : 0;                                                   \
        if (fails(name, number))                                                                   \
            return (type)-1;                                                                       \
        first;                                                                                     \
        errno = before;                                                                            \
        type result = real arguments;                                                              \
        if (number && mode == KILL_AFTER && number == at)                                          \
            killed(name);                                                                          \
        return result;                                                                             \
    }

/* What the headers declare with "..." is defined under a name of ours and exported under its own.
 * To look at /proc or /sys is no boundary: nothing there is the world that others see. */
#define OPENING(symbol, parameters, arguments)                                                     \
    int our_##symbol parameters __asm__(#symbol);                                                  \
    CALL(int, our_##symbol, #symbol, parameters, arguments, !is_looking(p) && may_fail(how),       \
         (void)0)

/* To read, a file is opened on the fullest disk, and on one that cannot be written. */
static int may_fail(int how)
{
    int is_of_writing = error_number == ENOSPC || error_number == EROFS;
    return !is_of_writing || (how & O_ACCMODE) != O_RDONLY || (how & O_CREAT);
}

static int is_looking(const char *path)
{
    return !strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5);
}

/* Whether it is an eventfd, or the socket that signals wake us by: no kernel lets these fail. */
static int is_nowhere(int fd)
{
    char link[32], where[16] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    syscall(SYS_readlinkat, AT_FDCWD, link, where, sizeof where - 1);
    return !strncmp(where, "anon_inode:", 11) || !strncmp(where, "socket:", 7);
}

/* Whether both ends are ours: with these a thread wakes another one, and no kernel lets them fail. */
static int is_to_ourselves(int fd)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    int before = errno;
    int is = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && peer.pid == getpid();
    errno = before;
    return is;
}

typedef const char *text;
typedef const struct iovec *pieces;
typedef const struct sockaddr *address;

CALL(ssize_t, write, "write", (int fd, const void *b, size_t n), (fd, b, n), !is_nowhere(fd),
     n = carried("write", number, n))
BOUNDARY(ssize_t, writev, (int fd, pieces v, int n), (fd, v, n))
SIZED(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
SIZED(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
BOUNDARY(int, fsync, (int fd), (fd))
BOUNDARY(int, fdatasync, (int fd), (fd))
BOUNDARY(int, ftruncate, (int fd, off_t n), (fd, n))
BOUNDARY(int, ftruncate64, (int fd, off64_t n), (fd, n))
OPENING(open, (text p, int how, mode_t m), (p, how, m))
OPENING(open64, (text p, int how, mode_t m), (p, how, m))
OPENING(openat, (int d, text p, int how, mode_t m), (d, p, how, m))
OPENING(openat64, (int d, text p, int how, mode_t m), (d, p, how, m))
BOUNDARY(int, mkdir, (text p, mode_t m), (p, m))
BOUNDARY(int, rename, (text a, text b), (a, b))
BOUNDARY(int, renameat, (int c, text a, int d, text b), (c, a, d, b))
BOUNDARY(int, link, (text a, text b), (a, b))
BOUNDARY(int, unlink, (text p), (p))
BOUNDARY(int, unlinkat, (int d, text p, int how), (d, p, how))
BOUNDARY(int, bind, (int fd, address a, socklen_t n), (fd, a, n))
BOUNDARY(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int how), (fd, a, n, how))
BOUNDARY(int, connect, (int fd, address a, socklen_t n), (fd, a, n))
CALL(ssize_t, send, "send", (int fd, const void *b, size_t n, int how), (fd, b, n, how),
     !is_to_ourselves(fd), n = carried("send", number, n))
SIZED(ssize_t, sendto, (int fd, const void *b, size_t n, int how, address a, socklen_t k),
      (fd, b, n, how, a, k))
BOUNDARY(ssize_t, sendmsg, (int fd, const struct msghdr *m, int how), (fd, m, how))
CALL(ssize_t, recv, "recv", (int fd, void *b, size_t n, int how), (fd, b, n, how),
     !is_to_ourselves(fd), (void)0)
BOUNDARY(ssize_t, recvfrom, (int fd, void *b, size_t n, int how, struct sockaddr *a, socklen_t *k),
         (fd, b, n, how, a, k))
BOUNDARY(ssize_t, recvmsg, (int fd, struct msghdr *m, int how), (fd, m, how))
BOUNDARY(ssize_t, __recv_chk, (int fd, void *b, size_t n, size_t r, int how), (fd, b, n, r, how))
BOUNDARY(pid_t, fork, (void), ())
BOUNDARY(int, execve, (text p, char *const a[], char *const e[]), (p, a, e))

/* There is none: whoever asks for it takes fork instead, whose child may return through here. */
pid_t vfork(void)
{
    errno = EINVAL;
    return -1;
}
