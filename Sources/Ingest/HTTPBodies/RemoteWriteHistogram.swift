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

    /// The half of a histogram on one side of zero, as sent.
    private struct Side {
        var spans: [(offset: Int32, length: UInt32)] = []
        var deltas: [Int64] = []
        var counts: [Double] = []
    }

    static func parse(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(IngestError) -> Outcome {
        var histogram = Histogram(schema: 0)
        var positive = Side()
        var negative = Side()
        var millis: Int64 = 0
        let end = range.upperBound
        var at = range.lowerBound
        while at < end {
            let tag = try ProtobufReader.tag(bytes, &at, end)
            switch (tag.field, tag.wire) {
            case (8, ProtobufReader.bytesWire): negative.spans.append(try span(bytes, &at, end))
            case (11, ProtobufReader.bytesWire): positive.spans.append(try span(bytes, &at, end))
            case (9, _): try deltas(tag, bytes, &at, end, &negative.deltas)
            case (12, _): try deltas(tag, bytes, &at, end, &positive.deltas)
            case (10, _): try doubles(tag, bytes, &at, end, &negative.counts)
            case (13, _): try doubles(tag, bytes, &at, end, &positive.counts)
            case (16, _): try doubles(tag, bytes, &at, end, &histogram.customBounds)
            case (15, ProtobufReader.varintWire):
                millis = Int64(bitPattern: try ProtobufReader.varint(bytes, &at, end))
            default:
                try scalar(tag, bytes, &at, end, &histogram)
            }
        }
        if let fault = schemaFault(histogram) { return .invalid(fault) }
        guard let positiveBuckets = buckets(positive), let negativeBuckets = buckets(negative)
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

    /// BucketSpan: offset = 1 (zigzag), length = 2.
    private static func span(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> (offset: Int32, length: UInt32) {
        let range = try ProtobufReader.content(bytes, &at, end)
        var offset: Int32 = 0
        var length: UInt32 = 0
        var place = range.lowerBound
        while place < range.upperBound {
            let tag = try ProtobufReader.tag(bytes, &place, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                offset = Int32(
                    truncatingIfNeeded: try ProtobufReader.zigzag(bytes, &place, range.upperBound))
            case (2, ProtobufReader.varintWire):
                length = UInt32(
                    truncatingIfNeeded: try ProtobufReader.varint(bytes, &place, range.upperBound))
            default: try ProtobufReader.skip(tag, bytes, &place, range.upperBound)
            }
        }
        return (offset, length)
    }

    /// Repeated sint64, packed or not.
    private static func deltas(
        _ tag: ProtobufReader.Tag, _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int,
        _ values: inout [Int64]
    ) throws(IngestError) {
        switch tag.wire {
        case ProtobufReader.varintWire:
            values.append(try ProtobufReader.zigzag(bytes, &at, end))
        case ProtobufReader.bytesWire:
            let range = try ProtobufReader.content(bytes, &at, end)
            var place = range.lowerBound
            while place < range.upperBound {
                values.append(try ProtobufReader.zigzag(bytes, &place, range.upperBound))
            }
        default: try ProtobufReader.skip(tag, bytes, &at, end)
        }
    }

    /// Repeated double, packed or not.
    private static func doubles(
        _ tag: ProtobufReader.Tag, _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int,
        _ values: inout [Double]
    ) throws(IngestError) {
        switch tag.wire {
        case ProtobufReader.fixed64Wire:
            values.append(try ProtobufReader.double(bytes, &at, end))
        case ProtobufReader.bytesWire:
            let range = try ProtobufReader.content(bytes, &at, end)
            var place = range.lowerBound
            while place < range.upperBound {
                values.append(try ProtobufReader.double(bytes, &place, range.upperBound))
            }
        default: try ProtobufReader.skip(tag, bytes, &at, end)
        }
    }

    /// Spans with their counts to buckets that are not empty; nil when they do not fit together.
    /// The counts bound the work, whatever lengths the spans claim.
    private static func buckets(_ side: Side) -> Histogram.Buckets? {
        var counts = side.counts
        if counts.isEmpty {
            var running: Int64 = 0
            counts.reserveCapacity(side.deltas.count)
            for delta in side.deltas {
                let (sum, overflow) = running.addingReportingOverflow(delta)
                guard !overflow else { return nil }
                running = sum
                counts.append(Double(sum))
            }
        } else if !side.deltas.isEmpty {
            return nil
        }
        var result = Histogram.Buckets()
        var next: Int32 = 0
        var used = 0
        for (number, span) in side.spans.enumerated() {
            guard number == 0 || span.offset >= 0, Int(span.length) <= counts.count - used
            else { return nil }
            let (start, overflow) = next.addingReportingOverflow(span.offset)
            let (stop, overflow2) = start.addingReportingOverflow(Int32(span.length))
            guard !overflow, !overflow2 else { return nil }
            for index in start..<stop {
                let count = counts[used]
                used += 1
                guard count >= 0 else { return nil }
                if count != 0 {
                    result.indexes.append(index)
                    result.counts.append(count)
                }
            }
            next = stop
        }
        return used == counts.count ? result : nil
    }

    private static func schemaFault(_ histogram: Histogram) -> String? {
        let isCustom = histogram.schema == Histogram.customBoundsSchema
        let isExponential = (Histogram.schemaMin...Histogram.schemaMax).contains(histogram.schema)
        if !isCustom, !isExponential { return "schema \(histogram.schema) is not supported" }
        if !isCustom, !histogram.customBounds.isEmpty { return "custom bounds without schema -53" }
        return nil
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
