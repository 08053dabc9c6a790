internal import CRE2

/// An RE2 expression: linear time, the dialect of Prometheus and Loki. Immutable and thread-safe;
/// share it instead of compiling twice.
@safe package final class RegularExpression: Sendable {
    package let pattern: String
    /// Whether it was asked to ignore case as a whole; the pattern may do so by itself too.
    package let foldsCase: Bool
    // RE2 objects are immutable after construction and documented as safe for concurrent use.
    private nonisolated(unsafe) let handle: OpaquePointer
    package let groupCount: Int

    /// What a pattern may cost at most in memory, bytes.
    package static let memoryBytesMax: Int64 = 8 << 20
    package static let patternBytesMax = 16 << 10

    /// Throws `ModelError.regularExpression` with RE2's words when `pattern` does not compile.
    /// `dotMatchesNewline`: PromQL matchers say yes, LogQL's line filters no.
    package init(
        _ pattern: String, foldsCase: Bool = false, dotMatchesNewline: Bool = false
    ) throws(ModelError) {
        guard pattern.utf8.count <= RegularExpression.patternBytesMax else {
            throw ModelError.regularExpression(
                pattern: String(pattern.prefix(64)) + "…",
                message: "longer than \(RegularExpression.patternBytesMax) bytes")
        }
        let text = pattern.utf8.map { CChar(bitPattern: $0) } + [0]
        let made = unsafe varve_re2_new(
            text, text.count - 1, RegularExpression.memoryBytesMax, foldsCase, dotMatchesNewline)
        guard let made = unsafe made else {
            throw ModelError.regularExpression(pattern: pattern, message: "out of memory")
        }
        if let error = unsafe varve_re2_error(made) {
            let message = unsafe String(cString: error)
            unsafe varve_re2_free(made)
            throw ModelError.regularExpression(pattern: pattern, message: message)
        }
        self.pattern = pattern
        self.foldsCase = foldsCase
        unsafe handle = made
        groupCount = Int(unsafe varve_re2_group_count(made))
    }

    deinit { unsafe varve_re2_free(handle) }

    /// Whether the whole of `text` matches.
    package func matchesWhole(_ text: ArraySlice<UInt8>) -> Bool {
        unsafe text.withUnsafeBytes { bytes in
            unsafe varve_re2_full_match(
                handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
    }

    /// Whether the whole of `text` matches.
    package func matchesWhole(_ text: String) -> Bool { matchesWhole(ArraySlice(text.utf8)) }

    /// Whether `text` holds a match anywhere.
    package func matches(in text: ArraySlice<UInt8>) -> Bool {
        unsafe text.withUnsafeBytes { bytes in
            unsafe varve_re2_search(
                handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, 0,
                nil, 0)
        }
    }

    /// The leftmost match at or after `from` (an index of `text`) and its groups, as ranges of
    /// `text`'s indices; element 0 is the whole match, nil a group that took no part.
    package func firstMatch(
        in text: ArraySlice<UInt8>, from: Int? = nil
    ) -> [Range<Int>?]? {
        let base = text.startIndex
        let start = (from ?? base) - base
        guard start <= text.count else { return nil }
        let empty = varve_re2_span(start: -1, end: -1)
        var spans = [varve_re2_span](repeating: empty, count: groupCount + 1)
        let found = unsafe text.withUnsafeBytes { bytes in
            unsafe spans.withUnsafeMutableBufferPointer { out in
                unsafe varve_re2_search(
                    handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
                    start, out.baseAddress, Int32(out.count))
            }
        }
        guard found else { return nil }
        return spans.map { span in
            span.start < 0 ? nil : base + Int(span.start)..<base + Int(span.end)
        }
    }

    /// The name of each group, from 1; nil for one without.
    package var groupNames: [String?] {
        (0..<groupCount).map { index in
            guard let name = unsafe varve_re2_group_name(handle, Int32(index + 1)) else {
                return nil
            }
            return unsafe String(cString: name)
        }
    }

    /// Bounds between which every string that matches whole lies, or nil when there are none:
    /// turns an anchored expression into a range scan of a sorted dictionary.
    package func matchRange() -> (low: [UInt8], high: [UInt8])? {
        let capacity = 64
        var low = [CChar](repeating: 0, count: capacity)
        var high = [CChar](repeating: 0, count: capacity)
        var lowCount = 0
        var highCount = 0
        let bounded = unsafe varve_re2_match_range(
            handle, &low, &lowCount, &high, &highCount, capacity)
        guard bounded else { return nil }
        return (
            low.prefix(lowCount).map { UInt8(bitPattern: $0) },
            high.prefix(highCount).map { UInt8(bitPattern: $0) }
        )
    }

    /// The literal when the pattern is one (no operator in it), else nil.
    package var literal: String? {
        let special: Set<Character> = [
            "\\", ".", "+", "*", "?", "(", ")", "|", "[", "]", "{", "}", "^", "$",
        ]
        return pattern.contains(where: special.contains) ? nil : pattern
    }
}
