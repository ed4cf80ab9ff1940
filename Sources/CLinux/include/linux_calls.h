// Calls of Linux that Swift's Glibc module does not show. Their headers stay in the .c file, since a header
// that defines _GNU_SOURCE clashes with that module. Each answers as the call does: -1 and errno on failure.
#ifndef TIMESALE_LINUX_CALLS_H
#define TIMESALE_LINUX_CALLS_H

// eventfd(2), close-on-exec, counter at 0.
int ts_eventfd(void);

// open(2) for writing, close-on-exec; past the page cache (O_DIRECT) if `direct`.
int ts_open_for_writing(const char *path, int direct);

// sched_setaffinity(2): binds the calling thread to one CPU.
int ts_pin_thread(int cpu);

// pthread_setname_np(3) for the calling thread; longer names are cut to 15 bytes.
void ts_name_thread(const char *name);

// epoll_create1(2), close-on-exec.
int ts_epoll_create(void);

// epoll_ctl(2): adds a socket, edge-triggered, for both directions. `tag` comes back with its events.
int ts_epoll_add(int epoll, int socket, unsigned long long tag);

// epoll_wait(2): fills `tags` with those of at most `count_max` ready sockets, answers how many.
int ts_epoll_wait(int epoll, unsigned long long *tags, int count_max, int timeout_ms);

#endif
