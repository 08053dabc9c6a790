/// Everything that reads bytes from outside or from disk, as functions of bytes: it may refuse
/// them, never trap on them, never take memory without bound. What can be checked cheaply besides
/// is, with `precondition`.
///
/// `FuzzTests` runs them over their corpus and some seeded mutations; `make fuzz` under libFuzzer.
package enum FuzzTargets {
    /// A parser and inputs that lead into it.
    package struct Target: Sendable {
        /// Also the folder of its corpus.
        package let name: String
        /// What is not kept as files: inputs whose format is our own and may change.
        package let seeds: [[UInt8]]
        /// Longest input that libFuzzer makes.
        package let lengthMax: Int
        package let run: @Sendable ([UInt8]) -> Void

        init(
            _ name: String, seeds: [[UInt8]] = [], lengthMax: Int = 4096,
            run: @escaping @Sendable ([UInt8]) -> Void
        ) {
            self.name = name
            self.seeds = seeds
            self.lengthMax = lengthMax
            self.run = run
        }
    }

    /// All that must not trap. The first byte of an input chooses the variant; in the corpus of a
    /// text format it is a digit.
    package static let all: [Target] =
        intake + bodies + languages + encodings + files + peers
        + cluster + reading + scrapes + ruleFiles

    /// Traps on `fuz!`: shows that the search for findings finds one.
    package static let canary = Target("canary", seeds: [Array("fuz?".utf8)]) { bytes in
        if bytes.count > 3, bytes[0] == 0x66, bytes[1] == 0x75, bytes[2] == 0x7A, bytes[3] == 0x21 {
            preconditionFailure("the canary")
        }
    }

    package static func named(_ name: String) -> Target? {
        (all + [canary]).first { $0.name == name }
    }
}
