// liburing, with what its macros and its age hide from Swift.
#ifndef TIMESALE_URING_H
#define TIMESALE_URING_H

// liburing.h asks for _GNU_SOURCE, which would give structs of libc another shape than Swift's Glibc module
// has: the features are settled before it can.
#include <features.h>
#include <liburing.h>

// Provided buffers that the kernel fills piece by piece (since 6.12; liburing 2.3 has no name for it).
#define TS_PBUF_RING_INCREMENTAL 2u
#define TS_CQE_F_BUF_MORE (1u << 4)

static inline int ts_ring_fd(const struct io_uring *ring) { return ring->ring_fd; }

// The oldest completion if there is one, without a system call.
static inline struct io_uring_cqe *ts_peek_cqe(struct io_uring *ring) {
    struct io_uring_cqe *cqe = NULL;
    unsigned head;
    io_uring_for_each_cqe(ring, head, cqe) { return cqe; }
    return NULL;
}

// Whether a wait would end at once, without a system call: a completion is there, or work that the kernel has deferred
// (IORING_SETUP_TASKRUN_FLAG).
static inline int ts_ring_has_work(const struct io_uring *ring) {
    unsigned flags = IO_URING_READ_ONCE(*ring->sq.kflags);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 || io_uring_cq_ready(ring) != 0;
}

// A write that is durable when it completes: RWF_DSYNC (pwritev2(2)).
static inline void ts_prep_write(struct io_uring_sqe *sqe, int fd, const void *bytes, unsigned count,
                                 uint64_t offset, int durable) {
    io_uring_prep_write(sqe, fd, bytes, count, offset);
    sqe->rw_flags = durable ? RWF_DSYNC : 0;
}

static inline void ts_prep_recv_multishot(struct io_uring_sqe *sqe, int fd, uint16_t group) {
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = group;
}

// `incremental` asks for TS_PBUF_RING_INCREMENTAL, which lies in a field that 2.3 calls padding.
static inline int ts_register_buf_ring(struct io_uring *ring, void *entries, uint32_t count, uint16_t group,
                                       int incremental) {
    struct io_uring_buf_reg registration;
    __builtin_memset(&registration, 0, sizeof registration);
    registration.ring_addr = (uint64_t)(uintptr_t)entries;
    registration.ring_entries = count;
    registration.bgid = group;
    registration.pad = incremental ? TS_PBUF_RING_INCREMENTAL : 0;
    return io_uring_register_buf_ring(ring, &registration, 0);
}

#endif
