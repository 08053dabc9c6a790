/// Why a body was refused whole. What can be refused in parts is not an error but a count in
/// `ParsedBody.skips`, so that one bad line never costs the good ones.
package enum IngestError: Error, Hashable, Sendable {
    /// The body or what it expands to passes a limit of `IngestLimits`, named as there.
    case tooLarge(limit: String, bytesMax: Int)
    /// The body is not in the coding its headers say.
    case badCoding(coding: String, detail: String)
    /// The body is not in its format.
    case malformed(what: String, place: Place)
    /// The body is in a format that is known and not spoken here.
    case unsupported(what: String)

    /// Where in a body.
    package enum Place: Hashable, Sendable {
        /// 1-based
        case line(Int)
        /// From the start of the decoded body.
        case offset(Int)
    }

    /// The HTTP status that says it.
    package var httpStatus: Int {
        switch self {
        case .tooLarge: 413
        case .unsupported: 415
        case .badCoding, .malformed: 400
        }
    }
}

extension IngestError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLarge(let limit, let bytesMax): "the body passes \(limit) of \(bytesMax) bytes"
        case .badCoding(let coding, let detail): "body is not \(coding): \(detail)"
        case .malformed(let what, .line(let line)): "line \(line): \(what)"
        case .malformed(let what, .offset(let offset)): "byte \(offset): \(what)"
        case .unsupported(let what): what
        }
    }
}
