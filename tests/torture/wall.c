/* A wall clock that can be set for one process and its children, while it runs.
 *
 * Loaded with LD_PRELOAD; the file that TORTURE_WALL names holds, as a long, by how many
 * nanoseconds the wall clock is ahead. Clocks that nobody can set (monotonic, boot time) are
 * left alone, as they are when a person sets the clock of a machine.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000L

static volatile long here, *ahead = &here;

__attribute__((constructor)) static void from_environment(void)
{
    char *path = getenv("TORTURE_WALL");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *room = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (room != MAP_FAILED)
        ahead = room;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int failed = syscall(SYS_clock_gettime, clock, at);
    if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return failed;
    long nanoseconds = at->tv_nsec + *ahead % BILLION;
    at->tv_sec += *ahead / BILLION + (nanoseconds >= BILLION) - (nanoseconds < 0);
    at->tv_nsec = (nanoseconds + BILLION) % BILLION;
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into)
        *into = now.tv_sec;
    return now.tv_sec;
}
