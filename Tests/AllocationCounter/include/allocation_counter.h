// The file in which the preloaded library counts the allocations of each thread of a process, for another
// process to read at any moment. The path stands in the environment variable below; the reader makes the file,
// zeros of the size of `ac_file`, before the counted process starts.
//
//     header, 64 bytes                        slot of one thread, 128 bytes
//      0  magic "ALLOCNT1"                     0  thread id of the kernel, 0: the slot is free
//      8  process that counts, 0: none yet     8  traced: round of the last backtrace
//     12  slots taken                         16  malloc                (8 bytes each, and so on,
//     16  lost: threads without a slot        24  calloc                 in the order of ac_function)
//     20  round: 0, or print backtraces       ..
//     24  reserved (40)                      104  munmap
//     64  slots, AC_SLOT_COUNT                112  reserved (16)
//
// All numbers are little-endian. A counter is written by its own thread alone.
#ifndef TIMESALE_ALLOCATION_COUNTER_H
#define TIMESALE_ALLOCATION_COUNTER_H

#include <stdint.h>

#define AC_ENVIRONMENT "ALLOCATION_COUNTER_FILE"
#define AC_MAGIC 0x31544e434f4c4c41ull
#define AC_SLOT_COUNT 255

// The lines around a backtrace on stderr, with the thread and the function.
#define AC_TRACE_BEGIN "allocation counter: thread %u calls %s, from:"
#define AC_TRACE_END "allocation counter: end of thread %u"

enum ac_function {
    AC_MALLOC,
    AC_CALLOC,
    AC_REALLOC,
    AC_REALLOCARRAY,
    AC_POSIX_MEMALIGN,
    AC_ALIGNED_ALLOC,
    AC_MEMALIGN,
    AC_VALLOC,
    AC_PVALLOC,
    AC_MMAP,
    // What gives memory back is counted too, and last.
    AC_FREE,
    AC_MUNMAP,
    AC_FUNCTION_COUNT
};

struct ac_slot {
    uint32_t thread;
    uint32_t reserved;
    uint32_t traced;
    uint32_t reserved2;
    uint64_t counts[AC_FUNCTION_COUNT];
    uint64_t reserved3[2];
};

struct ac_header {
    uint64_t magic;
    uint32_t process;
    uint32_t slots_taken;
    uint32_t lost;
    // Set by the reader: each thread prints the backtrace of its first call in a round other than 0 to stderr.
    uint32_t round;
    uint8_t reserved[40];
};

struct ac_file {
    struct ac_header header;
    struct ac_slot slots[AC_SLOT_COUNT];
};

_Static_assert(sizeof(struct ac_header) == 64, "as in the diagram");
_Static_assert(sizeof(struct ac_slot) == 128, "as in the diagram");
_Static_assert(__builtin_offsetof(struct ac_slot, counts) == 16, "as in the diagram");

#endif
