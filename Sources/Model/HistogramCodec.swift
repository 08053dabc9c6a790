package import Encoding

/// Histograms as bytes, one after the other: layout in docs/format/write-batch.md. For journals
/// and checkpoints, where they are few; segments have columns of their own.
package enum HistogramCodec {
    /// Of buckets of one sign; more is refused when reading.
    package static let bucketCountMax = 1 << 16

    static func write(_ samples: [HistogramSample], to writer: inout ByteWriter) {
        writer.varint(UInt64(samples.count))
        for sample in samples {
            writer.u32(sample.seriesIndex)
            writer.u64(UInt64(bitPattern: sample.timestamp))
            write(sample.histogram, to: &writer)
        }
    }

    static func read(
        _ reader: inout ByteReader, seriesCount: Int
    ) throws -> [HistogramSample] {
        var samples: [HistogramSample] = []
        for _ in 0..<(try reader.count(limit: WriteBatch.itemCountMax)) {
            let index = try reader.u32()
            guard index < seriesCount else {
                throw ModelError.corruptBatch(what: "series index", offset: reader.offset)
            }
            let timestamp = try reader.i64()
            samples.append(
                HistogramSample(
                    seriesIndex: index, timestamp: timestamp, histogram: try read(&reader)))
        }
        return samples
    }

    /// Appends one histogram.
    package static func write(_ histogram: Histogram, to writer: inout ByteWriter) {
        writer.zigzag(Int64(histogram.schema))
        writer.u8(histogram.resetHint.rawValue)
        writer.f64(histogram.zeroThreshold)
        writer.f64(histogram.zeroCount)
        writer.f64(histogram.count)
        writer.f64(histogram.sum)
        write(histogram.positive, to: &writer)
        write(histogram.negative, to: &writer)
        writer.varint(UInt64(histogram.customBounds.count))
        writer.column(histogram.customBounds)
    }

    /// Reads what `write` wrote. Throws `EncodingError` or `ModelError.corruptBatch`.
    package static func read(_ reader: inout ByteReader) throws -> Histogram {
        let schema = try reader.zigzag()
        guard let hint = Histogram.ResetHint(rawValue: try reader.u8()),
            schema == Int64(Histogram.customBoundsSchema)
                || (Int64(Histogram.schemaMin)...Int64(Histogram.schemaMax)).contains(schema)
        else { throw ModelError.corruptBatch(what: "histogram", offset: reader.offset) }
        var histogram = Histogram(schema: Int32(schema), resetHint: hint)
        histogram.zeroThreshold = try reader.f64()
        histogram.zeroCount = try reader.f64()
        histogram.count = try reader.f64()
        histogram.sum = try reader.f64()
        histogram.positive = try readBuckets(&reader)
        histogram.negative = try readBuckets(&reader)
        let boundCount = try reader.count(limit: bucketCountMax)
        try reader.column(count: boundCount, into: &histogram.customBounds)
        return histogram
    }

    private static func write(_ buckets: Histogram.Buckets, to writer: inout ByteWriter) {
        writer.varint(UInt64(buckets.indexes.count))
        var previous: Int64 = 0
        for index in buckets.indexes {
            writer.zigzag(Int64(index) - previous)
            previous = Int64(index)
        }
        writer.column(buckets.counts)
    }

    private static func readBuckets(_ reader: inout ByteReader) throws -> Histogram.Buckets {
        let count = try reader.count(limit: bucketCountMax)
        var buckets = Histogram.Buckets()
        var previous: Int64 = 0
        for position in 0..<count {
            let step = try reader.zigzag()
            let (index, overflow) = previous.addingReportingOverflow(step)
            guard !overflow, let narrow = Int32(exactly: index), position == 0 || step > 0 else {
                throw ModelError.corruptBatch(what: "bucket index", offset: reader.offset)
            }
            buckets.indexes.append(narrow)
            previous = index
        }
        try reader.column(count: count, into: &buckets.counts)
        return buckets
    }
}
