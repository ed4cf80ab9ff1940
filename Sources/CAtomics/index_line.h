// A line of a hash index, searched whole: eight entries, each a handle (low half) and a tag (high half).
//
// Comparing all eight at once costs less than the branches of a search one by one, which depend on random
// data and are mispredicted accordingly (the idea of SwissTable: Kulukundis, CppCon 2017).
#ifndef TIMESALE_INDEX_LINE_H
#define TIMESALE_INDEX_LINE_H

#include <stdint.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

// Bit 2i + 1 of the answer: entry i has this tag. Bit 2i: entry i is free, its handle is 0.
__attribute__((always_inline)) static inline uint32_t ts_search_line(const uint64_t *line, uint32_t tag) {
#if defined(__x86_64__)
    const __m128i *quarters = (const __m128i *)line;
    const __m128i wanted = _mm_set_epi32((int)tag, 0, (int)tag, 0);
    // Words of two entries: handle, tag, handle, tag; each is all ones where it equals what it is compared with.
    __m128i a = _mm_cmpeq_epi32(_mm_load_si128(quarters + 0), wanted);
    __m128i b = _mm_cmpeq_epi32(_mm_load_si128(quarters + 1), wanted);
    __m128i c = _mm_cmpeq_epi32(_mm_load_si128(quarters + 2), wanted);
    __m128i d = _mm_cmpeq_epi32(_mm_load_si128(quarters + 3), wanted);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
#else
    uint32_t found = 0;
    for (int index = 0; index < 8; index++) {
        found |= (uint32_t)((uint32_t)line[index] == 0) << (2 * index);
        found |= (uint32_t)((uint32_t)(line[index] >> 32) == tag) << (2 * index + 1);
    }
    return found;
#endif
}

#endif
