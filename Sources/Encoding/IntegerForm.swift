/// What a vector of integers is: the first byte of its encoding. See docs/format/encoding.md.
struct IntegerHead {
    /// How the residuals are predicted.
    enum Order: UInt8, CaseIterable {
        /// From the first value.
        case plain = 0
        /// From the value before.
        case delta = 1
        /// From the two before, by a line.
        case deltaOfDelta = 2
        /// From the line through the first and the last value.
        case line = 3

        /// Values at the start that have no residual.
        var skipped: Int { self == .deltaOfDelta ? 2 : 1 }
    }

    /// What follows.
    enum Form: Equatable {
        case constant
        case ramp
        case packed(Order)
        case dense(Order)
    }

    var form: Form
    /// Whether all differences are multiples of a divisor that follows.
    var hasDivisor = false
    /// Whether the vector holds up to `IntegerCodec.wideCountMax` values instead of `vectorCount`.
    var isWide = false

    init(form: Form) { self.form = form }

    init(byte: UInt8, offset: Int) throws(EncodingError) {
        guard byte >> 6 == 0 else { throw EncodingError.unsupportedVersion(byte >> 6) }
        let order = Order(rawValue: (byte &- 2) & 3)
        switch (byte & 15, order) {
        case (0, _): form = .constant
        case (1, _): form = .ramp
        case (2...5, let order?): form = .packed(order)
        case (10...13, let order?): form = .dense(order)
        default: throw EncodingError.corrupt(what: "integer form", offset: offset)
        }
        hasDivisor = byte & 0x10 != 0
        isWide = byte & 0x20 != 0
    }

    var byte: UInt8 {
        let low: UInt8 =
            switch form {
            case .constant: 0
            case .ramp: 1
            case .packed(let order): 2 + order.rawValue
            case .dense(let order): 10 + order.rawValue
            }
        return low | (hasDivisor ? 0x10 : 0) | (isWide ? 0x20 : 0)
    }
}

/// How hard an encoder tries. Both are read by the same decoder.
package enum CodecTier: UInt8, Sendable, CaseIterable {
    /// Bit-packed vectors of 1,024: fast both ways.
    case hot
    /// For compaction: blocks of up to 8,192 with an entropy stage where that is smaller.
    case dense
}

/// Memory that an encoder works in: three columns of up to `capacity` integers.
@safe
struct CodecScratch: ~Copyable {
    /// The integers, divided.
    let quotients: UnsafeMutablePointer<Int64>
    /// What the prediction leaves.
    let residuals: UnsafeMutablePointer<Int64>
    /// The integers or the corrections of a vector of doubles.
    let integers: UnsafeMutablePointer<Int64>
    let corrections: UnsafeMutablePointer<Int64>
    let histogram: UnsafeMutablePointer<Int>
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        unsafe quotients = .allocate(capacity: 4 * capacity)
        unsafe quotients.initialize(repeating: 0, count: 4 * capacity)
        unsafe residuals = quotients + capacity
        unsafe integers = residuals + capacity
        unsafe corrections = integers + capacity
        unsafe histogram = .allocate(capacity: 130)
        unsafe histogram.initialize(repeating: 0, count: 130)
    }

    deinit {
        unsafe quotients.deallocate()
        unsafe histogram.deallocate()
    }
}
