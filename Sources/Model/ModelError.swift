/// What can be wrong with a noun that came from outside.
package enum ModelError: Error, Hashable, Sendable {
    /// A pattern that RE2 refuses, with its words.
    case regularExpression(pattern: String, message: String)
    /// An encoded batch that is not one: what was expected and where (byte offset).
    case corruptBatch(what: String, offset: Int)
    /// An encoded batch of a later version than this binary reads.
    case newerBatch(version: UInt8)
}

extension ModelError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .regularExpression(let pattern, let message):
            "invalid regular expression \"\(pattern)\": \(message)"
        case .corruptBatch(let what, let offset):
            "corrupt batch: \(what) at byte \(offset)"
        case .newerBatch(let version):
            "batch version \(version) is newer than this binary reads"
        }
    }
}
