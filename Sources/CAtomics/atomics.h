// C11-style atomics on raw memory, for words that live outside Swift types: stock stripes, ring
// cursors, marks that one shard publishes and others read. Each function names its memory order.
#ifndef TIMESALE_ATOMICS_H
#define TIMESALE_ATOMICS_H

#include <stdint.h>
#include <stdbool.h>

static inline uint64_t ts_load_relaxed(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
static inline uint64_t ts_load_acquire(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline uint64_t ts_load_seq_cst(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void ts_store_relaxed(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }
static inline void ts_store_release(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
static inline void ts_store_seq_cst(uint64_t *word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
static inline uint64_t ts_fetch_add(uint64_t *word, uint64_t value) {
    return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
}
static inline uint64_t ts_fetch_sub(uint64_t *word, uint64_t value) {
    return __atomic_fetch_sub(word, value, __ATOMIC_SEQ_CST);
}
static inline uint64_t ts_exchange(uint64_t *word, uint64_t value) {
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

// Strong compare-and-swap. On failure *expected receives the value found.
static inline bool ts_compare_exchange(uint64_t *word, uint64_t *expected, uint64_t desired) {
    return __atomic_compare_exchange_n(word, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void ts_fence_seq_cst(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Tells the core that this is a spin-wait (Intel SDM, PAUSE; Arm ARM, YIELD).
static inline void ts_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
