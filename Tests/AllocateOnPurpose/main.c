// Calls every counted function a known number of times, each another number, on a thread named "on purpose": the
// control of the allocation counter. Function number N of `ac_function` is called N + 1 times.
//
// Prints `ready` when the thread has made its calls, and then lives until it is killed, so that the thread can be
// looked up by its name. Arguments are ignored.

#define _GNU_SOURCE
#include "../AllocationCounter/include/allocation_counter.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The compiler may drop an allocation that nobody looks at, or make a `realloc` of nothing a `malloc`: through these
// it has to make the call.
static void *volatile memory;
static void *volatile nothing = NULL;

static void call(enum ac_function function) {
    void *made;
    switch (function) {
    case AC_MALLOC: memory = malloc(100); return;
    case AC_CALLOC: memory = calloc(10, 10); return;
    case AC_REALLOC: memory = realloc(nothing, 100); return;
    case AC_REALLOCARRAY: memory = reallocarray(nothing, 10, 10); return;
    case AC_POSIX_MEMALIGN:
        if (posix_memalign(&made, 64, 128) != 0) abort();
        memory = made;
        return;
    case AC_ALIGNED_ALLOC: memory = aligned_alloc(64, 128); return;
    case AC_MEMALIGN: memory = memalign(64, 128); return;
    case AC_VALLOC: memory = valloc(100); return;
    case AC_PVALLOC: memory = pvalloc(100); return;
    case AC_MMAP: memory = mmap(NULL, 1 << 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); return;
    case AC_FREE: free(nothing); return;
    case AC_MUNMAP: munmap(memory, 1); return;
    case AC_FUNCTION_COUNT: return;
    }
}

static void *run(void *done) {
    pthread_setname_np(pthread_self(), "on purpose");
    for (int function = 0; function < AC_FUNCTION_COUNT; function++)
        for (int times = 0; times <= function; times++) call((enum ac_function)function);
    pthread_barrier_wait(done);
    for (;;) pause();
    return NULL;
}

int main(void) {
    pthread_barrier_t done;
    pthread_barrier_init(&done, NULL, 2);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, &done) != 0) return 71;
    pthread_barrier_wait(&done);
    puts("ready");
    fflush(stdout);
    for (;;) pause();
}
