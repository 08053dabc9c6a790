internal import CKernels

/// Looks for bytes 64 at a time. All functions take a range [from, to) of an array, check it once
/// and read nothing outside of it. Positions are indices of the array.
package enum ByteScan {
    /// Where `byte` stands first in [from, to).
    package static func firstIndex(
        of byte: UInt8, in bytes: [UInt8], from: Int, to: Int
    ) -> Int? {
        precondition(0 <= from && from <= to && to <= bytes.count, "range outside of the bytes")
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var at = from
            while to - at >= 64 {
                let mask = unsafe varve_mask64(base + at, byte)
                if mask != 0 { return at + mask.trailingZeroBitCount }
                at += 64
            }
            while at < to {
                if unsafe base[at] == byte { return at }
                at += 1
            }
            return nil
        }
    }

    /// Where `one` or `other` stands first in [from, to).
    package static func firstIndex(
        ofEither one: UInt8, or other: UInt8, in bytes: [UInt8], from: Int, to: Int
    ) -> Int? {
        precondition(0 <= from && from <= to && to <= bytes.count, "range outside of the bytes")
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var at = from
            while to - at >= 64 {
                let mask = unsafe varve_mask64(base + at, one) | varve_mask64(base + at, other)
                if mask != 0 { return at + mask.trailingZeroBitCount }
                at += 64
            }
            while at < to {
                let byte = unsafe base[at]
                if byte == one || byte == other { return at }
                at += 1
            }
            return nil
        }
    }

    /// How often `byte` stands in [from, to).
    package static func count(of byte: UInt8, in bytes: [UInt8], from: Int, to: Int) -> Int {
        precondition(0 <= from && from <= to && to <= bytes.count, "range outside of the bytes")
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            return unsafe varve_count_byte(base + from, to - from, byte)
        }
    }

    /// How many of `bytes` there are up to the `occurrence`-th (from 1) that equals `byte`,
    /// inclusive; nil when there are fewer.
    static func count(
        through occurrence: Int, of byte: UInt8, in bytes: ArraySlice<UInt8>
    ) -> Int? {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard occurrence > 0, let base = buffer.baseAddress else {
                return occurrence > 0 ? nil : 0
            }
            var left = occurrence
            var at = 0
            while buffer.count - at >= 64 {
                var mask = unsafe varve_mask64(base + at, byte)
                let found = mask.nonzeroBitCount
                if found >= left {
                    for _ in 1..<left { mask &= mask &- 1 }
                    return at + mask.trailingZeroBitCount + 1
                }
                left -= found
                at += 64
            }
            while at < buffer.count {
                if unsafe base[at] == byte {
                    left -= 1
                    if left == 0 { return at + 1 }
                }
                at += 1
            }
            return nil
        }
    }

    /// Calls `body` with how far from the start the first `limit` of `byte` stand in `bytes`,
    /// ascending. How many there were.
    @inline(__always)
    static func forEach(
        _ byte: UInt8, in bytes: ArraySlice<UInt8>, limit: Int, _ body: (Int) -> Void
    ) -> Int {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            var count = 0
            var at = 0
            while at < buffer.count, count < limit {
                var mask =
                    unsafe buffer.count - at >= 64
                    ? varve_mask64(base + at, byte)
                    : tailMask(of: byte, base + at, count: buffer.count - at)
                while mask != 0, count < limit {
                    body(at &+ mask.trailingZeroBitCount)
                    mask &= mask &- 1
                    count &+= 1
                }
                at += 64
            }
            return count
        }
    }

    /// Appends the position of every `byte` in [from, to), ascending: the ends of lines, of fields.
    /// The array must hold fewer than 2^31 bytes.
    package static func appendIndices(
        of byte: UInt8, in bytes: [UInt8], from: Int, to: Int, into positions: inout [Int32]
    ) {
        precondition(0 <= from && from <= to && to <= bytes.count, "range outside of the bytes")
        precondition(to <= Int(Int32.max), "positions are 32 bits")
        var at = from
        while at < to {
            var mask = Self.mask(of: byte, in: bytes, at: at, to: to)
            while mask != 0 {
                positions.append(Int32(truncatingIfNeeded: at + mask.trailingZeroBitCount))
                mask &= mask &- 1
            }
            at += 64
        }
    }

    /// One bit for each of the up to 64 bytes in [at, to) that equals `byte`; bit 0 is `bytes[at]`.
    /// To split while parsing: take the lowest set bit, clear it, go on.
    @inlinable
    package static func mask(of byte: UInt8, in bytes: [UInt8], at: Int, to: Int) -> UInt64 {
        precondition(0 <= at && at <= to && to <= bytes.count, "range outside of the bytes")
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            if to - at >= 64 { return unsafe varve_mask64(base + at, byte) }
            if buffer.count - at >= 64 {
                return unsafe varve_mask64(base + at, byte) & ((1 &<< UInt64(to - at)) &- 1)
            }
            return unsafe tailMask(of: byte, base + at, count: to - at)
        }
    }

    /// Where `needle` stands first in [from, to), whole. An empty one stands at `from`.
    package static func firstRange(
        of needle: [UInt8], in haystack: [UInt8], from: Int, to: Int
    ) -> Int? {
        Needle(needle).find(in: haystack, from: from, to: to)
    }

    @usableFromInline
    static func tailMask(of byte: UInt8, _ first: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        var mask: UInt64 = 0
        for index in 0..<count where unsafe first[index] == byte { mask |= 1 &<< UInt64(index) }
        return mask
    }
}
