// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of frames, log blocks and snapshots.
//
// The processor's instruction is used where there is one (x86-64 since 2008, Arm with the CRC
// extension); elsewhere the bitwise form gives the same value, slowly. One stream of the instruction does
// 8 bytes in three cycles, three streams side by side do 8 bytes in one: see ts_crc32c_three.
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
// x^(n-33) mod P, bit-reflected, for n bits in this many bytes.
#define TS_CRC32C_K_64 0x9e4addf8u
#define TS_CRC32C_K_128 0x0d3b6092u
#define TS_CRC32C_K_512 0xdd7e3b0cu
#define TS_CRC32C_K_1024 0x170076fau

// Multiplies by x^n, as if n bits of zeros followed, and adds: (a * x^n(ka)) + (b * x^n(kb)) mod P.
//
// Carry-less multiplication of two bit-reflected words of 32 bits gives a product that is one bit short of
// 64, and the crc32 instruction multiplies by x^32 more; so the constant for n bits is x^(n-33) mod P.
// (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2011.)
__attribute__((target("sse4.2,pclmul")))
static inline uint32_t ts_crc32c_shift(uint32_t a, uint32_t ka, uint32_t b, uint32_t kb) {
    typedef long long words __attribute__((vector_size(16)));
    words left = __builtin_ia32_pclmulqdq128((words){a, 0}, (words){ka, 0}, 0);
    words right = __builtin_ia32_pclmulqdq128((words){b, 0}, (words){kb, 0}, 0);
    return (uint32_t)__builtin_ia32_crc32di(0, (uint64_t)(left[0] ^ right[0]));
}

// Three neighbouring stretches of `stretch` bytes at once, then put together. `k1` and `k2` are the constants
// for one and for two stretches.
__attribute__((target("sse4.2,pclmul")))
static inline uint32_t ts_crc32c_three(uint32_t crc, const uint8_t *p, size_t stretch, uint32_t k1, uint32_t k2) {
    uint64_t first = crc, second = 0, third = 0;
    for (size_t offset = 0; offset < stretch; offset += 8) {
        uint64_t a, b, c;
        __builtin_memcpy(&a, p + offset, 8);
        __builtin_memcpy(&b, p + stretch + offset, 8);
        __builtin_memcpy(&c, p + 2 * stretch + offset, 8);
        first = __builtin_ia32_crc32di(first, a);
        second = __builtin_ia32_crc32di(second, b);
        third = __builtin_ia32_crc32di(third, c);
    }
    return ts_crc32c_shift((uint32_t)first, k2, (uint32_t)second, k1) ^ (uint32_t)third;
}

__attribute__((target("sse4.2,pclmul")))
static inline uint32_t ts_crc32c_sse42(uint32_t initial, const void *bytes, size_t count) {
    const uint8_t *p = (const uint8_t *)bytes;
    uint32_t state = ~initial;
    for (; count >= 3 * 512; p += 3 * 512, count -= 3 * 512)
        state = ts_crc32c_three(state, p, 512, TS_CRC32C_K_512, TS_CRC32C_K_1024);
    for (; count >= 3 * 64; p += 3 * 64, count -= 3 * 64)
        state = ts_crc32c_three(state, p, 64, TS_CRC32C_K_64, TS_CRC32C_K_128);
    uint64_t crc = state;
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
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) return ts_crc32c_sse42(crc, bytes, count);
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

#if defined(__x86_64__)
__attribute__((target("sse4.2,pclmul")))
static inline uint32_t ts_crc32c_words_sse42(uint64_t a, uint64_t b, uint64_t c) {
    uint64_t crc = __builtin_ia32_crc32di(0xffffffffu, a);
    crc = __builtin_ia32_crc32di(crc, b);
    return ~(uint32_t)__builtin_ia32_crc32di(crc, c);
}
#endif

// CRC-32C of three words as they lie in memory, to be continued with what follows them.
//
// For words that are about to be stored: a load of eight bytes that smaller stores have just filled waits until
// these have left the store buffer, which takes longer than the checksum.
static inline uint32_t ts_crc32c_words(uint64_t a, uint64_t b, uint64_t c) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) return ts_crc32c_words_sse42(a, b, c);
#endif
    uint64_t words[3] = {a, b, c};
    return ts_crc32c(0, words, sizeof(words));
}

#endif
