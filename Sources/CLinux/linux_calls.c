#define _GNU_SOURCE
#include "linux_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int ts_eventfd(void) { return eventfd(0, EFD_CLOEXEC); }

int ts_open_for_writing(const char *path, int direct) {
    return open(path, O_WRONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
}

int ts_pin_thread(int cpu) {
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

int ts_unpin_thread(void) {
    cpu_set_t set;
    memset(&set, 0xff, sizeof set);
    return sched_setaffinity(0, sizeof set, &set);
}

int ts_set_precise_timers(void) { return prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

int ts_set_low_priority(int idle) {
    const struct sched_param none = {0};
    if (idle && sched_setscheduler(0, SCHED_IDLE, &none) != 0) return -1;
    // ioprio_set(2) has no wrapper and no header: who 1 is a process, class 3 is idle.
    syscall(SYS_ioprio_set, 1, 0, 3 << 13);
    return setpriority(PRIO_PROCESS, 0, 10);
}

int ts_die_with_parent(int parent) {
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL) != 0) return -1;
    return getppid() == parent;
}

int ts_spawn_closing_from(void *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np((posix_spawn_file_actions_t *)actions, first);
}

long ts_write_durably(int file, const void *bytes, unsigned long size, long long offset) {
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = size};
    return pwritev2(file, &piece, 1, offset, RWF_DSYNC);
}

void ts_name_thread(const char *name) {
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(pthread_self(), cut);
}

int ts_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int ts_epoll_add(int epoll, int socket, unsigned long long tag) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = tag};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

int ts_epoll_await_room(int epoll, int socket, unsigned long long tag, int awaits_room) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | (awaits_room ? EPOLLOUT : 0), .data.u64 = tag};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event);
}

int ts_epoll_wait(int epoll, unsigned long long *tags, int count_max, unsigned long long timeout_ns) {
    struct epoll_event events[256];
    struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    int count = epoll_pwait2(epoll, events, count_max < 256 ? count_max : 256, &timeout, NULL);
    for (int index = 0; index < count; index++) tags[index] = events[index].data.u64;
    return count;
}

int ts_unread_bytes(int socket) {
    int bytes = 0;
    return ioctl(socket, FIONREAD, &bytes) == 0 ? bytes : 0;
}
