internal import Encoding
internal import Model

/// The nouns of questions as bytes. Layout in docs/format/peer-messages.md.
extension ByteWriter {
    mutating func range(_ range: ReadQuestion.ReadRange) {
        selector(range.selector)
        i64(range.start.nanos)
        i64(range.end.nanos)
    }

    mutating func selector(_ selector: Selector) {
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

    mutating func order(_ order: LineRequest.Order) {
        switch order {
        case .any: u8(0)
        case .forward: u8(1)
        case .backward: u8(2)
        }
    }

    /// 0 for nil, else one more than the number.
    mutating func optionalCount(_ count: Int?) {
        varint(count.map { UInt64(max(0, $0)) + 1 } ?? 0)
    }

    mutating func filters(_ filters: [LineFilter]) {
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

    mutating func seriesID(_ id: SeriesID) {
        u64(id.high)
        u64(id.low)
    }
}

extension ByteReader {
    mutating func version(upTo versionMax: UInt8) throws(EncodingError) {
        let version = try u8()
        guard version > 0 else { throw .corrupt(what: "version", offset: 0) }
        guard version <= versionMax else { throw .unsupportedVersion(version) }
    }

    mutating func range() throws -> ReadQuestion.ReadRange {
        let selector = try selector()
        let start = Timestamp(nanos: try i64())
        return .init(selector: selector, start: start, end: Timestamp(nanos: try i64()))
    }

    mutating func selector() throws -> Selector {
        var alternatives: [[Matcher]] = []
        for _ in 0..<(try count(limit: ReadQuestion.itemCountMax)) {
            var matchers: [Matcher] = []
            for _ in 0..<(try count(limit: ReadQuestion.itemCountMax)) {
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

    mutating func order() throws(EncodingError) -> LineRequest.Order {
        let start = offset
        switch try u8() {
        case 0: return .any
        case 1: return .forward
        case 2: return .backward
        default: throw .corrupt(what: "order", offset: start)
        }
    }

    mutating func optionalCount() throws(EncodingError) -> Int? {
        let value = try count(limit: .max)
        return value == 0 ? nil : value - 1
    }

    mutating func filters() throws -> [LineFilter] {
        var filters: [LineFilter] = []
        for _ in 0..<(try count(limit: ReadQuestion.itemCountMax)) {
            let isNegated = try flag()
            var alternatives: [LineFilter.Pattern] = []
            for _ in 0..<(try count(limit: ReadQuestion.itemCountMax)) {
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

    /// Nil for an empty one.
    mutating func plan() throws(EncodingError) -> [UInt8]? {
        let bytes = try lengthPrefixed()
        return bytes.isEmpty ? nil : Array(bytes)
    }

    mutating func seriesID() throws(EncodingError) -> SeriesID {
        let high = try u64()
        return SeriesID(high: high, low: try u64())
    }

    /// Canonical ones only.
    mutating func labels() throws(EncodingError) -> Labels {
        let start = offset
        guard let labels = Labels(checking: Array(try lengthPrefixed())) else {
            throw .corrupt(what: "labels", offset: start)
        }
        return labels
    }
}
