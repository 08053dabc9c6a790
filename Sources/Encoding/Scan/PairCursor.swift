/// Finds one of two bytes in an array again and again, going forward: each block of 64 bytes is
/// compared once, however many of the bytes it holds. For the ends of quoted strings, where quote
/// and backslash are looked for.
package struct PairCursor: Sendable {
    /// The block: bytes [start, stop) of the array.
    @usableFromInline var start = 0
    @usableFromInline var stop = 0
    /// One bit for each byte of the block that is one of the two; bit 0 is `bytes[start]`.
    @usableFromInline var mask: UInt64 = 0
    @usableFromInline let one: UInt8
    @usableFromInline let other: UInt8

    @inlinable
    package init(_ one: UInt8, _ other: UInt8) {
        self.one = one
        self.other = other
    }

    /// Where one of the two stands first in [from, to); `to` when there is none. The array and
    /// `to` must be the same at each call, and `from` lie behind what was found last.
    @inlinable
    @inline(__always)
    package mutating func next(in bytes: [UInt8], from: Int, to: Int) -> Int {
        assert(from >= start, "a cursor goes forward")
        var at = from
        while at < to {
            if at >= stop { load(bytes, at, to) }
            let rest = mask &>> UInt64(truncatingIfNeeded: at &- start)
            if rest != 0 { return at &+ rest.trailingZeroBitCount }
            at = stop
        }
        return to
    }

    @inlinable
    mutating func load(_ bytes: [UInt8], _ at: Int, _ to: Int) {
        start = at
        stop = at &+ 64
        mask =
            ByteScan.mask(of: one, in: bytes, at: at, to: to)
            | ByteScan.mask(of: other, in: bytes, at: at, to: to)
    }
}
