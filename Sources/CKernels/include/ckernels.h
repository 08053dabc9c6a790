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

/// One bit per i of 64: (p[i] | foldP) == a and (q[i] | foldQ) == b. A fold of 0x20 makes an ASCII
/// letter match in either case. Reads exactly 64 bytes at each.
static inline uint64_t varve_mask64_pair(
    const uint8_t *_Nonnull p, uint8_t a, uint8_t foldP, const uint8_t *_Nonnull q, uint8_t b,
    uint8_t foldQ) {
#if defined(__AVX2__)
    const __m256i va = _mm256_set1_epi8((char)a), vb = _mm256_set1_epi8((char)b);
    const __m256i fa = _mm256_set1_epi8((char)foldP), fb = _mm256_set1_epi8((char)foldQ);
    uint64_t mask = 0;
    for (int i = 0; i < 2; i++) {
        const __m256i x = _mm256_loadu_si256((const __m256i *)(p + 32 * i));
        const __m256i y = _mm256_loadu_si256((const __m256i *)(q + 32 * i));
        const __m256i both = _mm256_and_si256(
            _mm256_cmpeq_epi8(_mm256_or_si256(x, fa), va),
            _mm256_cmpeq_epi8(_mm256_or_si256(y, fb), vb));
        mask |= (uint64_t)(uint32_t)_mm256_movemask_epi8(both) << (32 * i);
    }
    return mask;
#elif defined(__x86_64__)
    const __m128i va = _mm_set1_epi8((char)a), vb = _mm_set1_epi8((char)b);
    const __m128i fa = _mm_set1_epi8((char)foldP), fb = _mm_set1_epi8((char)foldQ);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        const __m128i y = _mm_loadu_si128((const __m128i *)(q + 16 * i));
        const __m128i both = _mm_and_si128(
            _mm_cmpeq_epi8(_mm_or_si128(x, fa), va), _mm_cmpeq_epi8(_mm_or_si128(y, fb), vb));
        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(both) << (16 * i);
    }
    return mask;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)((uint8_t)(p[i] | foldP) == a && (uint8_t)(q[i] | foldQ) == b) << i;
    return mask;
#endif
}

/// One bit per byte of the 64 at `p` whose top bit is set: what is not ASCII. Reads 64 bytes.
static inline uint64_t varve_high64(const uint8_t *_Nonnull p) {
#if defined(__x86_64__)
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(v) << (16 * i);
    }
    return mask;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++) mask |= (uint64_t)(p[i] >> 7) << i;
    return mask;
#endif
}

/// One bit per byte of the 64 at `p` that is part of a word: an ASCII letter or digit, or not ASCII.
/// Reads 64 bytes.
static inline uint64_t varve_word64(const uint8_t *_Nonnull p) {
#if defined(__x86_64__)
    const __m128i bit5 = _mm_set1_epi8(0x20), a = _mm_set1_epi8(0x61), zero = _mm_set1_epi8(0x30);
    const __m128i letters = _mm_set1_epi8(25), digits = _mm_set1_epi8(9);
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        const __m128i letter = _mm_sub_epi8(_mm_or_si128(v, bit5), a);
        const __m128i digit = _mm_sub_epi8(v, zero);
        // The top bit of v itself says "not ASCII"; movemask reads top bits.
        const __m128i is = _mm_or_si128(
            v, _mm_or_si128(
                   _mm_cmpeq_epi8(_mm_min_epu8(letter, letters), letter),
                   _mm_cmpeq_epi8(_mm_min_epu8(digit, digits), digit)));
        mask |= (uint64_t)(uint16_t)_mm_movemask_epi8(is) << (16 * i);
    }
    return mask;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++) {
        const uint8_t letter = (uint8_t)((p[i] | 0x20) - 0x61), digit = (uint8_t)(p[i] - 0x30);
        mask |= (uint64_t)(letter < 26 || digit < 10 || p[i] > 0x7F) << i;
    }
    return mask;
#endif
}

/// One bit per byte of the 16 at `p` that is part of an identifier: as `varve_word64`, or an
/// underscore. Reads 16 bytes.
static inline uint64_t varve_identifier16(const uint8_t *_Nonnull p) {
#if defined(__x86_64__)
    const __m128i v = _mm_loadu_si128((const __m128i *)p);
    const __m128i letter = _mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8(0x61));
    const __m128i digit = _mm_sub_epi8(v, _mm_set1_epi8(0x30));
    const __m128i isLetter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter);
    const __m128i isDigit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
    const __m128i isScore = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x5F));
    // The top bit of v itself says "not ASCII".
    const __m128i is = _mm_or_si128(_mm_or_si128(v, isScore), _mm_or_si128(isLetter, isDigit));
    return (uint64_t)(uint16_t)_mm_movemask_epi8(is);
#else
    uint64_t mask = 0;
    for (int i = 0; i < 16; i++) {
        const uint8_t letter = (uint8_t)((p[i] | 0x20) - 0x61), digit = (uint8_t)(p[i] - 0x30);
        mask |= (uint64_t)(letter < 26 || digit < 10 || p[i] == 0x5F || p[i] > 0x7F) << i;
    }
    return mask;
#endif
}

/// How many of the `count` bytes at `p` equal `byte`.
static inline size_t varve_count_byte(const uint8_t *_Nonnull p, size_t count, uint8_t byte) {
    size_t total = 0;
    while (count > 0) {
        // Lanes of one byte overflow after 255 rounds.
        const size_t block = count < 255 * 16 ? count : 255 * 16;
        size_t i = 0;
#if defined(__x86_64__)
        const __m128i needle = _mm_set1_epi8((char)byte);
        __m128i sums = _mm_setzero_si128();
        for (; i + 16 <= block; i += 16)
            sums = _mm_sub_epi8(
                sums, _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + i)), needle));
        const __m128i wide = _mm_sad_epu8(sums, _mm_setzero_si128());
        total += (size_t)_mm_cvtsi128_si64(wide)
            + (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(wide, wide));
#endif
        for (; i < block; i++) total += p[i] == byte;
        p += block;
        count -= block;
    }
    return total;
}

/// The integer nearest to `value`, ties to even; INT64_MIN when there is none in 64 bits.
static inline int64_t varve_round(double value) {
#if defined(__x86_64__)
    return _mm_cvtsd_si64(_mm_set_sd(value));
#else
    const double rounded = __builtin_rint(value);
    return rounded >= -0x1p63 && rounded < 0x1p63 ? (int64_t)rounded : INT64_MIN;
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
