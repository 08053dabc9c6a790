package import Model

/// A body of Prometheus remote read: protobuf `prometheus.ReadRequest`, uncompressed.
/// Source: prompb/remote.proto; Prometheus documentation, "Remote Read API".
///
///     ReadRequest   queries 1 │ accepted_response_types 2
///     Query         start_timestamp_ms 1 │ end_timestamp_ms 2 │ matchers 3 │ hints 4
///     LabelMatcher  type 1 │ name 2 │ value 3
package enum RemoteReadBody {
    /// What is asked for; both ends are included.
    package struct Query: Sendable, Equatable {
        package var startMillis: Int64 = 0
        package var endMillis: Int64 = 0
        package var matchers: [Matcher] = []
    }

    /// Queries of one body.
    private static let queriesMax = 1_000
    private static let matchersMax = 1_000
    /// The response type that every client understands, and the only one there is here.
    private static let samplesType: UInt64 = 0

    /// Errors: `malformed`, and `unsupported` where the client takes no plain samples.
    package static func parse(_ body: [UInt8]) throws(IngestError) -> [Query] {
        let bytes = body.span
        var queries: [Query] = []
        var types: [UInt64] = []
        var at = 0
        while at < bytes.count {
            let tag = try ProtobufReader.tag(bytes, &at, bytes.count)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                guard queries.count < queriesMax else {
                    throw .malformed(
                        what: "remote read: more than \(queriesMax) queries", place: .offset(at))
                }
                queries.append(
                    try query(bytes, try ProtobufReader.content(bytes, &at, bytes.count)))
            case (2, ProtobufReader.varintWire):
                types.append(try ProtobufReader.varint(bytes, &at, bytes.count))
            case (2, ProtobufReader.bytesWire):
                let range = try ProtobufReader.content(bytes, &at, bytes.count)
                var place = range.lowerBound
                while place < range.upperBound {
                    types.append(try ProtobufReader.varint(bytes, &place, range.upperBound))
                }
            default: try ProtobufReader.skip(tag, bytes, &at, bytes.count)
            }
        }
        guard types.isEmpty || types.contains(samplesType) else {
            throw .unsupported(
                what: "remote read: accepted_response_types without SAMPLES: chunks are not sent")
        }
        return queries
    }

    private static func query(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> Query {
        var query = Query()
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                query.startMillis = Int64(
                    bitPattern: try ProtobufReader.varint(bytes, &at, range.upperBound))
            case (2, ProtobufReader.varintWire):
                query.endMillis = Int64(
                    bitPattern: try ProtobufReader.varint(bytes, &at, range.upperBound))
            case (3, ProtobufReader.bytesWire):
                guard query.matchers.count < matchersMax else {
                    throw .malformed(
                        what: "remote read: more than \(matchersMax) matchers", place: .offset(at))
                }
                query.matchers.append(
                    try matcher(bytes, try ProtobufReader.content(bytes, &at, range.upperBound)))
            default: try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        return query
    }

    private static func matcher(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> Matcher {
        var type: UInt64 = 0
        var (name, value) = ("", "")
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                type = try ProtobufReader.varint(bytes, &at, range.upperBound)
            case (2, ProtobufReader.bytesWire):
                name = text(bytes, try ProtobufReader.content(bytes, &at, range.upperBound))
            case (3, ProtobufReader.bytesWire):
                value = text(bytes, try ProtobufReader.content(bytes, &at, range.upperBound))
            default: try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        let operations: [Matcher.Operation] = [.equal, .notEqual, .matches, .notMatches]
        guard type < operations.count else {
            throw .malformed(
                what: "remote read: matcher type \(type)", place: .offset(range.lowerBound))
        }
        do {
            return try Matcher(name, operations[Int(type)], value)
        } catch {
            throw .malformed(
                what: "remote read: matcher of \"\(name)\": \(error)",
                place: .offset(range.lowerBound))
        }
    }

    private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        for at in range { text.append(bytes[at]) }
        return String(decoding: text, as: UTF8.self)
    }
}
