// Header-only inlines that Swift has no spelling for: they are inlined into the Swift callers.
// Only the Encoding room imports this module.
#ifndef VARVE_CKERNELS_H
#define VARVE_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// One bit per byte of the 64 at `p` that equals `byte`; bit 0 is p[0]. Reads exactly 64 bytes.
static inline uint64_t varve_mask64(const uint8_t *_Nonnull p, uint8_t byte) {
#if defined(__AVX2__)
    const __m256i needle = _mm256_set1_epi8((char)byte);
    const __m256i a = _mm256_loadu_si256((const __m256i *)p);
    const __m256i b = _mm256_loadu_si256((const __m256i *)(p + 32));
    uint64_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, needle));
    uint64_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, needle));
    return low | (high << 32);
#elif defined(__x86_64__)
    const __m128i needle = _mm_set1_epi8((char)byte);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, needle)) << (16 * i);
    }
    return mask;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++) mask |= (uint64_t)(p[i] == byte) << i;
    return mask;
#endif
}

/// Asks the processor to bring the cache line of `p` near. A hint only: any address is allowed.
static inline void varve_prefetch(const void *_Nullable p) { __builtin_prefetch(p, 0, 3); }

#if defined(__x86_64__)
/// CRC-32C (Castagnoli) by the SSE 4.2 instruction. The caller inverts before and after.
__attribute__((target("sse4.2"))) static inline uint32_t varve_crc32c_step(
    uint32_t crc, const uint8_t *_Nonnull p, size_t count) {
    uint64_t state = crc;
    while (count >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
        p += 8;
        count -= 8;
    }
    uint32_t tail = (uint32_t)state;
    while (count > 0) {
        tail = _mm_crc32_u8(tail, *p++);
        count--;
    }
    return tail;
}
static inline int varve_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") != 0; }
#else
/// Never called: varve_has_crc32c says no.
static inline uint32_t varve_crc32c_step(uint32_t crc, const uint8_t *_Nonnull p, size_t count) {
    (void)p;
    (void)count;
    return crc;
}
static inline int varve_has_crc32c(void) { return 0; }
#endif

#endif
