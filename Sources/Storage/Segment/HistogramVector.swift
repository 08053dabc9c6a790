internal import Encoding
internal import Model

/// Up to 1,024 histograms of one series as columns: the bucket layout once, then per bucket the
/// counts over time, which for cumulative histograms are mostly short differences.
///
/// All histograms of a vector share schema, reset hint, zero threshold and custom bounds. Buckets
/// that are present with the count 0 come back absent, which means the same.
enum HistogramVector {
    static let samplesMax = 1_024

    /// How many of `histograms` from `start` on fit one vector: at least one.
    static func runLength(_ histograms: [Histogram], from start: Int) -> Int {
        let first = histograms[start]
        var end = start + 1
        while end < histograms.count, end - start < samplesMax, isAlike(first, histograms[end]) {
            end += 1
        }
        return end - start
    }

    static func write(
        _ histograms: ArraySlice<Histogram>, tier: CodecTier, to writer: inout ByteWriter
    ) {
        guard let first = histograms.first else { preconditionFailure("BUG: an empty vector") }
        writer.zigzag(Int64(first.schema))
        writer.u8(first.resetHint.rawValue)
        CompactNumber.write(first.zeroThreshold, to: &writer)
        writer.varint(UInt64(first.customBounds.count))
        for bound in first.customBounds { CompactNumber.write(bound, to: &writer) }
        ValueCodec.encode(histograms.map(\.zeroCount), tier: tier, into: &writer)
        ValueCodec.encode(histograms.map(\.count), tier: tier, into: &writer)
        ValueCodec.encode(histograms.map(\.sum), tier: tier, into: &writer)
        write(histograms.map(\.positive), tier, &writer)
        write(histograms.map(\.negative), tier, &writer)
    }

    static func read(_ reader: inout ByteReader, count: Int) throws -> [Histogram] {
        let schema = try reader.zigzag()
        guard let hint = Histogram.ResetHint(rawValue: try reader.u8()),
            let schema = Int32(exactly: schema),
            schema == Histogram.customBoundsSchema
                || (Histogram.schemaMin...Histogram.schemaMax).contains(schema)
        else { throw EncodingError.corrupt(what: "histogram layout", offset: reader.offset) }
        let threshold = try CompactNumber.read(&reader)
        let boundCount = try reader.count(limit: HistogramCodec.bucketCountMax)
        var bounds: [Double] = []
        for _ in 0..<boundCount { bounds.append(try CompactNumber.read(&reader)) }
        let zeros = try column(&reader, count)
        let counts = try column(&reader, count)
        let sums = try column(&reader, count)
        let positive = try readBuckets(&reader, count)
        let negative = try readBuckets(&reader, count)
        return (0..<count).map { row in
            Histogram(
                schema: schema, resetHint: hint, zeroThreshold: threshold, zeroCount: zeros[row],
                count: counts[row], sum: sums[row], positive: positive[row],
                negative: negative[row], customBounds: bounds)
        }
    }

    private static func isAlike(_ a: Histogram, _ b: Histogram) -> Bool {
        a.schema == b.schema && a.resetHint == b.resetHint
            && a.zeroThreshold.bitPattern == b.zeroThreshold.bitPattern
            && a.customBounds.elementsEqual(b.customBounds) { $0.bitPattern == $1.bitPattern }
    }

    private static func write(
        _ rows: [Histogram.Buckets], _ tier: CodecTier, _ writer: inout ByteWriter
    ) {
        var all = Set<Int32>()
        for row in rows { all.formUnion(row.indexes) }
        let indexes = all.sorted()
        writer.varint(UInt64(indexes.count))
        var previous: Int64 = 0
        for index in indexes {
            writer.zigzag(Int64(index) - previous)
            previous = Int64(index)
        }
        var places = [Int](repeating: 0, count: rows.count)
        var column = [Double](repeating: 0, count: rows.count)
        for index in indexes {
            for (number, row) in rows.enumerated() {
                let place = places[number]
                let isThere = place < row.indexes.count && row.indexes[place] == index
                column[number] = isThere ? row.counts[place] : 0
                if isThere { places[number] += 1 }
            }
            ValueCodec.encode(column, tier: tier, into: &writer)
        }
    }

    private static func readBuckets(
        _ reader: inout ByteReader, _ count: Int
    ) throws -> [Histogram.Buckets] {
        var rows = [Histogram.Buckets](repeating: .init(), count: count)
        let bucketCount = try reader.count(limit: HistogramCodec.bucketCountMax)
        var indexes: [Int32] = []
        var previous: Int64 = 0
        for _ in 0..<bucketCount {
            let (sum, overflow) = previous.addingReportingOverflow(try reader.zigzag())
            guard !overflow, let index = Int32(exactly: sum) else {
                throw EncodingError.corrupt(what: "bucket index", offset: reader.offset)
            }
            indexes.append(index)
            previous = sum
        }
        for index in indexes {
            let values = try column(&reader, count)
            for (number, value) in values.enumerated() where value != 0 {
                rows[number].indexes.append(index)
                rows[number].counts.append(value)
            }
        }
        return rows
    }

    private static func column(
        _ reader: inout ByteReader, _ count: Int
    ) throws(EncodingError) -> [Double] {
        var values: [Double] = []
        values.reserveCapacity(count)
        try ValueCodec.decode(&reader, count: count, into: &values)
        return values
    }
}
