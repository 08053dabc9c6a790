/// The numbers of `rand`, `rand_normal` and `rand_exponential`: the same for the same seed.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64); Box,
/// Muller, "A note on the generation of random normal deviates".
struct RandomValues {
    enum Distribution: String, Sendable, Hashable, CaseIterable {
        /// In [0, 1).
        case uniform = "rand"
        /// Of mean 0 and deviation 1.
        case normal = "rand_normal"
        /// Of mean 1.
        case exponential = "rand_exponential"
    }

    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func nextBits() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// In [0, 1), a multiple of 2⁻⁵³.
    private mutating func nextUniform() -> Double { Double(nextBits() >> 11) * 0x1p-53 }

    mutating func next(_ distribution: Distribution) -> Double {
        switch distribution {
        case .uniform: return nextUniform()
        case .exponential: return -FloatMath.logarithm(1 - nextUniform())
        case .normal:
            let radius = (-2 * FloatMath.logarithm(1 - nextUniform())).squareRoot()
            return radius * FloatMath.cosine(2 * .pi * nextUniform())
        }
    }
}
