internal import CKernels

/// Cuts buffers into lines of the form `key:value|rest`, a batch of 64 at a time, and reads plain
/// decimal values on the way: the first of the passes that keep a lookup of many keys off the
/// memory's latency (`ByteKeyTable.find` is the others). Empty lines are passed over.
///
/// `\n` and `:` are found by vector compares of 64 bytes; the number is read by eye. Exact numbers:
/// up to 19 digits without a point, up to 2^53 with up to 22 decimals; the rest is `other`.
package struct LineScan: Sendable {
    /// Lines of a batch.
    package static let lineCountMax = 64

    /// The batch: the first `count` of them are filled.
    @usableFromInline var lines: [ScannedLine]
    package private(set) var count = 0
    private var rangeIndex = 0
    private var offset = 0
    private let seed: UInt64
    private let powersOfTen: [Double]

    /// `seed`: any number; different ones make different tables, so that nobody outside can choose
    /// keys that collide.
    package init(seed: UInt64) {
        lines = [ScannedLine](repeating: ScannedLine(), count: LineScan.lineCountMax)
        self.seed = seed
        var powers = [1.0]
        // Up to 10^22 doubles are exact, so every product here is.
        for _ in 0..<22 { powers.append(powers[powers.count - 1] * 10) }
        powersOfTen = powers
    }

    /// The line at `index` of the batch, < `count`.
    @inlinable
    package subscript(index: Int) -> ScannedLine { lines[index] }

    /// Starts over, for another buffer.
    package mutating func begin() {
        rangeIndex = 0
        offset = -1
        count = 0
    }

    /// Fills the batch with the next lines of `ranges` of `bytes`; false when there is none left.
    /// A line ends at `\n` or at the end of its range. The same `bytes` and `ranges` until false.
    package mutating func fill(_ bytes: [UInt8], ranges: [Range<Int>]) -> Bool {
        precondition(bytes.count < Int(UInt32.max), "a buffer is shorter than 4 GiB")
        count = 0
        unsafe bytes.withUnsafeBufferPointer { source in
            while count < LineScan.lineCountMax, rangeIndex < ranges.count {
                let range = ranges[rangeIndex]
                precondition(
                    range.lowerBound >= 0 && range.upperBound <= source.count,
                    "ranges lie in the buffer")
                if offset < 0 { offset = range.lowerBound }
                unsafe scan(source, until: range.upperBound)
                if offset >= range.upperBound {
                    rangeIndex += 1
                    offset = -1
                }
            }
        }
        return count > 0
    }

    /// Takes lines from `offset` to `limit` while there is room.
    private mutating func scan(_ source: UnsafeBufferPointer<UInt8>, until limit: Int) {
        guard let base = source.baseAddress else {
            offset = limit
            return
        }
        let total = source.count
        var at = offset
        var filled = count
        let seed = self.seed
        unsafe powersOfTen.withUnsafeBufferPointer { powers in
            unsafe lines.withUnsafeMutableBufferPointer { out in
                while filled < LineScan.lineCountMax, at < limit {
                    let (colon, end) = unsafe LineScan.cut(base, at, limit, total)
                    if end > at {
                        unsafe LineScan.read(
                            base, start: at, colon: colon, end: end, seed: seed, powers: powers,
                            into: &out[filled])
                        filled += 1
                    }
                    at = end + 1
                }
            }
        }
        count = filled
        offset = at
    }

    /// The place of the first `:` of the line at `start` (the line's end if there is none), and of
    /// its end.
    @inline(__always)
    private static func cut(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ limit: Int, _ total: Int
    ) -> (colon: Int, end: Int) {
        var colon = -1
        var at = start
        while at < limit {
            if at + 64 <= total {
                let ends = unsafe varve_mask64(base + at, 0x0A)
                if colon < 0 {
                    let colons = unsafe varve_mask64(base + at, 0x3A)
                    if colons != 0 { colon = at + colons.trailingZeroBitCount }
                }
                if ends != 0 {
                    let end = min(at + ends.trailingZeroBitCount, limit)
                    return (colon < 0 || colon > end ? end : colon, end)
                }
                at += 64
            } else {
                let byte = unsafe base[at]
                if byte == 0x0A { return (colon < 0 || colon > at ? at : colon, at) }
                if byte == 0x3A, colon < 0 { colon = at }
                at += 1
            }
        }
        return (colon < 0 || colon > limit ? limit : colon, limit)
    }

    /// Fills `line` from its name, value and rest.
    @inline(__always)
    private static func read(
        _ base: UnsafePointer<UInt8>, start: Int, colon: Int, end: Int, seed: UInt64,
        powers: UnsafeBufferPointer<Double>, into line: inout ScannedLine
    ) {
        line.start = UInt32(truncatingIfNeeded: start)
        line.nameEnd = UInt32(truncatingIfNeeded: colon)
        line.end = UInt32(truncatingIfNeeded: end)
        line.id = ScannedLine.missing
        line.form = .other
        var at = colon + 1
        var isSigned = false
        var isNegative = false
        if at < end {
            let byte = unsafe base[at]
            if byte == 0x2B || byte == 0x2D {
                isSigned = true
                isNegative = byte == 0x2D
                at += 1
            }
        }
        var mantissa: UInt64 = 0
        let digitsStart = at
        while at < end {
            let digit = unsafe base[at] &- 0x30
            if digit > 9 { break }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            at += 1
        }
        var digitCount = at - digitsStart
        var decimals = 0
        if at < end, unsafe base[at] == 0x2E {
            at += 1
            let pointEnd = at
            while at < end {
                let digit = unsafe base[at] &- 0x30
                if digit > 9 { break }
                mantissa = mantissa &* 10 &+ UInt64(digit)
                at += 1
            }
            decimals = at - pointEnd
            digitCount += decimals
        }
        if at < end, unsafe base[at] == 0x7C, digitCount > 0, digitCount <= 19,
            decimals == 0 || mantissa <= 1 << 53
        {
            // Correctly rounded: an integer, or one division of two exact doubles.
            var number = Double(mantissa)
            if decimals > 0 { unsafe number /= powers[decimals] }
            line.number = isNegative ? -number : number
            line.form = isSigned ? .signed : .unsigned
        } else {
            at = min(colon + 1, end)
            while at < end, unsafe base[at] != 0x7C { at += 1 }
        }
        line.valueEnd = UInt32(truncatingIfNeeded: at)
        line.hash = unsafe KeyHash.hash(
            base + start, colon - start, base + at, end - at, seed: seed)
    }

    /// For `ByteKeyTable`.
    mutating func withLines<Result>(
        _ body: (UnsafeMutableBufferPointer<ScannedLine>) -> Result
    ) -> Result {
        unsafe lines.withUnsafeMutableBufferPointer { buffer in
            unsafe body(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        }
    }
}

/// The hash of a key of two parts. Fast and seeded, for tables in memory only.
///
/// The folds keep their operands, so that no input can erase what came before it (the lesson of
/// wyhash's protected form; without it short keys cluster).
enum KeyHash {
    @inline(__always)
    static func hash(
        _ name: UnsafePointer<UInt8>, _ nameCount: Int, _ rest: UnsafePointer<UInt8>,
        _ restCount: Int, seed: UInt64
    ) -> UInt64 {
        let one = unsafe mix(seed, UnsafeRawPointer(name), nameCount)
        let two = unsafe mix(one, UnsafeRawPointer(rest), restCount)
        return fold(two ^ 0x8bb8_4b93_962e_acc9, 0x2d35_8dcc_aa6c_78a5)
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return a ^ b ^ product.low ^ product.high
    }

    @inline(__always)
    private static func mix(_ start: UInt64, _ p: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var state = start ^ (UInt64(truncatingIfNeeded: count) &* 0x4b33_a62e_d433_d4a3)
        var a: UInt64 = 0
        var b: UInt64 = 0
        if count >= 16 {
            var at = 0
            while count - at > 16 {
                state = fold(
                    unsafe word(p, at) ^ 0x4d5a_2da5_1de1_aa47,
                    unsafe word(p, at + 8) ^ state)
                at += 16
            }
            a = unsafe word(p, count - 16)
            b = unsafe word(p, count - 8)
        } else if count >= 8 {
            a = unsafe word(p, 0)
            b = unsafe word(p, count - 8)
        } else if count >= 4 {
            a = UInt64(unsafe p.loadUnaligned(as: UInt32.self))
            b = UInt64(unsafe p.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
        } else if count > 0 {
            a =
                unsafe UInt64(p.load(as: UInt8.self)) << 16
                | UInt64(p.load(fromByteOffset: count >> 1, as: UInt8.self)) << 8
                | UInt64(p.load(fromByteOffset: count - 1, as: UInt8.self))
        }
        return fold(a ^ 0xa076_1d64_78bd_642f, b ^ state)
    }

    @inline(__always)
    private static func word(_ p: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        unsafe p.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
}
