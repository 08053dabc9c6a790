/// One word of a PromQL text. Keywords are identifiers: whether `sum` is an aggregation or a metric
/// depends on what follows, so the parser decides.
struct PromQLToken: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// With colons in it or not.
        case identifier(String)
        case number(Double)
        /// Nanoseconds.
        case duration(Int64)
        /// So many steps of the query: `5i`.
        case steps(Double)
        case string(String)
        case leftParen, rightParen, leftBrace, rightBrace, leftBracket, rightBracket
        case comma, colon, at
        case assign, equal, notEqual, matches, notMatches
        case add, subtract, multiply, divide, modulo, power
        case less, lessOrEqual, greater, greaterOrEqual
        case trimLower, trimUpper
        case end
    }

    var kind: Kind
    /// Of the text's bytes.
    var range: Range<Int>

    /// As an error message names it.
    func describe(in text: [UInt8]) -> String {
        switch kind {
        case .end: return "end of input"
        default:
            let source = String(decoding: text[range].prefix(40), as: UTF8.self)
            return switch kind {
            case .identifier: "identifier \"\(source)\""
            case .number: "number \"\(source)\""
            case .duration, .steps: "duration \"\(source)\""
            case .string: "string \(source)"
            default: "\"\(source)\""
            }
        }
    }
}
