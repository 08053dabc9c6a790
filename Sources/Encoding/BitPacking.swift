/// Numbers of the same width, `width` bits each (0 to 64), one after the other, least significant
/// bit first: value i starts at bit i * width. The plain order keeps short columns short; every value
/// can be fetched by one unaligned load, so nothing waits for the one before.
enum BitPacking {
    /// Bytes behind the packed ones that `unpack` may read and `pack` may overwrite.
    static let slackByteCount = 16

    /// Bytes that `count` values take.
    @inline(__always)
    static func byteCount(_ count: Int, width: Int) -> Int { (count * width + 7) / 8 }

    /// Writes the low `width` bits of (value - reference), wrapping, of each value.
    static func pack(
        _ values: UnsafePointer<Int64>, count: Int, reference: Int64, width: Int,
        into target: UnsafeMutablePointer<UInt8>
    ) {
        guard width > 0 else { return }
        let raw = UnsafeMutableRawPointer(target)
        let mask = ~UInt64(0) &>> UInt64(64 - width)
        let width = UInt64(width)
        var pending: UInt64 = 0
        var pendingBits: UInt64 = 0
        var at = 0
        for index in 0..<count {
            let value = UInt64(bitPattern: unsafe values[index] &- reference) & mask
            pending |= value &<< pendingBits
            pendingBits &+= width
            if pendingBits >= 64 {
                unsafe raw.storeBytes(of: pending, toByteOffset: at, as: UInt64.self)
                at &+= 8
                pendingBits &-= 64
                // The shift is below 64 unless nothing is left over.
                pending = pendingBits == 0 ? 0 : value &>> (width &- pendingBits)
            }
        }
        if pendingBits > 0 { unsafe raw.storeBytes(of: pending, toByteOffset: at, as: UInt64.self) }
    }

    /// Reads `count` values and adds `reference`, wrapping.
    static func unpack(
        _ source: UnsafePointer<UInt8>, count: Int, reference: Int64, width: Int,
        into target: UnsafeMutablePointer<Int64>
    ) {
        let raw = unsafe UnsafeRawPointer(source)
        let mask = width == 0 ? 0 : ~UInt64(0) &>> UInt64(64 - width)
        var index = 0
        var bit = 0
        switch width {
        case 0:
            unsafe target.update(repeating: reference, count: count)
        case 1...14:
            // Four values and the odd bits before them fit into one load.
            let step = UInt64(width)
            while index + 4 <= count {
                let word =
                    unsafe raw.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self)
                    &>> UInt64(truncatingIfNeeded: bit & 7)
                unsafe target[index] = Int64(bitPattern: word & mask) &+ reference
                let second = word &>> step
                unsafe target[index + 1] = Int64(bitPattern: second & mask) &+ reference
                let third = second &>> step
                unsafe target[index + 2] = Int64(bitPattern: third & mask) &+ reference
                let fourth = third &>> step
                unsafe target[index + 3] = Int64(bitPattern: fourth & mask) &+ reference
                index &+= 4
                bit &+= 4 &* width
            }
            fallthrough
        case 15...57:
            while index < count {
                let word =
                    unsafe raw.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self)
                    &>> UInt64(truncatingIfNeeded: bit & 7)
                unsafe target[index] = Int64(bitPattern: word & mask) &+ reference
                index &+= 1
                bit &+= width
            }
        default:
            while index < count {
                let shift = UInt64(truncatingIfNeeded: bit & 7)
                let low = unsafe raw.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self)
                let high = UInt64(unsafe source[bit &>> 3 &+ 8])
                let word = low &>> shift | (shift == 0 ? 0 : high &<< (64 &- shift))
                unsafe target[index] = Int64(bitPattern: word & mask) &+ reference
                index &+= 1
                bit &+= width
            }
        }
    }
}

extension ByteWriter {
    /// Appends `count` bytes that `body` writes; it may also write `slackByteCount` bytes behind.
    mutating func append(count: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        unsafe bytes.appendFilled(count, slack: BitPacking.slackByteCount, body)
    }
}

extension Array where Element: BitwiseCopyable {
    /// Grows by `count` elements that `body` fills; it may also write `slack` more behind them.
    /// Nothing is appended when it throws. Growth is geometric.
    mutating func appendFilled<Failure>(
        _ count: Int, slack: Int = 0,
        _ body: (UnsafeMutablePointer<Element>) throws(Failure) -> Void
    ) throws(Failure) {
        let wanted = self.count + count + slack
        if wanted > capacity { reserveCapacity(Swift.max(wanted, 2 * capacity)) }
        try append(addingCapacity: count + slack) { span throws(Failure) in
            try unsafe span.withUnsafeMutableBufferPointer {
                buffer, filled throws(Failure) in
                guard let base = buffer.baseAddress else { return }
                try unsafe body(base)
                filled = count
            }
        }
    }
}

extension ByteReader {
    /// Passes the next `count` bytes to `body` with `slackByteCount` readable bytes behind them.
    mutating func withPadded<Result>(
        _ count: Int, _ body: (UnsafePointer<UInt8>) -> Result
    ) throws(EncodingError) -> Result {
        let slack = BitPacking.slackByteCount
        let start = offset
        let hasSlack = remaining >= slack && remaining - slack >= count
        let wanted = try slice(count)
        if hasSlack {
            return unsafe bytes.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else {
                    preconditionFailure("BUG: bytes without address")
                }
                return unsafe body(base + start)
            }
        }
        let copy = Array(wanted) + repeatElement(0, count: slack)
        return unsafe copy.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else {
                preconditionFailure("BUG: bytes without address")
            }
            return unsafe body(base)
        }
    }
}
