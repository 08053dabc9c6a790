internal import Encoding
package import Model

/// Prometheus remote write 1.0: a snappy block of the protobuf message `prometheus.WriteRequest`.
/// Source: prompb/remote.proto and types.proto; "Prometheus Remote-Write Specification" 1.0.
///
/// Values are kept bit for bit, stale markers among them. A series whose labels break a rule (a
/// name twice, not UTF-8, no metric name, a limit) is left out and counted; the others are kept.
/// Labels may come in any order. Exemplars are kept (`Exemplar`).
///
/// Cost: the raw bytes of a series' labels are its key in the `SeriesCache`; a known series costs
/// one hash and one look-up, its labels are not even split.
package enum RemoteWriteBody {
    /// The body of a request after `ContentCoding.snappy`. Throws when it is no such message; then
    /// nothing of it may be used.
    package static func parse(
        _ body: [UInt8], tenant: Tenant, limits: IngestLimits, cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(tenant: tenant, domain: "remote_write")
        var reader = RemoteWriteReader(tenant: tenant, limits: limits, bytesCount: body.count)
        try reader.read(body, &cache)
        cache.finish(&reader.parsed.batch.series)
        return reader.parsed
    }

    /// Says no to a content type that is not 1.0's: `proto=io.prometheus.write.v2.Request`.
    /// An absent or plain protobuf type is 1.0.
    package static func check(contentType: String?, version: String?) throws(IngestError) {
        let type = (contentType ?? "").lowercased()
        if type.contains("io.prometheus.write.v2") || (version ?? "").hasPrefix("2.") {
            throw .unsupported(
                what: "remote write 2.0 is not supported yet: send 1.0 "
                    + "(protobuf_message: prometheus.WriteRequest)")
        }
    }
}

/// One request being read.
struct RemoteWriteReader {
    var parsed: ParsedBody
    private var labels: LabelCheck
    private let limits: IngestLimits

    init(tenant: Tenant, limits: IngestLimits, bytesCount: Int) {
        parsed = ParsedBody(tenant: tenant)
        self.limits = limits
        labels = LabelCheck(limits: limits)
        // A series with one sample takes about 200 bytes.
        let expected = bytesCount / 160
        parsed.batch.samples.seriesIndexes.reserveCapacity(expected)
        parsed.batch.samples.timestamps.reserveCapacity(expected)
        parsed.batch.samples.values.reserveCapacity(expected)
    }

