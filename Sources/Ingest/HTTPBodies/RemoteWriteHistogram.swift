internal import Model

/// `prometheus.Histogram` of remote write: spans and delta or absolute counts, to buckets by index.
/// Source: prompb/types.proto; Prometheus, "Native histograms" specification.
///
///     count_int 1 │ count_float 2 │ sum 3 │ schema 4 │ zero_threshold 5 │ zero_count_int 6
///     zero_count_float 7 │ negative spans 8, deltas 9, counts 10 │ positive 11, 12, 13
///     reset_hint 14 │ timestamp 15 │ custom_values 16
enum RemoteWriteHistogram {
    enum Outcome {
        case valid(Histogram, millis: Int64)
        /// Well-formed protobuf, but not a histogram.
        case invalid(String)
    }

    static func parse(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> Outcome {
        var histogram = Histogram(schema: 0)
        var positive = NativeBuckets()
        var negative = NativeBuckets()
        var millis: Int64 = 0
        let end = range.upperBound
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            switch (tag.field, tag.wire) {
            case (8, ProtobufReader.bytesWire): try negative.addSpan(bytes, &at, end)
            case (11, ProtobufReader.bytesWire): try positive.addSpan(bytes, &at, end)
            case (9, _): try negative.addDeltas(tag, bytes, &at, end)
            case (12, _): try positive.addDeltas(tag, bytes, &at, end)
            case (10, _): try negative.addCounts(tag, bytes, &at, end)
            case (13, _): try positive.addCounts(tag, bytes, &at, end)
            case (16, _): try NativeBuckets.doubles(tag, bytes, &at, end, &histogram.customBounds)
            case (15, ProtobufReader.varintWire):
                millis = Int64(bitPattern: try ProtobufReader.varint(bytes, &at, end))
            default:
                try scalar(tag, bytes, &at, end, &histogram)
            }
        }
        if let fault = NativeBuckets.schemaFault(histogram) { return .invalid(fault) }
        guard let positiveBuckets = positive.buckets, let negativeBuckets = negative.buckets
        else { return .invalid("spans and bucket counts do not agree") }
        histogram.positive = positiveBuckets
        histogram.negative = negativeBuckets
        if let fault = boundsFault(histogram) { return .invalid(fault) }
        return .valid(histogram, millis: millis)
    }

    private static func scalar(
        _ tag: ProtobufReader.Tag, _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int,
        _ histogram: inout Histogram
    ) throws(IngestError) {
        switch (tag.field, tag.wire) {
        case (1, ProtobufReader.varintWire):
            histogram.count = Double(try ProtobufReader.varint(bytes, &at, end))
        case (2, ProtobufReader.fixed64Wire):
            histogram.count = try ProtobufReader.double(bytes, &at, end)
        case (3, ProtobufReader.fixed64Wire):
            histogram.sum = try ProtobufReader.double(bytes, &at, end)
        case (4, ProtobufReader.varintWire):
            histogram.schema = Int32(
                truncatingIfNeeded: try ProtobufReader.zigzag(bytes, &at, end))
        case (5, ProtobufReader.fixed64Wire):
            histogram.zeroThreshold = try ProtobufReader.double(bytes, &at, end)
        case (6, ProtobufReader.varintWire):
            histogram.zeroCount = Double(try ProtobufReader.varint(bytes, &at, end))
        case (7, ProtobufReader.fixed64Wire):
            histogram.zeroCount = try ProtobufReader.double(bytes, &at, end)
        case (14, ProtobufReader.varintWire):
            let hint = try ProtobufReader.varint(bytes, &at, end)
            histogram.resetHint =
                UInt8(exactly: hint).flatMap(Histogram.ResetHint.init) ?? .unknown
        default:
            try ProtobufReader.skip(tag, bytes, &at, end)
        }
    }

    private static func boundsFault(_ histogram: Histogram) -> String? {
        guard histogram.schema == Histogram.customBoundsSchema else { return nil }
        let bounds = histogram.customBounds
        for (a, b) in zip(bounds, bounds.dropFirst()) where !(a < b) {
            return "custom bounds do not ascend"
        }
        if bounds.contains(where: \.isNaN) { return "a custom bound is NaN" }
        let indexes = histogram.positive.indexes
        if !histogram.negative.isEmpty || (indexes.first ?? 0) < 0
            || Int(indexes.last ?? 0) > bounds.count
        {
            return "a bucket outside of the custom bounds"
        }
        return nil
    }
}
