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

// sched_setaffinity(2): gives the calling thread every CPU that this process may use.
int ts_unpin_thread(void);

// prctl(2): timed waits of the calling thread end within a nanosecond's tolerance, not 50 microseconds.
int ts_set_precise_timers(void);

// setpriority(2), ioprio_set(2): beside others that want a core, the calling process gets a tenth of it; the disk when
// nobody else wants it. If `idle`, sched_setscheduler(2) with SCHED_IDLE as well: whoever wakes up has its core at
// once, where it would else wait for the end of a slice (1 to 3 ms), and beside others it gets next to nothing.
int ts_set_low_priority(int idle);

// prctl(2): the calling process is killed when the thread that started it ends. Answers 0 if `parent` has already
// ended.
int ts_die_with_parent(int parent);

// posix_spawn_file_actions_addclosefrom_np(3): the new process gets no descriptor from `first` on.
int ts_spawn_closing_from(void *actions, int first);

// pwritev2(2) with RWF_DSYNC: answers the bytes written, when they are on the disk.
long ts_write_durably(int file, const void *bytes, unsigned long size, long long offset);

// pthread_setname_np(3) for the calling thread; longer names are cut to 15 bytes.
void ts_name_thread(const char *name);

// epoll_create1(2), close-on-exec.
int ts_epoll_create(void);

// epoll_ctl(2): adds a socket, edge-triggered, for what it receives. `tag` comes back with its events.
int ts_epoll_add(int epoll, int socket, unsigned long long tag);

// epoll_ctl(2): whether its events are to tell as well that it takes more. Only while something is unsent: a unix
// socket has such an event for each read of its peer.
int ts_epoll_await_room(int epoll, int socket, unsigned long long tag, int awaits_room);

// epoll_pwait2(2): fills `tags` with those of at most `count_max` ready sockets, answers how many.
int ts_epoll_wait(int epoll, unsigned long long *tags, int count_max, unsigned long long timeout_ns);

// ioctl(2) with FIONREAD: bytes that a socket has received and nobody has read; 0 on failure.
int ts_unread_bytes(int socket);

#endif
