/// Bits one behind the other, the least significant of a byte first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var pendingCount = 0

    /// Bits appended so far.
    var bitCount: Int { 8 * bytes.count + pendingCount }

    /// Appends the low `count` bits of `value`, at most 32; the others must be zero.
    @inline(__always)
    mutating func append(_ value: UInt64, _ count: Int) {
        assert(count <= 32 && value >> UInt64(count) == 0, "BUG: bits beyond the count")
        pending |= value &<< UInt64(pendingCount)
        pendingCount += count
        while pendingCount >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending &>>= 8
            pendingCount -= 8
        }
    }

    /// Appends `value`, one of `range` values from 0, in ⌊log₂ range⌋ or one more bits (truncated
    /// binary code).
    @inline(__always)
    mutating func append(_ value: Int, below range: Int) {
        assert(value >= 0 && value < range && range <= 1 << 31, "BUG: value out of range")
        let width = Int.bitWidth - 1 - range.leadingZeroBitCount
        let short = 1 << (width + 1) - range
        if value < short {
            append(UInt64(value), width)
        } else {
            append(UInt64(value + short) >> 1, width)
            append(UInt64(value + short) & 1, 1)
        }
    }

    /// Appends a value from 1 on: as many zeroes as it has bits after its first, then the bits
    /// (Elias gamma code).
    mutating func append(gamma value: Int) {
        assert(value > 0 && value < 1 << 31, "BUG: value out of range")
        let width = Int.bitWidth - 1 - value.leadingZeroBitCount
        append(0, width)
        append(1, 1)
        append(UInt64(value) & (1 << UInt64(width) - 1), width)
    }

    /// Fills the last byte with zeroes.
    mutating func finish() {
        if pendingCount > 0 { append(0, 8 - pendingCount) }
    }
}

/// Reads what `BitWriter` wrote. Beyond the end there are zeroes; the reader asks `isOver`.
@safe
struct BitReader {
    private let base: UnsafeRawPointer
    private let end: Int
    /// Bits read so far.
    private(set) var place: Int

    /// `base` must stay valid, with `byteCount` bytes.
    init(_ base: UnsafeRawPointer, byteCount: Int, at place: Int) {
        unsafe self.base = base
        end = byteCount
        self.place = place
    }

    /// Whether more was read than there is.
    var isOver: Bool { place > 8 * end }

    /// The next 57 bits at least.
    @inline(__always)
    private func peek() -> UInt64 {
        let byte = place >> 3
        if byte &+ 8 <= end {
            let word = unsafe base.loadUnaligned(fromByteOffset: byte, as: UInt64.self)
            return UInt64(littleEndian: word) &>> UInt64(place & 7)
        }
        var word: UInt64 = 0
        var index = byte
        while index < end {
            word |=
                UInt64(unsafe base.load(fromByteOffset: index, as: UInt8.self))
                &<< UInt64(8 &* (index &- byte))
            index &+= 1
        }
        return word &>> UInt64(place & 7)
    }

    /// The next `count` bits, at most 32.
    @inline(__always)
    mutating func take(_ count: Int) -> Int {
        let bits = peek() & ((1 &<< UInt64(count)) &- 1)
        place &+= count
        return Int(truncatingIfNeeded: bits)
    }

    /// The next `count` bits, which stay.
    @inline(__always)
    func peek(_ count: Int) -> Int {
        Int(truncatingIfNeeded: peek() & ((1 &<< UInt64(count)) &- 1))
    }

    @inline(__always)
    mutating func skip(_ count: Int) { place &+= count }

    /// A value of `range`, from 1 to 2^31.
    @inline(__always)
    mutating func take(below range: Int) -> Int {
        let width = Int.bitWidth &- 1 &- range.leadingZeroBitCount
        let short = 1 &<< (width &+ 1) &- range
        let value = take(width)
        return value < short ? value : (value &<< 1 | take(1)) &- short
    }

    /// A gamma code; 0 for what is none.
    @inline(__always)
    mutating func takeGamma() -> Int {
        let width = peek().trailingZeroBitCount
        guard width < 31 else {
            place = 8 &* end &+ 1
            return 0
        }
        place &+= width &+ 1
        return 1 &<< width | take(width)
    }
}
