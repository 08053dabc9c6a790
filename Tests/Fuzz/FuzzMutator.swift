/// Makes inputs from seeds: bits flipped, bytes set, removed, repeated, inserted, inputs joined.
/// Blind to coverage and deterministic: a seed and a number of turns name an input.
package struct FuzzMutator {
    /// Longer inputs are cut.
    package static let bytesMax = 16_384
    private static let bytesOfNote: [UInt8] = Array("\0\n\r \"\\{}[]()<>|:,#=-+.09azE\u{7F}".utf8)

    private let seeds: [[UInt8]]
    private var state: UInt64

    /// `seeds`: at least one.
    package init(seeds: [[UInt8]], seed: UInt64) {
        precondition(!seeds.isEmpty, "a target without seeds")
        self.seeds = seeds
        state = seed
    }

    /// The next input.
    package mutating func next() -> [UInt8] {
        var bytes = seeds[below(seeds.count)]
        for _ in 0..<(1 + below(4)) { mutate(&bytes) }
        return Array(bytes.prefix(FuzzMutator.bytesMax))
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return bytes.append(byte()) }
        let at = below(bytes.count)
        let count = min(1 + below(16), bytes.count - at)
        switch below(8) {
        case 0: bytes[at] ^= 1 << UInt8(below(8))
        case 1, 2: bytes[at] = byte()
        case 3: bytes.insert(byte(), at: at)
        case 4: bytes.removeSubrange(at..<at + count)
        case 5: bytes.insert(contentsOf: Array(bytes[at..<at + count]), at: at)
        case 6: bytes.removeLast(bytes.count - at)
        default:
            let other = seeds[below(seeds.count)]
            bytes.insert(contentsOf: other.dropFirst(below(other.count + 1)), at: at)
        }
    }

    private mutating func byte() -> UInt8 {
        below(2) == 0
            ? FuzzMutator.bytesOfNote[below(FuzzMutator.bytesOfNote.count)]
            : UInt8(truncatingIfNeeded: random())
    }

    private mutating func below(_ limit: Int) -> Int { Int(random() % UInt64(limit)) }

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
