/// Counts distinct members in 4 KiB: HyperLogLog with 2^12 one-byte registers, standard error
/// 1.6 %.
///
/// A member comes as a 64-bit stable hash (`memberHash`): its top 12 bits choose the register,
/// which keeps the highest rank seen: 1 + the number of leading zeros of the other 52 bits, 53 when
/// they are all zero. The registers are what is sent and stored; the union of two is the greater of
/// each, so the result depends neither on order nor on repetition.
///
/// The estimate is Ertl's improved one, which needs no bias tables and no switch to linear counting
/// (Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017,
/// algorithm 6).
package enum HyperLogLog {
    /// Registers of a sketch.
    package static let registerCount = 4096
    /// Bits of a hash that choose the register.
    private static let indexBits: UInt64 = 12
    /// The bits that are left for the rank.
    private static let rankBits = 52

    /// The hash of a member's bytes; the same everywhere, it is compared across nodes.
    package static func memberHash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        StableHash.hash64(bytes, seed: 0x7365_7473)
    }

    /// An empty sketch.
    package static func empty() -> [UInt8] { [UInt8](repeating: 0, count: registerCount) }

    /// Adds the member with that hash. `registers`: 4096 of them.
    package static func insert(_ hash: UInt64, into registers: inout [UInt8]) {
        precondition(registers.count == registerCount, "a sketch has 4096 registers")
        let index = Int(hash &>> (64 - indexBits))
        let rest = hash &<< indexBits
        let rank = UInt8(min(rest.leadingZeroBitCount, rankBits) + 1)
        if registers[index] < rank { registers[index] = rank }
    }

    /// Makes `registers` the union of itself and `other`. 4096 of each.
    package static func merge(_ other: [UInt8], into registers: inout [UInt8]) {
        precondition(
            registers.count == registerCount && other.count == registerCount,
            "a sketch has 4096 registers")
        for index in registers.indices where registers[index] < other[index] {
            registers[index] = other[index]
        }
    }

    /// The estimated number of distinct members, 0 for an empty sketch; not rounded.
    package static func estimate(_ registers: [UInt8]) -> Double {
        precondition(registers.count == registerCount, "a sketch has 4096 registers")
        var ranks = [Int](repeating: 0, count: rankBits + 2)
        for register in registers { ranks[min(Int(register), rankBits + 1)] += 1 }
        let m = Double(registerCount)
        var z = m * tau(1 - Double(ranks[rankBits + 1]) / m)
        for rank in stride(from: rankBits, through: 1, by: -1) {
            z = 0.5 * (z + Double(ranks[rank]))
        }
        z += m * sigma(Double(ranks[0]) / m)
        return m * m * 0.7213475204444817 / z  // 1 / (2 ln 2)
    }

    /// What the empty registers add: x + Σ x^(2^k) · 2^(k−1); infinite when all are empty.
    private static func sigma(_ start: Double) -> Double {
        if start == 1 { return .infinity }
        var x = start
        var y = 1.0
        var sum = x
        while true {
            x *= x
            let before = sum
            sum += x * y
            y += y
            if sum == before { return sum }
        }
    }

    /// What the saturated registers add.
    private static func tau(_ start: Double) -> Double {
        if start == 0 || start == 1 { return 0 }
        var x = start
        var y = 1.0
        var sum = 1 - x
        while true {
            x = x.squareRoot()
            let before = sum
            y *= 0.5
            sum -= (1 - x) * (1 - x) * y
            if sum == before { return sum / 3 }
        }
    }
}
