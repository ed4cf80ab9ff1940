#define _GNU_SOURCE
#include "linux_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

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

void ts_name_thread(const char *name) {
    char cut[16];
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(pthread_self(), cut);
}

int ts_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int ts_epoll_add(int epoll, int socket, unsigned long long tag) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = tag};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

int ts_epoll_wait(int epoll, unsigned long long *tags, int count_max, int timeout_ms) {
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, count_max < 256 ? count_max : 256, timeout_ms);
    for (int index = 0; index < count; index++) tags[index] = events[index].data.u64;
    return count;
}
