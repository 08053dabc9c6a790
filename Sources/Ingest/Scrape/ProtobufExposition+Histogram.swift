internal import Model

/// Histograms, which are classic, native, or both.
///
///     sample_count 1 │ sample_sum 2 │ bucket 3 │ sample_count_float 4 │ schema 5
///     zero_threshold 6 │ zero_count 7 │ zero_count_float 8
///     negative_span 9, delta 10, count 11 │ positive_span 12, 13, 14 │ exemplars 16
extension ProtobufExposition {
    /// One of them being read.
    private struct Parts {
        var histogram = Histogram(schema: 0)
        var positive = NativeBuckets()
        var negative = NativeBuckets()
        var buckets: [Bucket] = []
        var exemplars: [Range<Int>] = []

        /// A target marks a native histogram without observations by its zero bucket or a span.
        var isNative: Bool {
            positive.isSent || negative.isSent || histogram.zeroThreshold > 0
                || histogram.zeroCount > 0
        }

        /// Whether it has more of a classic one than the bucket of everything.
        var isClassic: Bool { buckets.contains { $0.bound != .infinity } }
    }

    /// Prometheus' choice: a native part that is wanted takes the place of the classic one, unless
    /// both are asked for.
    mutating func histogram(
        _ series: Series, _ range: Range<Int>, isGauge: Bool, _ body: [UInt8],
        _ cache: inout SeriesCache
    ) throws(IngestError) {
        let parts = try ProtobufExposition.parts(body, range)
        let isNative = scrape.takesNativeHistograms && parts.isNative
        if isNative { try native(series, parts, isGauge: isGauge, range, body, &cache) }
        if !isNative || parts.isClassic && scrape.alwaysTakesClassicHistograms {
            try classic(
                series, parts.buckets, count: parts.histogram.count, sum: parts.histogram.sum,
                body, &cache)
        }
    }

    private mutating func native(
        _ series: Series, _ parts: Parts, isGauge: Bool, _ range: Range<Int>, _ body: [UInt8],
        _ cache: inout SeriesCache
    ) throws(IngestError) {
        var histogram = parts.histogram
        let place = IngestError.Place.offset(range.lowerBound)
        if isGauge { histogram.resetHint = .gauge }
        if let fault = NativeBuckets.schemaFault(histogram) {
            return parsed.skip(.badHistogram, fault, at: place)
        }
        guard let positive = parts.positive.buckets, let negative = parts.negative.buckets else {
            return parsed.skip(
                .badHistogram, "spans and bucket counts do not agree", at: place)
        }
        histogram.positive = positive
        histogram.negative = negative
        guard let labels = sample(series, histogram, body, &cache) else { return }
        let own = parts.exemplars.isEmpty ? parts.buckets.compactMap(\.exemplar) : parts.exemplars
        for exemplar in own {
            try take(exemplar: exemplar, of: labels, nanos(of: series), body)
        }
    }

    private static func parts(
        _ body: [UInt8], _ range: Range<Int>
    ) throws(IngestError) -> Parts {
        var parts = Parts()
        let end = range.upperBound
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(body.span, &at, end)
            switch (tag.field, tag.wire) {
            case (3, ProtobufReader.bytesWire):
                let content = try ProtobufReader.content(body.span, &at, end)
                parts.buckets.append(try bucket(body, content))
            case (9, ProtobufReader.bytesWire): try parts.negative.addSpan(body.span, &at, end)
            case (12, ProtobufReader.bytesWire): try parts.positive.addSpan(body.span, &at, end)
            case (10, _): try parts.negative.addDeltas(tag, body.span, &at, end)
            case (13, _): try parts.positive.addDeltas(tag, body.span, &at, end)
            case (11, _): try parts.negative.addCounts(tag, body.span, &at, end)
            case (14, _): try parts.positive.addCounts(tag, body.span, &at, end)
            case (16, ProtobufReader.bytesWire):
                parts.exemplars.append(try ProtobufReader.content(body.span, &at, end))
            default: try scalar(tag, body, &at, end, &parts.histogram)
            }
        }
        return parts
    }

    private static func scalar(
        _ tag: ProtobufReader.Tag, _ body: [UInt8], _ at: inout Int, _ end: Int,
        _ histogram: inout Histogram
    ) throws(IngestError) {
        switch (tag.field, tag.wire) {
        case (1, ProtobufReader.varintWire):
            let count = try ProtobufReader.varint(body.span, &at, end)
            if histogram.count == 0 { histogram.count = Double(count) }
        case (2, ProtobufReader.fixed64Wire):
            histogram.sum = try ProtobufReader.double(body.span, &at, end)
        case (4, ProtobufReader.fixed64Wire):
            let count = try ProtobufReader.double(body.span, &at, end)
            if count > 0 { histogram.count = count }
        case (5, ProtobufReader.varintWire):
            histogram.schema = Int32(
                truncatingIfNeeded: try ProtobufReader.zigzag(body.span, &at, end))
        case (6, ProtobufReader.fixed64Wire):
            histogram.zeroThreshold = try ProtobufReader.double(body.span, &at, end)
        case (7, ProtobufReader.varintWire):
            let count = try ProtobufReader.varint(body.span, &at, end)
            if histogram.zeroCount == 0 { histogram.zeroCount = Double(count) }
        case (8, ProtobufReader.fixed64Wire):
            let count = try ProtobufReader.double(body.span, &at, end)
            if count > 0 { histogram.zeroCount = count }
        default: try ProtobufReader.skip(tag, body.span, &at, end)
        }
    }
}
