#include "cre2.h"

#include <cstring>
#include <map>
#include <new>
#include <re2/re2.h>
#include <string>
#include <vector>

struct varve_re2 {
    re2::RE2 expression;
    std::vector<std::string> names;

    varve_re2(const re2::StringPiece &pattern, const re2::RE2::Options &options)
        : expression(pattern, options) {
        if (!expression.ok()) return;
        names.resize(static_cast<size_t>(expression.NumberOfCapturingGroups()) + 1);
        for (const auto &entry : expression.CapturingGroupNames()) {
            names[static_cast<size_t>(entry.first)] = entry.second;
        }
    }
};

extern "C" {

varve_re2 *varve_re2_new(
    const char *pattern, size_t count, int64_t max_memory, bool fold, bool dot_newline) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    options.set_case_sensitive(!fold);
    options.set_dot_nl(dot_newline);
    return new (std::nothrow) varve_re2(re2::StringPiece(pattern, count), options);
}

void varve_re2_free(varve_re2 *re) { delete re; }

const char *varve_re2_error(const varve_re2 *re) {
    return re->expression.ok() ? nullptr : re->expression.error().c_str();
}

bool varve_re2_full_match(const varve_re2 *re, const char *text, size_t count) {
    const re2::StringPiece input(text, count);
    return re->expression.Match(input, 0, count, re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

bool varve_re2_search(
    const varve_re2 *re, const char *text, size_t count, size_t start, varve_re2_span *spans,
    int span_count) {
    const re2::StringPiece input(text, count);
    constexpr int inlineGroups = 16;
    re2::StringPiece fixed[inlineGroups];
    std::vector<re2::StringPiece> many;
    re2::StringPiece *groups = fixed;
    if (span_count > inlineGroups) {
        many.resize(static_cast<size_t>(span_count));
        groups = many.data();
    }
    if (!re->expression.Match(input, start, count, re2::RE2::UNANCHORED, groups, span_count)) {
        return false;
    }
    for (int i = 0; i < span_count; i++) {
        const bool took = groups[i].data() != nullptr;
        spans[i].start = took ? groups[i].data() - text : -1;
        spans[i].end = took ? spans[i].start + static_cast<int64_t>(groups[i].size()) : -1;
    }
    return true;
}

int varve_re2_group_count(const varve_re2 *re) {
    return re->expression.NumberOfCapturingGroups();
}

const char *varve_re2_group_name(const varve_re2 *re, int index) {
    if (index < 0 || static_cast<size_t>(index) >= re->names.size()) return nullptr;
    const std::string &name = re->names[static_cast<size_t>(index)];
    return name.empty() ? nullptr : name.c_str();
}

bool varve_re2_match_range(
    const varve_re2 *re, char *low, size_t *low_count, char *high, size_t *high_count,
    size_t capacity) {
    std::string min;
    std::string max;
    if (!re->expression.PossibleMatchRange(&min, &max, static_cast<int>(capacity))) return false;
    if (min.size() > capacity || max.size() > capacity) return false;
    std::memcpy(low, min.data(), min.size());
    std::memcpy(high, max.data(), max.size());
    *low_count = min.size();
    *high_count = max.size();
    return true;
}
}
