// Counts the allocations of each thread, preloaded into a program (ld.so(8), LD_PRELOAD). See the header for the
// file that it counts in. Without the environment variable it counts nothing.
//
// glibc's own names of the functions (`__libc_malloc` ...) are called in place of what dlsym(3) would find, since
// dlsym may allocate. A thread's place lies in its static thread-local storage (initial-exec), since storage made
// at the first touch would be allocated with the malloc that is being counted.

#define _GNU_SOURCE
#include "allocation_counter.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);
extern void __libc_free(void *memory);

#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))

// Null: this process does not count.
static struct ac_file *file;
THREAD_LOCAL struct ac_slot *own_slot;
// While a backtrace is printed, which allocates itself.
THREAD_LOCAL int is_tracing;
// One backtrace at a time, or two threads' lines would mix.
static pthread_mutex_t tracing = PTHREAD_MUTEX_INITIALIZER;

static const char *const names[AC_FUNCTION_COUNT] = {
    "malloc",   "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc",
    "memalign", "valloc", "pvalloc", "mmap",         "free",           "munmap",
};

static void *system_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return (void *)syscall(SYS_mmap, address, size, protection, flags, descriptor, offset);
}

static void leave_after_fork(void) {
    // The child's thread would count in the place of its parent.
    file = NULL;
    own_slot = NULL;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv(AC_ENVIRONMENT);
    if (path == NULL) return;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    struct ac_file *memory =
        system_mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory == MAP_FAILED) return;
    // A program that this one starts inherits the environment: the file belongs to the first.
    uint32_t none = 0;
    if (!__atomic_compare_exchange_n(&memory->header.process, &none, (uint32_t)getpid(), 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        syscall(SYS_munmap, memory, sizeof *memory);
        return;
    }
    pthread_atfork(NULL, NULL, leave_after_fork);
    // The first backtrace loads a library: not in the middle of somebody's malloc.
    void *frame;
    backtrace(&frame, 1);
    memory->header.magic = AC_MAGIC;
    __atomic_store_n(&file, memory, __ATOMIC_SEQ_CST);
}

static struct ac_slot *take_slot(struct ac_file *file) {
    uint32_t index = __atomic_fetch_add(&file->header.slots_taken, 1, __ATOMIC_SEQ_CST);
    if (index >= AC_SLOT_COUNT) {
        __atomic_fetch_add(&file->header.lost, 1, __ATOMIC_SEQ_CST);
        return NULL;
    }
    __atomic_store_n(&file->slots[index].thread, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    return &file->slots[index];
}

// Names the callers of the counted function, so that a count that should be 0 can be found in the source. The
// first frames are this library's.
static void trace(const struct ac_slot *slot, enum ac_function function) {
    is_tracing = 1;
    void *frames[32];
    int count = backtrace(frames, 32);
    pthread_mutex_lock(&tracing);
    dprintf(STDERR_FILENO, AC_TRACE_BEGIN "\n", slot->thread, names[function]);
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    dprintf(STDERR_FILENO, AC_TRACE_END "\n", slot->thread);
    pthread_mutex_unlock(&tracing);
    is_tracing = 0;
}

static void note(enum ac_function function) {
    struct ac_file *counting = __atomic_load_n(&file, __ATOMIC_RELAXED);
    if (counting == NULL || is_tracing) return;
    int number = errno;
    if (own_slot == NULL) own_slot = take_slot(counting);
    if (own_slot != NULL) {
        uint64_t *count = &own_slot->counts[function];
        __atomic_store_n(count, *count + 1, __ATOMIC_RELEASE);
        uint32_t round = __atomic_load_n(&counting->header.round, __ATOMIC_RELAXED);
        if (round != 0 && round != own_slot->traced) {
            own_slot->traced = round;
            trace(own_slot, function);
        }
    }
    errno = number;
}

// MARK: What takes memory

void *malloc(size_t size) {
    note(AC_MALLOC);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(AC_CALLOC);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    note(AC_REALLOC);
    return __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size) {
    note(AC_REALLOCARRAY);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(memory, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    note(AC_POSIX_MEMALIGN);
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    // The call answers with its error, and leaves errno alone.
    int number = errno;
    void *made = __libc_memalign(alignment, size);
    errno = number;
    if (made == NULL) return ENOMEM;
    *memory = made;
    return 0;
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(AC_ALIGNED_ALLOC);
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    note(AC_MEMALIGN);
    return __libc_memalign(alignment, size);
}

void *valloc(size_t size) {
    note(AC_VALLOC);
    return __libc_valloc(size);
}

void *pvalloc(size_t size) {
    note(AC_PVALLOC);
    return __libc_pvalloc(size);
}

void *mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset) {
    note(AC_MMAP);
    return system_mmap(address, size, protection, flags, descriptor, offset);
}

// The name that programs with 64-bit offsets call: the same function where `off_t` has 64 bits anyway.
void *mmap64(void *address, size_t size, int protection, int flags, int descriptor, off64_t offset)
    __attribute__((alias("mmap")));

// MARK: What gives it back

void free(void *memory) {
    note(AC_FREE);
    __libc_free(memory);
}

int munmap(void *address, size_t size) {
    note(AC_MUNMAP);
    return (int)syscall(SYS_munmap, address, size);
}