    mutating func read(_ body: [UInt8], _ cache: inout SeriesCache) throws(IngestError) {
        let bytes = body.span
        var at = 0
        while at < bytes.count {
            let tag = try ProtobufReader.tag(bytes, &at, bytes.count)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                let range = try ProtobufReader.content(bytes, &at, bytes.count)
                try series(body, bytes, range, &cache)
            case (3, ProtobufReader.bytesWire):
                let range = try ProtobufReader.content(bytes, &at, bytes.count)
                try metadata(body, bytes, range)
            default:
                try ProtobufReader.skip(tag, bytes, &at, bytes.count)
            }
        }
    }

    /// TimeSeries: labels = 1, samples = 2, exemplars = 3, histograms = 4.
    private mutating func series(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>, _ cache: inout SeriesCache
    ) throws(IngestError) {
        let end = range.upperBound
        var at = range.lowerBound
        // The labels come first and together, from every writer there is.
        while at < end, bytes[at] == 0x0A {
            at += 1
            _ = try ProtobufReader.content(bytes, &at, end)
        }
        let head = range.lowerBound..<at
        let labelsContinue = try hasLabels(bytes, at, end)
        let key = cache.key(body[head])
        if !labelsContinue, let number = cache.number(key) {
            let index = cache.place(number, in: &parsed.batch.series)
            return try points(body, bytes, at, end, index, cache.labels(number))
        }
        guard let made = try self.labels(body, bytes, range) else { return }
        let number = labelsContinue ? cache.number(of: made) : cache.learn(key, made)
        let index = cache.place(number, in: &parsed.batch.series)
        try points(body, bytes, at, end, index, made)
    }

    /// Whether label fields follow behind others.
    private func hasLabels(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int
    ) throws(IngestError) -> Bool {
        var at = start
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            if tag.field == 1 { return true }
            try ProtobufReader.skip(tag, bytes, &at, end)
        }
        return false
    }

    /// The labels of a series, or nil when they break a rule.
    private mutating func labels(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> Labels? {
        labels.removeAll()
        let end = range.upperBound
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            guard tag == .init(field: 1, wire: ProtobufReader.bytesWire) else {
                try ProtobufReader.skip(tag, bytes, &at, end)
                continue
            }
            let pair = try ProtobufReader.content(bytes, &at, end)
            let (name, value) = try RemoteWriteReader.pair(bytes, pair)
            if let reason = labels.add(body[name], body[value]) {
                let text = String(decoding: body[name].prefix(80), as: UTF8.self)
                parsed.skip(
                    reason, "label \(text): \(reason.rawValue)", at: .offset(pair.lowerBound))
                return nil
            }
        }
        guard labels.hasMetricName else {
            parsed.skip(
                .missingMetricName, "series without __name__", at: .offset(range.lowerBound))
            return nil
        }
        return labels.labels()
    }

    /// Label, and Loki's LabelPair: name = 1, value = 2.
    static func pair(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> (name: Range<Int>, value: Range<Int>) {
        var name = range.lowerBound..<range.lowerBound
        var value = name
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                name = try ProtobufReader.content(bytes, &at, range.upperBound)
            case (2, ProtobufReader.bytesWire):
                value = try ProtobufReader.content(bytes, &at, range.upperBound)
            default:
                try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        return (name, value)
    }

    /// Samples, histograms and exemplars of a series.
    private mutating func points(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ index: UInt32,
        _ series: @autoclosure () -> Labels
    ) throws(IngestError) {
        var at = start
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            guard tag.wire == ProtobufReader.bytesWire else {
                try ProtobufReader.skip(tag, bytes, &at, end)
                continue
            }
            let content = try ProtobufReader.content(bytes, &at, end)
            switch tag.field {
            case 2: try sample(bytes, content, index)
            case 3: try exemplar(body, bytes, content, series())
            case 4: try histogram(bytes, content, index)
            default: break
            }
        }
    }

    /// Exemplar: labels = 1, value = 2, timestamp = 3, ms.
    private mutating func exemplar(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>, _ series: Labels
    ) throws(IngestError) {
        var at = range.lowerBound
        var value = 0.0
        var millis: Int64 = 0
        labels.removeAll()
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                let pair = try ProtobufReader.content(bytes, &at, range.upperBound)
                let (name, text) = try RemoteWriteReader.pair(bytes, pair)
                if let reason = labels.add(body[name], body[text]) {
                    return parsed.skip(
                        .badExemplar, "exemplar label: \(reason.rawValue)",
                        at: .offset(pair.lowerBound))
                }
            case (2, ProtobufReader.fixed64Wire):
                value = try ProtobufReader.double(bytes, &at, range.upperBound)
            case (3, ProtobufReader.varintWire):
                millis = Int64(
                    bitPattern: try ProtobufReader.varint(bytes, &at, range.upperBound))
            default:
                try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        parsed.append(
            Exemplar(
                series: series, labels: labels.labels(), value: value,
                timestamp: Timestamp(millis: millis)), limits, at: .offset(range.lowerBound))
    }

    /// Sample: value = 1, timestamp = 2, ms.
    private mutating func sample(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ index: UInt32
    ) throws(IngestError) {
        var at = range.lowerBound
        var value = 0.0
        var millis: Int64 = 0
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.fixed64Wire):
                value = try ProtobufReader.double(bytes, &at, range.upperBound)
            case (2, ProtobufReader.varintWire):
                millis = Int64(
                    bitPattern: try ProtobufReader.varint(bytes, &at, range.upperBound))
            default:
                try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        parsed.batch.samples.append(
            seriesIndex: index, timestamp: Timestamp(millis: millis).nanos, value: value)
        parsed.acceptedCount += 1
    }

    private mutating func histogram(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ index: UInt32
    ) throws(IngestError) {
        let read = try RemoteWriteHistogram.parse(bytes, range)
        switch read {
        case .valid(let histogram, let millis):
            parsed.batch.histograms.append(
                HistogramSample(
                    seriesIndex: index, timestamp: Timestamp(millis: millis).nanos,
                    histogram: histogram))
            parsed.acceptedCount += 1
        case .invalid(let what):
            parsed.skip(.badHistogram, "histogram: \(what)", at: .offset(range.lowerBound))
        }
    }

    /// MetricMetadata: type = 1, metric_family_name = 2, help = 4, unit = 5.
    private mutating func metadata(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) {
        var kind = MetricMetadata.Kind.unknown
        var texts = [String](repeating: "", count: 6)
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                let value = try ProtobufReader.varint(bytes, &at, range.upperBound)
                kind = UInt8(exactly: value).flatMap(MetricMetadata.Kind.init) ?? .unknown
            case (2, ProtobufReader.bytesWire), (4, ProtobufReader.bytesWire),
                (5, ProtobufReader.bytesWire):
                let text = try ProtobufReader.content(bytes, &at, range.upperBound)
                texts[tag.field] = String(decoding: body[text], as: UTF8.self)
            default:
                try ProtobufReader.skip(tag, bytes, &at, range.upperBound)
            }
        }
        parsed.acceptedCount += 1
        guard !texts[2].isEmpty else { return }
        parsed.batch.metadata.append(
            MetricMetadata(metric: texts[2], kind: kind, help: texts[4], unit: texts[5]))
    }
}
