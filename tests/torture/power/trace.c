/* Writes down whatever a process asks of the file system below one folder, with the data.
 *
 * Loaded with LD_PRELOAD; TRACE_ROOT is the folder, TRACE_LOG the file that is written. One record
 * for each call that succeeded: struct head, then a text, then data (see recording.py).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum what { OPENED = 1, CREATED, WRITTEN, CUT, SYNCED, RENAMED, REMOVED, MADE };

struct head {
    uint8_t what, pad[7];
    uint64_t inode, offset;
    uint32_t text, data;
} __attribute__((packed));

static char root[PATH_MAX];
static int log_fd = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("TRACE_ROOT"), *path = getenv("TRACE_LOG");
    if (!folder || !path)
        return;
    strncpy(root, folder, sizeof root - 1);
    log_fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsetenv("LD_PRELOAD");
}

static void put(const void *from, size_t length)
{
    const char *next = from;
    while (length) {
        ssize_t done = syscall(SYS_write, log_fd, next, length);
        if (done <= 0)
            abort();
        next += done, length -= done;
    }
}

static void note(int what, uint64_t inode, uint64_t offset, const char *text, const void *data,
                 size_t length)
{
    int before = errno;
    struct head head = {.what = what, .inode = inode, .offset = offset};
    head.text = text ? strlen(text) : 0, head.data = length;
    put(&head, sizeof head);
    put(text, head.text);
    put(data, length);
    errno = before;
}

/* The path below the root, made absolute; 0: it is elsewhere. */
static const char *inside(int folder, const char *path, char *room)
{
    if (log_fd < 0)
        return 0;
    if (path[0] == '/' || folder == AT_FDCWD) {
        if (path[0] != '/')
            return 0;
        snprintf(room, PATH_MAX, "%s", path);
    } else {
        char link[64], base[PATH_MAX / 2];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0)
            return 0;
        base[length] = 0;
        if (snprintf(room, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
            return 0;
    }
    return strncmp(room, root, strlen(root)) ? 0 : room;
}

static uint64_t inode_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) ? 0 : status.st_ino;
}

/* Whether the file of a descriptor lies below the root. */
static int is_ours(int fd)
{
    if (log_fd < 0)
        return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 0 && !strncmp(path, root, strlen(root));
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
        *(void **)&real = dlsym(RTLD_NEXT, name)

static int opened(int fd, int folder, const char *path, int how, int was_there)
{
    char room[PATH_MAX];
    const char *name = fd < 0 ? 0 : inside(folder, path, room);
    if (name) {
        int created = (how & O_CREAT) && !was_there;
        note(created ? CREATED : OPENED, inode_of(fd), 0, name, 0, 0);
        if (how & O_TRUNC)
            note(CUT, inode_of(fd), 0, 0, 0, 0);
    }
    return fd;
}

#define OPENING(symbol)                                                                            \
    int our_##symbol(const char *p, int how, mode_t m) __asm__(#symbol);                           \
    int our_##symbol(const char *p, int how, mode_t m)                                             \
    {                                                                                              \
        REAL(int, #symbol, const char *, int, mode_t);                                             \
        int was_there = !access(p, F_OK);                                                          \
        return opened(real(p, how, m), AT_FDCWD, p, how, was_there);                               \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(symbol)                                                                         \
    int our_##symbol(int d, const char *p, int how, mode_t m) __asm__(#symbol);                    \
    int our_##symbol(int d, const char *p, int how, mode_t m)                                      \
    {                                                                                              \
        REAL(int, #symbol, int, const char *, int, mode_t);                                        \
        int was_there = !faccessat(d, p, F_OK, 0);                                                 \
        return opened(real(d, p, how, m), d, p, how, was_there);                                   \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

#define WRITING_AT(symbol, offset_type)                                                            \
    ssize_t symbol(int fd, const void *b, size_t n, offset_type o)                                 \
    {                                                                                              \
        REAL(ssize_t, #symbol, int, const void *, size_t, offset_type);                            \
        ssize_t done = real(fd, b, n, o);                                                          \
        if (done > 0 && is_ours(fd))                                                               \
            note(WRITTEN, inode_of(fd), o, 0, b, done);                                            \
        return done;                                                                               \
    }
WRITING_AT(pwrite, off_t)
WRITING_AT(pwrite64, off64_t)

ssize_t write(int fd, const void *b, size_t n)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    ssize_t done = real(fd, b, n);
    if (done > 0 && is_ours(fd))
        note(WRITTEN, inode_of(fd), lseek(fd, 0, SEEK_CUR) - done, 0, b, done);
    return done;
}

static void sent(int fd, ssize_t done)
{
    char *data = malloc(done);
    off_t begin = lseek(fd, 0, SEEK_CUR) - done;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (reader < 0 || syscall(SYS_pread64, reader, data, done, begin) != done)
        abort();
    syscall(SYS_close, reader);
    note(WRITTEN, inode_of(fd), begin, 0, data, done);
    free(data);
}

#define SENDING(symbol, offset_type)                                                               \
    ssize_t symbol(int out, int in, offset_type *o, size_t n)                                      \
    {                                                                                              \
        REAL(ssize_t, #symbol, int, int, offset_type *, size_t);                                   \
        ssize_t done = real(out, in, o, n);                                                        \
        if (done > 0 && is_ours(out))                                                              \
            sent(out, done);                                                                       \
        return done;                                                                               \
    }
SENDING(sendfile, off_t)
SENDING(sendfile64, off64_t)

#define ON_FD(symbol, what, parameters, types, arguments, offset)                                  \
    int symbol parameters                                                                          \
    {                                                                                              \
        REAL(int, #symbol, types);                                                                 \
        int done = real arguments;                                                                 \
        if (!done && is_ours(fd))                                                                  \
            note(what, inode_of(fd), offset, 0, 0, 0);                                             \
        return done;                                                                               \
    }
#define TWO(a, b) a, b
ON_FD(ftruncate, CUT, (int fd, off_t n), TWO(int, off_t), (fd, n), n)
ON_FD(ftruncate64, CUT, (int fd, off64_t n), TWO(int, off64_t), (fd, n), n)
ON_FD(fsync, SYNCED, (int fd), int, (fd), 0)
ON_FD(fdatasync, SYNCED, (int fd), int, (fd), 0)

static int renamed(int done, int c, const char *a, int d, const char *b)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (!done && inside(c, a, from) && inside(d, b, to))
        note(RENAMED, 0, 0, from, to, strlen(to));
    return done;
}

int rename(const char *a, const char *b)
{
    REAL(int, "rename", const char *, const char *);
    return renamed(real(a, b), AT_FDCWD, a, AT_FDCWD, b);
}

int renameat(int c, const char *a, int d, const char *b)
{
    REAL(int, "renameat", int, const char *, int, const char *);
    return renamed(real(c, a, d, b), c, a, d, b);
}

static int removed(int done, int folder, const char *path)
{
    char room[PATH_MAX];
    if (!done && inside(folder, path, room))
        note(REMOVED, 0, 0, room, 0, 0);
    return done;
}

int unlink(const char *p)
{
    REAL(int, "unlink", const char *);
    return removed(real(p), AT_FDCWD, p);
}

int unlinkat(int d, const char *p, int how)
{
    REAL(int, "unlinkat", int, const char *, int);
    return removed(real(d, p, how), d, p);
}

int mkdir(const char *p, mode_t m)
{
    REAL(int, "mkdir", const char *, mode_t);
    int done = real(p, m);
    char room[PATH_MAX];
    if (!done && inside(AT_FDCWD, p, room))
        note(MADE, 0, 0, room, 0, 0);
    return done;
}
