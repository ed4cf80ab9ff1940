// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of frames, log blocks and snapshots.
//
// The processor's instruction is used where there is one (x86-64 since 2008, Arm with the CRC
// extension); elsewhere the bitwise form gives the same value, slowly. A single stream of the
// instruction does 8 bytes in three cycles, which is several times the rate at which frames arrive.
#ifndef TIMESALE_CRC32C_H
#define TIMESALE_CRC32C_H

#include <stdint.h>
#include <stddef.h>

#define TS_CRC32C_POLYNOMIAL 0x82f63b78u

// One byte at a time, without a table: the reference that tests hold the fast paths against.
static inline uint32_t ts_crc32c_reference(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    crc = ~crc;
    while (count--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (TS_CRC32C_POLYNOMIAL & (0u - (crc & 1u)));
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static inline uint32_t ts_crc32c_sse42(uint32_t initial, const void *bytes, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    uint64_t crc = ~initial;
    while (count >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, p, 8);
        crc = __builtin_ia32_crc32di(crc, word);
        p += 8;
        count -= 8;
    }
    uint32_t narrow = (uint32_t)crc;
    while (count--) narrow = __builtin_ia32_crc32qi(narrow, *p++);
    return ~narrow;
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

// CRC-32C of `count` bytes, continuing from `crc` (0 to begin).
static inline uint32_t ts_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ts_crc32c_sse42(crc, bytes, count);
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
    const uint8_t *p = (const uint8_t *)bytes;
    uint32_t value = ~crc;
    while (count >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, p, 8);
        value = __crc32cd(value, word);
        p += 8;
        count -= 8;
    }
    while (count--) value = __crc32cb(value, *p++);
    return ~value;
#endif
    return ts_crc32c_reference(crc, bytes, count);
}

#endif
