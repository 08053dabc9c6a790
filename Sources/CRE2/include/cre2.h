// RE2 behind a C interface: regular expressions in linear time, the dialect of Prometheus and
// Loki. Only the Model room imports this module.
#ifndef VARVE_CRE2_H
#define VARVE_CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct varve_re2 varve_re2;

typedef struct {
    /// Byte offset of the group in the text, or -1 when the group took no part in the match.
    int64_t start;
    int64_t end;
} varve_re2_span;

/// Compiles `pattern`. Null when memory is short or `max_memory` (bytes) does not suffice for the
/// parser; otherwise ask `varve_re2_error`. Case folding by `fold`, `.` matches newline by
/// `dot_newline`.
varve_re2 *_Nullable varve_re2_new(
    const char *_Nonnull pattern, size_t count, int64_t max_memory, bool fold, bool dot_newline);
void varve_re2_free(varve_re2 *_Nonnull re);

/// The error of a pattern that did not compile (valid as long as `re`), or null.
const char *_Nullable varve_re2_error(const varve_re2 *_Nonnull re);

/// Whether the whole of `text` matches.
bool varve_re2_full_match(const varve_re2 *_Nonnull re, const char *_Nullable text, size_t count);

/// Whether `text` contains a match. The leftmost match and its groups go to `spans`
/// (`span_count` of them; the first is the whole match), from byte `start` on.
bool varve_re2_search(
    const varve_re2 *_Nonnull re, const char *_Nullable text, size_t count, size_t start,
    varve_re2_span *_Nullable spans, int span_count);

int varve_re2_group_count(const varve_re2 *_Nonnull re);

/// The name of group `index` (from 1), or null. Valid as long as `re`.
const char *_Nullable varve_re2_group_name(const varve_re2 *_Nonnull re, int index);

/// The bounds [low, high] in which every full match lies when prefixes allow one; false if none.
bool varve_re2_match_range(
    const varve_re2 *_Nonnull re, char *_Nonnull low, size_t *_Nonnull low_count,
    char *_Nonnull high, size_t *_Nonnull high_count, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
