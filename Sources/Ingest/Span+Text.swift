/// Looking at bytes as ASCII text without making strings of them. Positions are indexes of the
/// span; every function takes the end of what it may look at.
extension Span where Element == UInt8 {
    /// Whether the byte at `place` is `byte`; false at or behind `end`.
    @inline(__always)
    func has(_ byte: UInt8, at place: Int, before end: Int) -> Bool {
        place < end && self[place] == byte
    }

    /// The first place of `byte` in [start, end).
    @inline(__always)
    func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        var at = start
        while at < end {
            if self[at] == byte { return at }
            at += 1
        }
        return nil
    }

    /// Whether `text` stands at `place`.
    func starts(with text: String, at place: Int, before end: Int) -> Bool {
        var at = place
        for byte in text.utf8 {
            guard has(byte, at: at, before: end) else { return false }
            at += 1
        }
        return true
    }

    /// The number that the `count` digits at `place` are, or nil.
    @inline(__always)
    func digits(_ count: Int, at place: Int, before end: Int) -> Int? {
        guard place + count <= end else { return nil }
        var value = 0
        var at = place
        while at < place + count {
            let digit = self[at] &- 0x30
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
            at += 1
        }
        return value
    }

    /// Whether all bytes of `range` are ASCII.
    @inline(__always)
    func isASCII(_ range: Range<Int>) -> Bool {
        var all: UInt8 = 0
        var at = range.lowerBound
        while at < range.upperBound {
            all |= self[at]
            at += 1
        }
        return all < 0x80
    }

    /// Whether the bytes of `range` are UTF-8.
    func isUTF8(_ range: Range<Int>) -> Bool {
        if isASCII(range) { return true }
        do {
            _ = try UTF8Span(validating: extracting(range))
            return true
        } catch {
            return false
        }
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- 0x30 <= 9 }
    @inline(__always) var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inline(__always) var isWordByte: Bool { isLetter || isDigit || self == 0x5F }
}
