internal import Model

/// One protobuf push being read.
///
///     PushRequest: streams 1
///     stream: labels 1 (as text), entries 2, hash 3
///     entry: timestamp 1 (seconds 1, nanos 2), line 2, structured metadata 3 (name 1, value 2)
struct LokiProtobufReader {
    var sink: LokiSink
    private var labels: LabelCheck

    init(sink: LokiSink) {
        self.sink = sink
        labels = LabelCheck(limits: sink.limits)
    }

    mutating func read(_ body: [UInt8], _ cache: inout SeriesCache) throws(IngestError) {
        let bytes = body.span
        var at = 0
        while at < bytes.count {
            let tag = try ProtobufReader.tag(bytes, &at, bytes.count)
            if tag == .init(field: 1, wire: ProtobufReader.bytesWire) {
                let range = try ProtobufReader.content(bytes, &at, bytes.count)
                try stream(body, bytes, range, &cache)
            } else {
                try ProtobufReader.skip(tag, bytes, &at, bytes.count)
            }
        }
    }

    private mutating func stream(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>, _ cache: inout SeriesCache
    ) throws(IngestError) {
        let end = range.upperBound
        var text = range.lowerBound..<range.lowerBound
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            if tag == .init(field: 1, wire: ProtobufReader.bytesWire) {
                text = try ProtobufReader.content(bytes, &at, end)
                break
            }
            try ProtobufReader.skip(tag, bytes, &at, end)
        }
        let stream = try streamIndex(body, text, &cache)
        at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            if tag == .init(field: 2, wire: ProtobufReader.bytesWire) {
                let content = try ProtobufReader.content(bytes, &at, end)
                try entry(body, bytes, content, stream)
            } else {
                try ProtobufReader.skip(tag, bytes, &at, end)
            }
        }
    }

    private mutating func streamIndex(
        _ body: [UInt8], _ text: Range<Int>, _ cache: inout SeriesCache
    ) throws(IngestError) -> LokiSink.Stream {
        let key = cache.key(body[text])
        if let number = cache.number(key) {
            return sink.stream(number, &cache)
        }
        labels.removeAll()
        switch StreamLabelText.parse(body, text, into: &labels) {
        case .valid: return sink.stream(&labels, key, &cache)
        case .broken(let reason, let what): return .refused(reason, what)
        }
    }

    private mutating func entry(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>, _ stream: LokiSink.Stream
    ) throws(IngestError) {
        let end = range.upperBound
        var line = end..<end
        var nanos: Int64 = 0
        sink.beginLine()
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                nanos = try timestamp(bytes, try ProtobufReader.content(bytes, &at, end))
            case (2, ProtobufReader.bytesWire):
                line = try ProtobufReader.content(bytes, &at, end)
            case (3, ProtobufReader.bytesWire):
                let pair = try RemoteWriteReader.pair(
                    bytes, try ProtobufReader.content(bytes, &at, end))
                sink.addMetadata(body[pair.name], body[pair.value])
            default:
                try ProtobufReader.skip(tag, bytes, &at, end)
            }
        }
        sink.endLine(body[line], nanos, stream, offset: range.lowerBound)
    }

    /// google.protobuf.Timestamp; saturates.
    private func timestamp(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> Int64 {
        var seconds: Int64 = 0
        var nanos: Int64 = 0
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                seconds = Int64(
                    bitPattern: try ProtobufReader.varint(bytes, &at, range.upperBound))
            case (2, ProtobufReader.varintWire):
                nanos = Int64(
                    bitPattern: try ProtobufReader.varint(bytes, &at, range.upperBound))
            default: try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflow2) = product.addingReportingOverflow(nanos)
        return overflow2 ? (nanos < 0 ? .min : .max) : sum
    }
}
