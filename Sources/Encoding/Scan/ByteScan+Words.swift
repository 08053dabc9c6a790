/// Comparing and searching short pieces of a line, eight bytes at a time.
extension ByteScan {
    /// Whether `bytes[at..<at + count]` equals `other[start..<start + count]`.
    @inlinable
    @inline(__always)
    package static func isEqual(
        _ bytes: [UInt8], at: Int, _ other: [UInt8], at start: Int, count: Int
    ) -> Bool {
        precondition(count >= 0, "range outside of the bytes")
        precondition(at >= 0 && count <= bytes.count - at, "range outside of the bytes")
        precondition(start >= 0 && count <= other.count - start, "range outside of the bytes")
        return unsafe bytes.withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { theirs in
                guard count > 0, let a = mine.baseAddress, let b = theirs.baseAddress else {
                    return count == 0
                }
                return unsafe isEqual(a + at, b + start, count)
            }
        }
    }

    /// `count` > 0 bytes. The last word overlaps the one before it.
    @inlinable
    @inline(__always)
    static func isEqual(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Bool {
        var difference: UInt64 = 0
        if count >= 8 {
            var offset = 0
            while offset < count &- 8 {
                difference |= unsafe word(a + offset) ^ word(b + offset)
                offset &+= 8
            }
            difference |= unsafe word(a + (count &- 8)) ^ word(b + (count &- 8))
        } else if count >= 4 {
            let last = count &- 4
            difference = unsafe UInt64((half(a) ^ half(b)) | (half(a + last) ^ half(b + last)))
        } else {
            let middle = count / 2
            let last = count &- 1
            unsafe difference = UInt64(
                (byte(a) ^ byte(b)) | (byte(a + middle) ^ byte(b + middle))
                    | (byte(a + last) ^ byte(b + last)))
        }
        return difference == 0
    }

    /// Where the first byte up to 0x20, a blank, stands in [from, to); `to` when there is none.
    @inlinable
    @inline(__always)
    package static func firstBlank(in bytes: [UInt8], from: Int, to: Int) -> Int {
        precondition(0 <= from && from <= to && to <= bytes.count, "range outside of the bytes")
        return unsafe bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return to }
            var at = from
            while to &- at >= 8 {
                // The top bit of each byte below 0x21; bytes behind the first may be wrong.
                let word = unsafe UInt64(littleEndian: word(base + at))
                let found = (word &- 0x2121_2121_2121_2121) & ~word & 0x8080_8080_8080_8080
                if found != 0 { return at &+ found.trailingZeroBitCount / 8 }
                at &+= 8
            }
            while at < to, unsafe byte(base + at) > 0x20 { at &+= 1 }
            return at
        }
    }

    @inlinable
    @inline(__always)
    static func word(_ place: UnsafeRawPointer) -> UInt64 {
        unsafe place.loadUnaligned(as: UInt64.self)
    }

    @inlinable
    @inline(__always)
    static func half(_ place: UnsafeRawPointer) -> UInt32 {
        unsafe place.loadUnaligned(as: UInt32.self)
    }

    @inlinable
    @inline(__always)
    static func byte(_ place: UnsafeRawPointer) -> UInt8 {
        unsafe place.load(as: UInt8.self)
    }
}
