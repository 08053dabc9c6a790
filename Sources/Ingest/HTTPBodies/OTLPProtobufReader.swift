internal import Model

/// One protobuf body of OpenTelemetry logs being read.
///
///     request:       resource logs 1
///     resource logs: resource 1, scope logs 2
///     resource:      attributes 1, dropped count 2
///     scope logs:    scope 1, records 2
///     scope:         name 1, version 2, attributes 3, dropped count 4
///     record:        time 1 (fixed), severity number 2, text 3, body 5, attributes 6,
///                    dropped count 7, flags 8 (fixed), trace id 9, span id 10, observed 11 (fixed)
///     attribute:     key 1, value 2
///     value:         text 1, boolean 2, integer 3, double 4, list 5 (values 1), map 6 (values 1),
///                    bytes 7
///
/// Source: opentelemetry-proto, logs.proto, common.proto, resource.proto.
struct OTLPProtobufReader {
    var sink: OTLPSink
    private let body: [UInt8]

    init(_ body: [UInt8], sink: OTLPSink) {
        self.body = body
        self.sink = sink
    }

    mutating func read(_ cache: inout SeriesCache) throws(IngestError) {
        for range in try contents(of: 1, in: 0..<body.count) { try resourceLogs(range, &cache) }
    }

    private mutating func resourceLogs(
        _ range: Range<Int>, _ cache: inout SeriesCache
    ) throws(IngestError) {
        var attributes: [OTLPAttribute] = []
        var dropped: UInt64 = 0
        for resource in try contents(of: 1, in: range) {
            try forEachField(of: resource) { field throws(IngestError) in
                switch (field.number, field.content) {
                case (1, .bytes(let content)): attributes.append(try attribute(content, depth: 0))
                case (2, .number(let count)): dropped = count
                default: break
                }
            }
        }
        sink.beginResource(attributes, droppedCount: dropped, &cache)
        for scopeLogs in try contents(of: 2, in: range) { try self.scopeLogs(scopeLogs) }
    }

    private mutating func scopeLogs(_ range: Range<Int>) throws(IngestError) {
        var name: ArraySlice<UInt8> = []
        var version: ArraySlice<UInt8> = []
        var attributes: [OTLPAttribute] = []
        var dropped: UInt64 = 0
        for scope in try contents(of: 1, in: range) {
            try forEachField(of: scope) { field throws(IngestError) in
                switch (field.number, field.content) {
                case (1, .bytes(let content)): name = body[content]
                case (2, .bytes(let content)): version = body[content]
                case (3, .bytes(let content)): attributes.append(try attribute(content, depth: 0))
                case (4, .number(let count)): dropped = count
                default: break
                }
            }
        }
        sink.beginScope(name: name, version: version, attributes, droppedCount: dropped)
        for content in try contents(of: 2, in: range) {
            try sink.add(try record(content), offset: content.lowerBound)
        }
    }

    private func record(_ range: Range<Int>) throws(IngestError) -> OTLPRecord {
        var record = OTLPRecord()
        try forEachField(of: range) { field throws(IngestError) in
            switch (field.number, field.content) {
            case (1, .number(let nanos)): record.timeNanos = Int64(clamping: nanos)
            case (2, .number(let number)):
                record.severityNumber = Int64(truncatingIfNeeded: number)
            case (3, .bytes(let content)): record.severityText = body[content]
            case (5, .bytes(let content)): record.body = try value(content, depth: 0)
            case (6, .bytes(let content)):
                record.attributes.append(try attribute(content, depth: 0))
            case (7, .number(let count)): record.droppedAttributeCount = count
            case (8, .number(let flags)): record.flags = flags
            case (9, .bytes(let content)): record.traceID = OTLPValue.hex(body[content])
            case (10, .bytes(let content)): record.spanID = OTLPValue.hex(body[content])
            case (11, .number(let nanos)): record.observedNanos = Int64(clamping: nanos)
            default: break
            }
        }
        return record
    }

    private func attribute(
        _ range: Range<Int>, depth: Int
    ) throws(IngestError) -> OTLPAttribute {
        var attribute = OTLPAttribute(key: [], value: .none)
        try forEachField(of: range) { field throws(IngestError) in
            switch (field.number, field.content) {
            case (1, .bytes(let content)): attribute.key = body[content]
            case (2, .bytes(let content)): attribute.value = try value(content, depth: depth)
            default: break
            }
        }
        return attribute
    }

    private func value(_ range: Range<Int>, depth: Int) throws(IngestError) -> OTLPValue {
        guard depth < sink.limits.nestingMax else {
            throw .malformed(
                what: "protobuf: values nested deeper than \(sink.limits.nestingMax)",
                place: .offset(range.lowerBound))
        }
        var value = OTLPValue.none
        try forEachField(of: range) { field throws(IngestError) in
            switch (field.number, field.content) {
            case (1, .bytes(let content)): value = .text(body[content])
            case (2, .number(let number)): value = .boolean(number != 0)
            case (3, .number(let number)): value = .integer(Int64(bitPattern: number))
            case (4, .number(let bits)): value = .double(Double(bitPattern: bits))
            case (5, .bytes(let content)):
                var items: [OTLPValue] = []
                for item in try contents(of: 1, in: content) {
                    items.append(try self.value(item, depth: depth + 1))
                }
                value = .list(items)
            case (6, .bytes(let content)):
                var members: [OTLPAttribute] = []
                for member in try contents(of: 1, in: content) {
                    members.append(try attribute(member, depth: depth + 1))
                }
                value = .map(members)
            case (7, .bytes(let content)): value = .text(OTLPValue.base64(body[content]))
            default: break
            }
        }
        return value
    }

    private struct Field {
        enum Content {
            case bytes(Range<Int>)
            /// Of a varint, or the bits of a number of fixed size.
            case number(UInt64)
        }

        var number: Int
        var content: Content
    }

    /// The contents of a repeated message, in order.
    private func contents(
        of number: Int, in range: Range<Int>
    ) throws(IngestError) -> [Range<Int>] {
        var found: [Range<Int>] = []
        try forEachField(of: range) { field throws(IngestError) in
            if field.number == number, case .bytes(let content) = field.content {
                found.append(content)
            }
        }
        return found
    }

    private func forEachField(
        of range: Range<Int>, _ take: (Field) throws(IngestError) -> Void
    ) throws(IngestError) {
        let bytes = body.span
        let end = range.upperBound
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            switch tag.wire {
            case ProtobufReader.bytesWire:
                let content = try ProtobufReader.content(bytes, &at, end)
                try take(Field(number: tag.field, content: .bytes(content)))
            case ProtobufReader.varintWire:
                let number = try ProtobufReader.varint(bytes, &at, end)
                try take(Field(number: tag.field, content: .number(number)))
            case ProtobufReader.fixed64Wire:
                let number = try ProtobufReader.fixed64(bytes, &at, end)
                try take(Field(number: tag.field, content: .number(number)))
            case ProtobufReader.fixed32Wire:
                guard end - at >= 4 else {
                    throw .malformed(what: "protobuf: number cut", place: .offset(at))
                }
                var number: UInt64 = 0
                for index in 0..<4 { number |= UInt64(bytes[at + index]) << UInt64(8 * index) }
                at += 4
                try take(Field(number: tag.field, content: .number(number)))
            default: try ProtobufReader.skip(tag, bytes, &at, end)
            }
        }
    }
}
