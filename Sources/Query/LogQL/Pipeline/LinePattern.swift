internal import Encoding

/// A pattern such as `<ip> - <_> "<method> <path>"`: literals between captures. Takes a line apart
/// (`pattern`) or tests it (`|>`).
///
/// Source: Loki 3, pkg/logql/log/pattern.
struct LinePattern: Sendable {
    enum Part: Sendable, Equatable {
        case literal([UInt8])
        /// Nil: `<_>`.
        case capture(String?)
    }

    let parts: [Part]

    /// `text` must have no `problem`.
    init(_ text: String) { parts = LinePattern.parts(of: text) }

    /// What is wrong with `text`, or nil.
    static func problem(of text: String, allowsNames: Bool) -> String? {
        let parts = parts(of: text)
        if parts.isEmpty, allowsNames { return "empty pattern" }
        var names: [String] = []
        var previousIsCapture = false
        for part in parts {
            guard case .capture(let name) = part else {
                previousIsCapture = false
                continue
            }
            if previousIsCapture {
                return "found consecutive capture; literals must stand between them"
            }
            previousIsCapture = true
            guard let name else { continue }
            if !allowsNames { return "named captures are not allowed in a pattern filter" }
            if names.contains(name) { return "duplicate capture name (\(name))" }
            names.append(name)
        }
        if allowsNames, names.isEmpty { return "at least one capture is required" }
        return nil
    }

    /// The same pattern without names of captures, and one for those that follow each other.
    static func anonymous(_ text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var previousIsCapture = false
        for part in parts(of: text) {
            if case .literal(let bytes) = part {
                result += bytes
                previousIsCapture = false
            } else {
                if !previousIsCapture { result += LinePatterns.wildcard }
                previousIsCapture = true
            }
        }
        return result
    }

    private static func parts(of text: String) -> [Part] { parts(of: Array(text.utf8)) }

    private static func parts(of bytes: [UInt8]) -> [Part] {
        var parts: [Part] = []
        var literal: [UInt8] = []
        var offset = 0
        while offset < bytes.count {
            if bytes[offset] == UInt8(ascii: "<"), let end = captureEnd(of: bytes, at: offset) {
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal = []
                let name = String(decoding: bytes[offset + 1..<end], as: UTF8.self)
                parts.append(.capture(name == "_" ? nil : name))
                offset = end + 1
            } else {
                literal.append(bytes[offset])
                offset += 1
            }
        }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        return parts
    }

    /// The index of the `>` when a capture starts at `start`.
    private static func captureEnd(of bytes: [UInt8], at start: Int) -> Int? {
        var end = start + 1
        while end < bytes.count {
            switch bytes[end] {
            case UInt8(ascii: "_"), 0x41...0x5A, 0x61...0x7A: end += 1
            case 0x30...0x39 where end > start + 1: end += 1
            case UInt8(ascii: ">") where end > start + 1: return end
            default: return nil
            }
        }
        return nil
    }

    /// Names of the captures in order, `<_>` left out.
    var names: [String] {
        parts.compactMap { part in
            guard case .capture(let name) = part else { return nil }
            return name
        }
    }

    /// Calls `body` with the part's index and the range of each named capture. What follows a
    /// literal that is not there is lost, as in Loki.
    func captures(in text: [UInt8], _ range: Range<Int>, _ body: (Int, Range<Int>) -> Void) {
        guard !range.isEmpty else { return }
        var start = range.lowerBound
        for (index, part) in parts.enumerated() {
            switch part {
            case .literal(let literal):
                if index == 0 {
                    guard text[range].starts(with: literal) else { return }
                    start += literal.count
                }
            case .capture(let name):
                guard index + 1 < parts.count, case .literal(let literal) = parts[index + 1]
                else {
                    if name != nil { body(index, start..<range.upperBound) }
                    return
                }
                let found = ByteSearch.firstIndex(of: literal, in: text, start..<range.upperBound)
                if name != nil { body(index, start..<(found ?? range.upperBound)) }
                guard let found else { return }
                start = found + literal.count
            }
        }
    }

    /// Whether the whole of `text[range]` has this form; a capture stands for at least a byte.
    func matches(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        guard let last = parts.last, !range.isEmpty else { return parts.isEmpty && range.isEmpty }
        var start = range.lowerBound
        for (index, part) in parts.enumerated() {
            guard case .literal(let literal) = part else { continue }
            guard
                let found = ByteSearch.firstIndex(
                    of: literal, in: text, start..<range.upperBound)
            else { return false }
            if index != 0, found == start { return false }
            start = found + literal.count
        }
        var endsOnCapture = false
        if case .capture = last { endsOnCapture = true }
        return endsOnCapture == (start != range.upperBound)
    }
}
