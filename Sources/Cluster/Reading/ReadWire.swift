internal import Encoding
internal import Model

/// The nouns of questions as bytes. Layout in docs/format/peer-messages.md.
extension ByteWriter {
    mutating func range(_ range: ReadQuestion.ReadRange) {
        selector(range.selector)
        i64(range.start.nanos)
        i64(range.end.nanos)
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
