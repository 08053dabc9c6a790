internal import Encoding

/// The level that a line itself tells, found as Loki finds it: in the fields of JSON or logfmt, and
/// where they do not say a level, among the words of the line.
///
/// JSON is what stands between braces; the first text of its first two levels under a name of
/// `LevelFields` counts, in the order of the line. Logfmt is what has an equals sign; of its names
/// the first in the order of `LevelFields` counts, in any case of letters. Of words that stand by
/// themselves the one that is first in `words` counts, not the one that is first in the line. What
/// is broken is read up to the break. Allocates nothing; O(bytes).
/// Source: grafana/loki pkg/distributor/field_detection.go.
package enum LineLevel {
    /// How deep fields of JSON are looked for: Loki's `log_level_from_json_max_depth`.
    private static let depthMax = 2

    /// The level of `line`; `unknown` when nothing in it is one.
    package static func level(of line: ArraySlice<UInt8>) -> LogLevel {
        let text = line.span
        let value = isJSON(text) ? jsonValue(line, text) : logfmtValue(line, text)
        if let value, let level = LogLevel(named: value) { return level }
        return wordLevel(of: line)
    }

    // MARK: Words

    private static let words: KeyValuePairs<String, LogLevel> = [
        "trace": .trace, "debug": .debug, "fatal": .fatal, "critical": .critical, "error": .error,
        "err": .error, "warning": .warn, "warn": .warn, "info": .info,
    ]
    private static let wordLevels = words.map(\.value)
    private static let scan = WordScan(words.map(\.key))

    private static func wordLevel(of line: ArraySlice<UInt8>) -> LogLevel {
        let found = scan.found(in: line)
        return found == 0 ? .unknown : wordLevels[found.trailingZeroBitCount]
    }

    // MARK: JSON

    private static func isJSON(_ text: Span<UInt8>) -> Bool {
        var start = 0
        while start < text.count, isBlank(text[start]) { start += 1 }
        var end = text.count
        while end > start, isBlank(text[end - 1]) { end -= 1 }
        return end - start >= 2 && text[start] == 0x7B && text[end - 1] == 0x7D
    }

    /// The text that says the level.
    private static func jsonValue(
        _ line: ArraySlice<UInt8>, _ text: Span<UInt8>
    ) -> ArraySlice<UInt8>? {
        var at = 0
        skipBlanks(text, &at)
        at += 1
        var depth = 1
        while depth > 0 {
            while at < text.count, isBlank(text[at]) || text[at] == 0x2C { at += 1 }
            guard at < text.count else { return nil }
            if text[at] == 0x7D {
                depth -= 1
                at += 1
                continue
            }
            guard let name = jsonText(text, &at) else { return nil }
            skipBlanks(text, &at)
            guard text.has(0x3A, at: at, before: text.count) else { return nil }
            at += 1
            skipBlanks(text, &at)
            guard at < text.count else { return nil }
            switch text[at] {
            case 0x22:
                guard let value = jsonText(text, &at) else { return nil }
                if LevelFields.rank(of: slice(line, name)) != nil { return slice(line, value) }
            case 0x7B where depth < depthMax:
                depth += 1
                at += 1
            case 0x7B, 0x5B:
                guard skipNested(text, &at) else { return nil }
            default:
                while at < text.count, text[at] != 0x2C, text[at] != 0x7D { at += 1 }
            }
        }
        return nil
    }

    /// Moves behind the text in quotes at `at`; what is between them, escapes as they are. Nil when
    /// none begins there or it does not end.
    private static func jsonText(_ text: Span<UInt8>, _ at: inout Int) -> Range<Int>? {
        guard text.has(0x22, at: at, before: text.count) else { return nil }
        let start = at + 1
        at = start
        while at < text.count {
            let byte = text[at]
            if byte == 0x22 {
                at += 1
                return start..<(at - 1)
            }
            at += byte == 0x5C ? 2 : 1
        }
        return nil
    }

    /// Moves behind the object or array at `at`; false when it does not end.
    private static func skipNested(_ text: Span<UInt8>, _ at: inout Int) -> Bool {
        var depth = 0
        while at < text.count {
            switch text[at] {
            case 0x22:
                guard jsonText(text, &at) != nil else { return false }
                continue
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D: depth -= 1
            default: break
            }
            at += 1
            if depth == 0 { return true }
        }
        return false
    }

    // MARK: Logfmt

    /// The value that says the level.
    private static func logfmtValue(
        _ line: ArraySlice<UInt8>, _ text: Span<UInt8>
    ) -> ArraySlice<UInt8>? {
        guard text.firstIndex(of: 0x3D, from: 0, to: text.count) != nil else { return nil }
        var found: ArraySlice<UInt8>?
        var foundRank = Int.max
        var at = 0
        while at < text.count {
            while at < text.count, text[at] <= 0x20 { at += 1 }
            let start = at
            while at < text.count, text[at] > 0x20, text[at] != 0x3D, text[at] != 0x22 { at += 1 }
            let name = start..<at
            // A quote where a name should be.
            guard !text.has(0x22, at: at, before: text.count) else { return found }
            guard text.has(0x3D, at: at, before: text.count) else { continue }
            at += 1
            let value: Range<Int>
            if text.has(0x22, at: at, before: text.count) {
                guard let quoted = jsonText(text, &at) else { return found }
                value = quoted
            } else {
                let valueStart = at
                while at < text.count, text[at] > 0x20 { at += 1 }
                value = valueStart..<at
            }
            guard let rank = LevelFields.foldedRank(of: slice(line, name)), rank < foundRank
            else { continue }
            (found, foundRank) = (slice(line, value), rank)
            if rank == 0 { return found }
        }
        return found
    }

    // MARK: Bytes

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }

    @inline(__always)
    private static func skipBlanks(_ text: Span<UInt8>, _ at: inout Int) {
        while at < text.count, isBlank(text[at]) { at += 1 }
    }

    /// The bytes of `line` at `range` of its span.
    @inline(__always)
    private static func slice(
        _ line: ArraySlice<UInt8>, _ range: Range<Int>
    ) -> ArraySlice<UInt8> {
        line[(line.startIndex + range.lowerBound)..<(line.startIndex + range.upperBound)]
    }
}
