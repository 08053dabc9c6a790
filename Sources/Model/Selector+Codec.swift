package import Encoding

/// Selectors and line filters as bytes, for questions between nodes and for the log.
/// Layout in docs/format/peer-messages.md.
extension ByteWriter {
    package mutating func selector(_ selector: Selector) {
        varint(UInt64(selector.alternatives.count))
        for matchers in selector.alternatives {
            varint(UInt64(matchers.count))
            for matcher in matchers {
                text(matcher.name)
                switch matcher.operation {
                case .equal: u8(0)
                case .notEqual: u8(1)
                case .matches: u8(2)
                case .notMatches: u8(3)
                }
                text(matcher.value)
            }
        }
    }

    package mutating func filters(_ filters: [LineFilter]) {
        varint(UInt64(filters.count))
        for filter in filters {
            u8(filter.negated ? 1 : 0)
            varint(UInt64(filter.alternatives.count))
            for pattern in filter.alternatives {
                switch pattern {
                case .contains(let bytes):
                    u8(0)
                    lengthPrefixed(bytes)
                case .containsFolded(let bytes):
                    u8(1)
                    lengthPrefixed(bytes)
                case .matches(let expression):
                    u8(expression.foldsCase ? 3 : 2)
                    text(expression.pattern)
                }
            }
        }
    }
}

/// Bytes that may be anything. Errors: `EncodingError`, and `ModelError` for an expression that does
/// not compile.
extension ByteReader {
    /// Of matchers, alternatives and filter patterns in one list.
    private static var itemCountMax: Int { 65_536 }

    package mutating func selector() throws -> Selector {
        var alternatives: [[Matcher]] = []
        for _ in 0..<(try count(limit: Self.itemCountMax)) {
            var matchers: [Matcher] = []
            for _ in 0..<(try count(limit: Self.itemCountMax)) {
                let name = try text()
                let start = offset
                let operation: Matcher.Operation
                switch try u8() {
                case 0: operation = .equal
                case 1: operation = .notEqual
                case 2: operation = .matches
                case 3: operation = .notMatches
                default: throw EncodingError.corrupt(what: "operation", offset: start)
                }
                matchers.append(try Matcher(name, operation, try text()))
            }
            alternatives.append(matchers)
        }
        return Selector(alternatives: alternatives)
    }

    package mutating func filters() throws -> [LineFilter] {
        var filters: [LineFilter] = []
        for _ in 0..<(try count(limit: Self.itemCountMax)) {
            let isNegated = try flag()
            var alternatives: [LineFilter.Pattern] = []
            for _ in 0..<(try count(limit: Self.itemCountMax)) {
                let start = offset
                switch try u8() {
                case 0: alternatives.append(.contains(Array(try lengthPrefixed())))
                case 1: alternatives.append(.containsFolded(Array(try lengthPrefixed())))
                case let form where form == 2 || form == 3:
                    alternatives.append(
                        .matches(
                            try RegularExpression(try text(), foldsCase: form == 3)))
                default: throw EncodingError.corrupt(what: "pattern", offset: start)
                }
            }
            filters.append(LineFilter(alternatives, negated: isNegated))
        }
        return filters
    }
}
