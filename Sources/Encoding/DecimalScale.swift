internal import CKernels

/// Doubles as decimals: integer / 10^exponent. The quotient is computed without dividing, as
/// integer * high + integer * low, where high + low is 10^-exponent to far more than 53 bits and
/// `high` is so short that the first product is exact; so nearly always the nearest double comes out,
/// and where it does not the vector stores a correction. After ALP (Afroozeh, Kuffó, Boncz, 2023),
/// whose two factors miss more often.
///
/// The arithmetic is plain IEEE 754, never fused: every machine computes the same.
struct DecimalScale: Equatable {
    /// 0 to `exponentMax`.
    let exponent: Int
    /// Bits of `high`, 1 to 53.
    let highBits: Int
    private let high: Double
    private let low: Double

    /// Powers up to here are exact doubles.
    static let exponentMax = DoubleText.exactPowerMax

    /// The scale for integers of up to `integerBits` bits.
    init(exponent: Int, integerBits: Int) {
        self.init(exponent: exponent, highBits: min(53, max(8, 53 - integerBits)))
    }

    /// - Parameters:
    ///   - exponent: 0 to `exponentMax`.
    ///   - highBits: 1 to 53.
    init(exponent: Int, highBits: Int) {
        self.exponent = exponent
        self.highBits = highBits
        let power = DoubleText.exactPower(exponent)
        let inverse = 1 / power
        high = Double(bitPattern: inverse.bitPattern & ~0 << UInt64(53 - highBits))
        // 1 - high * power in one rounding: it is small, so it is exact.
        low = (1.0).addingProduct(-high, power) / power
    }

    /// The double for `integer`.
    @inline(__always)
    func value(_ integer: Int64) -> Double {
        let number = Double(integer)
        return number * high + number * low
    }

    /// Replaces integers by the bit patterns of their doubles. `isNarrow` says that all are within
    /// ±2^51: those convert in vectors, by an addition in the mantissa of 1.5 * 2^52.
    func scale(_ integers: UnsafeMutablePointer<Int64>, count: Int, isNarrow: Bool) {
        if isNarrow {
            let magic = 0x1.8p52
            let magicBits = Int64(bitPattern: magic.bitPattern)
            if exponent == 0 {
                for index in 0..<count {
                    let bits = UInt64(bitPattern: unsafe integers[index] &+ magicBits)
                    let number = Double(bitPattern: bits) - magic
                    unsafe integers[index] = Int64(bitPattern: number.bitPattern)
                }
            } else {
                for index in 0..<count {
                    let bits = UInt64(bitPattern: unsafe integers[index] &+ magicBits)
                    let number = Double(bitPattern: bits) - magic
                    let scaled = number * high + number * low
                    unsafe integers[index] = Int64(bitPattern: scaled.bitPattern)
                }
            }
        } else if exponent == 0 {
            for index in 0..<count {
                let number = Double(unsafe integers[index])
                unsafe integers[index] = Int64(bitPattern: number.bitPattern)
            }
        } else {
            for index in 0..<count {
                let number = value(unsafe integers[index])
                unsafe integers[index] = Int64(bitPattern: number.bitPattern)
            }
        }
    }

    /// The smallest exponent at which `value` is an integer, or within 4 units in the last place of
    /// one of at most 44 bits (what summing decimals leaves). Nil for real doubles, NaN, infinities.
    static func exponentNeeded(_ value: Double) -> Int? {
        let magnitude = value.magnitude
        guard magnitude < 0x1p53 else {
            return magnitude < 0x1p63 && magnitude.isFinite ? 0 : nil
        }
        for exponent in 0...exponentMax {
            let power = DoubleText.exactPower(exponent)
            let scaled = magnitude * power
            if scaled >= 0x1p53 { return nil }
            let nearest = Double(varve_round(scaled)) / power
            if nearest == magnitude { return exponent }
            let distance =
                nearest.bitPattern > magnitude.bitPattern
                ? nearest.bitPattern - magnitude.bitPattern
                : magnitude.bitPattern - nearest.bitPattern
            if scaled < 0x1p44, distance <= 4 { return exponent }
        }
        return nil
    }

    /// Bits of the largest integer that `isNarrow` allows.
    static let narrowBits = 51

    /// Fills `integers` with the nearest integers to value * 10^exponent; where there is none, with
    /// the one before. Returns the bits of the largest.
    static func quantise(
        _ values: UnsafePointer<Double>, count: Int, exponent: Int,
        into integers: UnsafeMutablePointer<Int64>
    ) -> Int {
        let power = DoubleText.exactPower(exponent)
        var last: Int64 = 0
        var seen: UInt64 = 0
        for index in 0..<count {
            let integer = varve_round(unsafe values[index] * power)
            if integer != .min { last = integer }
            unsafe integers[index] = last
            seen |= last.magnitude
        }
        return 64 - seen.leadingZeroBitCount
    }

    /// What is left when the values are computed from `integers`, as a difference of bit patterns.
    func correct(
        _ values: UnsafePointer<Double>, count: Int, integers: UnsafePointer<Int64>,
        into corrections: UnsafeMutablePointer<Int64>
    ) -> CorrectionCost {
        var any: Int64 = 0
        for index in 0..<count {
            let wanted = unsafe Int64(bitPattern: values[index].bitPattern)
            let number =
                exponent == 0
                ? unsafe Double(integers[index]) : value(unsafe integers[index])
            let difference = wanted &- Int64(bitPattern: number.bitPattern)
            unsafe corrections[index] = difference
            any |= difference
        }
        var cost = CorrectionCost()
        guard any != 0 else { return cost }
        for index in 0..<count where unsafe corrections[index] != 0 {
            let bits = unsafe 64 - Varint.zigzag(corrections[index]).leadingZeroBitCount
            cost.count += 1
            cost.bits += bits + 8
            if bits > 16 { cost.largeCount += 1 }
        }
        return cost
    }
}

/// How much the corrections of a vector would take.
struct CorrectionCost {
    /// How many are not 0.
    var count = 0
    /// How many are more than a few units in the last place.
    var largeCount = 0
    /// Bits of them all, roughly.
    var bits = 0
}
