internal import CKernels
internal import Glibc

/// A text to look for, prepared: candidates are where its first and its last byte stand at the right
/// distance, found 64 at a time; only those are compared whole.
package struct Needle: Sendable, Hashable {
    /// What is looked for; lower case when `ignoresCase`.
    package let bytes: [UInt8]
    /// Whether ASCII letters match in either case. Other letters must be equal.
    package let ignoresCase: Bool

    /// Prepares `bytes`; they may be empty, and then stand everywhere.
    package init(_ bytes: some Sequence<UInt8>, ignoresCase: Bool = false) {
        self.bytes = ignoresCase ? bytes.map(Self.lowered) : Array(bytes)
        self.ignoresCase = ignoresCase
    }

    /// Where it stands first, whole, in [from, to) of `haystack`.
    package func find(in haystack: [UInt8], from: Int, to: Int) -> Int? {
        precondition(
            0 <= from && from <= to && to <= haystack.count, "range outside of the bytes")
        guard bytes.count <= to - from else { return nil }
        guard !bytes.isEmpty else { return from }
        return unsafe haystack.withUnsafeBufferPointer { hay in
            unsafe bytes.withUnsafeBufferPointer { needle in
                guard let hay = hay.baseAddress, let needle = needle.baseAddress else {
                    return nil
                }
                let found = unsafe find(needle, in: hay + from, count: to - from)
                return found < 0 ? nil : from + found
            }
        }
    }

    /// How far from the start of `haystack` it stands first, whole, at `from` or behind.
    func find(in haystack: ArraySlice<UInt8>, from: Int) -> Int? {
        guard !bytes.isEmpty, bytes.count <= haystack.count - from else { return nil }
        return unsafe haystack.withUnsafeBufferPointer { hay in
            unsafe bytes.withUnsafeBufferPointer { needle in
                guard let hay = hay.baseAddress, let needle = needle.baseAddress else {
                    return nil
                }
                let found = unsafe find(needle, in: hay + from, count: haystack.count - from)
                return found < 0 ? nil : from + found
            }
        }
    }

    /// Whether it stands anywhere in [from, to) of `haystack`.
    package func isFound(in haystack: [UInt8], from: Int, to: Int) -> Bool {
        find(in: haystack, from: from, to: to) != nil
    }

    /// The offset in `hay`, or -1. Neither is empty and the needle is no longer than the hay.
    private func find(
        _ needle: UnsafePointer<UInt8>, in hay: UnsafePointer<UInt8>, count: Int
    ) -> Int {
        let length = bytes.count
        let first = unsafe needle[0]
        let last = unsafe needle[length - 1]
        let foldFirst = fold(first)
        let foldLast = fold(last)
        // A match can start at [0, starts).
        let starts = count - length + 1
        var at = 0
        while at < starts {
            var window = at
            var mask: UInt64
            if starts >= 64 {
                // The last window overlaps the one before; the bits seen are cleared.
                window = min(at, starts - 64)
                let start = unsafe hay + window
                mask = unsafe varve_mask64_pair(
                    start, first, foldFirst, start + (length - 1), last, foldLast)
                mask &= ~0 &<< UInt64(at - window)
            } else {
                mask = 0
                for index in at..<starts {
                    let head = unsafe hay[index] | foldFirst
                    let tail = unsafe hay[index + length - 1] | foldLast
                    if head == first, tail == last { mask |= 1 &<< UInt64(index - at) }
                }
            }
            while mask != 0 {
                let candidate = window + mask.trailingZeroBitCount
                if unsafe isEqual(hay + candidate, needle) { return candidate }
                mask &= mask &- 1
            }
            at = window + 64
        }
        return -1
    }

    /// Whether `byte` may stand where the needle's byte `index` does.
    @inline(__always)
    func isEqual(_ byte: UInt8, at index: Int) -> Bool {
        (ignoresCase ? Self.lowered(byte) : byte) == bytes[index]
    }

    @inline(__always)
    private func isEqual(_ hay: UnsafePointer<UInt8>, _ needle: UnsafePointer<UInt8>) -> Bool {
        guard ignoresCase else { return unsafe memcmp(hay, needle, bytes.count) == 0 }
        for index in 0..<bytes.count
        where unsafe Self.lowered(hay[index]) != needle[index] { return false }
        return true
    }

    /// What to set in a byte of the haystack before comparing it with `byte`. Only letters fold:
    /// `@` and a backquote also differ by 0x20, but are never looked for folded.
    private func fold(_ byte: UInt8) -> UInt8 {
        ignoresCase && (0x61...0x7a).contains(byte) ? 0x20 : 0
    }

    @inline(__always)
    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }
}
