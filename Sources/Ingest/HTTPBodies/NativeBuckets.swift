internal import Model

/// One side of zero of a native histogram as protobuf has it: spans, and deltas or absolute counts.
/// The same messages in remote write and in scraped protobuf, under other numbers.
/// Source: prompb/types.proto; Prometheus, "Native histograms" specification.
struct NativeBuckets {
    private var spans: [(offset: Int32, length: UInt32)] = []
    private var deltas: [Int64] = []
    private var counts: [Double] = []

    /// Whether there is anything, be it a span of no length, which marks a native histogram.
    var isSent: Bool { !spans.isEmpty || !deltas.isEmpty || !counts.isEmpty }

    /// Takes a BucketSpan: offset = 1 (zigzag), length = 2.
    mutating func addSpan(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) {
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
        spans.append((offset, length))
    }

    /// Takes repeated sint64, packed or not.
    mutating func addDeltas(
        _ tag: ProtobufReader.Tag, _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) {
        switch tag.wire {
        case ProtobufReader.varintWire:
            deltas.append(try ProtobufReader.zigzag(bytes, &at, end))
        case ProtobufReader.bytesWire:
            let range = try ProtobufReader.content(bytes, &at, end)
            var place = range.lowerBound
            while place < range.upperBound {
                deltas.append(try ProtobufReader.zigzag(bytes, &place, range.upperBound))
            }
        default: try ProtobufReader.skip(tag, bytes, &at, end)
        }
    }

    /// Takes repeated double, packed or not.
    mutating func addCounts(
        _ tag: ProtobufReader.Tag, _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) {
        try NativeBuckets.doubles(tag, bytes, &at, end, &counts)
    }

    /// Repeated double, packed or not.
    static func doubles(
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
    var buckets: Histogram.Buckets? {
        var counts = self.counts
        if counts.isEmpty {
            var running: Int64 = 0
            counts.reserveCapacity(deltas.count)
            for delta in deltas {
                let (sum, overflow) = running.addingReportingOverflow(delta)
                guard !overflow else { return nil }
                running = sum
                counts.append(Double(sum))
            }
        } else if !deltas.isEmpty {
            return nil
        }
        var result = Histogram.Buckets()
        var next: Int32 = 0
        var used = 0
        for (number, span) in spans.enumerated() {
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

    /// What is wrong with the schema, and with custom bounds where there may be none.
    static func schemaFault(_ histogram: Histogram) -> String? {
        let isCustom = histogram.schema == Histogram.customBoundsSchema
        let isExponential = (Histogram.schemaMin...Histogram.schemaMax).contains(histogram.schema)
        if !isCustom, !isExponential { return "schema \(histogram.schema) is not supported" }
        if !isCustom, !histogram.customBounds.isEmpty { return "custom bounds without schema -53" }
        return nil
    }
}
