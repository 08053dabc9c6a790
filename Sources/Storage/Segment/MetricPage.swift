internal import Encoding
internal import Model

/// Where a timestamp column lies in a segment's data file: its identity there.
struct ColumnPlace: Hashable, Sendable {
    var offset: Int
    var byteCount: Int
}

/// One value vector of a series: where it lies, with its checksum, and what is known of it.
struct FloatVectorPlace: Sendable {
    var offset: Int
    var byteCount: Int
    var sampleCount: Int
    var stats: VectorStats
}

/// One histogram vector of a series.
struct HistogramVectorPlace: Sendable {
    var offset: Int
    var byteCount: Int
    var sampleCount: Int
}

/// What a segment says of one series: its labels and where its columns lie.
struct MetricSeriesEntry: Sendable {
    var tenant: Tenant
    var labels: Labels
    var timeColumn: ColumnPlace?
    var floats: [FloatVectorPlace] = []
    var histogramTimeColumn: ColumnPlace?
    var histograms: [HistogramVectorPlace] = []
}

/// A page of a segment's directory: 128 neighbours in the order of series. Layout in
/// docs/format/metric-segment.md.
enum MetricPage {
    /// The body, without compression and checksum.
    static func encode(
        _ entries: [MetricSeriesEntry], tenantNumbers: [Tenant: Int], vectorSamples: Int
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(UInt64(entries.count))
        for entry in entries {
            writer.varint(UInt64(tenantNumbers[entry.tenant] ?? 0))
            writer.lengthPrefixed(entry.labels.bytes)
        }
        var place = 0
        var column = 0
        for entry in entries {
            writer.u8((entry.floats.isEmpty ? 0 : 1) | (entry.histograms.isEmpty ? 0 : 2))
            if let time = entry.timeColumn, let first = entry.floats.first {
                write(time, &column, &writer)
                writer.varint(UInt64(entry.floats.reduce(0) { $0 + $1.sampleCount }))
                writer.zigzag(Int64(first.offset - place))
                for vector in entry.floats {
                    writer.varint(UInt64(vector.byteCount))
                    vector.stats.write(to: &writer, total: vector.sampleCount)
                    place = vector.offset + vector.byteCount
                }
            }
            if let time = entry.histogramTimeColumn, let first = entry.histograms.first {
                write(time, &column, &writer)
                writer.varint(UInt64(entry.histograms.count))
                writer.zigzag(Int64(first.offset - place))
                for vector in entry.histograms {
                    writer.varint(UInt64(vector.byteCount))
                    writer.varint(UInt64(vector.sampleCount))
                    place = vector.offset + vector.byteCount
                }
            }
        }
        return writer.bytes
    }

    /// `fileBytes`: no block may end behind it.
    static func decode(
        _ body: ArraySlice<UInt8>, tenants: [Tenant], vectorSamples: Int, fileBytes: Int
    ) throws(EncodingError) -> [MetricSeriesEntry] {
        var reader = PageReader(
            reader: ByteReader(body), vectorSamples: vectorSamples, fileBytes: fileBytes)
        return try reader.entries(tenants)
    }

    private static func write(
        _ place: ColumnPlace, _ previous: inout Int, _ writer: inout ByteWriter
    ) {
        writer.zigzag(Int64(place.offset - previous))
        writer.varint(UInt64(place.byteCount))
        previous = place.offset
    }
}

private struct PageReader {
    var reader: ByteReader
    let vectorSamples: Int
    let fileBytes: Int
    var place = 0
    var column = 0

    init(reader: ByteReader, vectorSamples: Int, fileBytes: Int) {
        self.reader = reader
        self.vectorSamples = vectorSamples
        self.fileBytes = fileBytes
    }

    mutating func entries(_ tenants: [Tenant]) throws(EncodingError) -> [MetricSeriesEntry] {
        let count = try reader.count(limit: SegmentFormat.pageSeries)
        var result: [MetricSeriesEntry] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            let tenant = try reader.count(limit: max(0, tenants.count - 1))
            guard tenant < tenants.count else {
                throw .corrupt(what: "tenant", offset: reader.offset)
            }
            guard let labels = Labels(checking: Array(try reader.lengthPrefixed())) else {
                throw .corrupt(what: "labels", offset: reader.offset)
            }
            result.append(MetricSeriesEntry(tenant: tenants[tenant], labels: labels))
        }
        for index in 0..<count {
            let flags = try reader.u8()
            if flags & 1 != 0 { try readFloats(&result[index]) }
            if flags & 2 != 0 { try readHistograms(&result[index]) }
        }
        guard reader.isAtEnd else { throw .corrupt(what: "page end", offset: reader.offset) }
        return result
    }

    private mutating func readFloats(_ entry: inout MetricSeriesEntry) throws(EncodingError) {
        entry.timeColumn = try columnPlace()
        var left = try reader.count(limit: fileBytes * 1_024)
        try jump()
        while left > 0 {
            let samples = min(left, vectorSamples)
            let byteCount = try reader.count(limit: fileBytes)
            let stats = try VectorStats.read(&reader, total: samples)
            entry.floats.append(
                FloatVectorPlace(
                    offset: try take(byteCount), byteCount: byteCount, sampleCount: samples,
                    stats: stats))
            left -= samples
        }
    }

    private mutating func readHistograms(_ entry: inout MetricSeriesEntry) throws(EncodingError) {
        entry.histogramTimeColumn = try columnPlace()
        let vectors = try reader.count(limit: fileBytes)
        try jump()
        for _ in 0..<vectors {
            let byteCount = try reader.count(limit: fileBytes)
            let samples = try reader.count(limit: HistogramVector.samplesMax)
            entry.histograms.append(
                HistogramVectorPlace(
                    offset: try take(byteCount), byteCount: byteCount, sampleCount: samples))
        }
    }

    private mutating func columnPlace() throws(EncodingError) -> ColumnPlace {
        column = try moved(column, by: try reader.zigzag())
        let byteCount = try reader.count(limit: fileBytes)
        guard column + byteCount <= fileBytes else {
            throw .corrupt(what: "column place", offset: reader.offset)
        }
        return ColumnPlace(offset: column, byteCount: byteCount)
    }

    private mutating func jump() throws(EncodingError) {
        place = try moved(place, by: try reader.zigzag())
    }

    private func moved(_ from: Int, by distance: Int64) throws(EncodingError) -> Int {
        let (sum, overflow) = from.addingReportingOverflow(Int(distance))
        guard !overflow, sum >= 0, sum <= fileBytes else {
            throw .corrupt(what: "offset", offset: reader.offset)
        }
        return sum
    }

    private mutating func take(_ byteCount: Int) throws(EncodingError) -> Int {
        guard byteCount <= fileBytes - place else {
            throw .corrupt(what: "block length", offset: reader.offset)
        }
        defer { place += byteCount }
        return place
    }
}
