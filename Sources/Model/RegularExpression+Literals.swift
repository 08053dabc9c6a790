/// Texts that every match of an expression holds: what an index can look up before the expression
/// itself runs. Necessary, never sufficient.
package indirect enum RequiredLiterals: Hashable, Sendable {
    /// Nothing is known to be required.
    case anything
    /// The match holds these bytes; without regard to ASCII case if `ignoresCase` (then given in
    /// lower case). Never empty.
    case literal([UInt8], ignoresCase: Bool)
    /// All of these.
    case all([RequiredLiterals])
    /// At least one of these.
    case either([RequiredLiterals])
}

extension RegularExpression {
    /// What every match of this expression holds. O(pattern).
    package var requiredLiterals: RequiredLiterals { .anything }
}
