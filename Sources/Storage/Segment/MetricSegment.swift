internal import Encoding
internal import Model
internal import Platform
internal import Synchronization

/// The data file of a metric segment, open for reading. Immutable and thread-safe; every block is
/// checked against its checksum when it is read. Layout in docs/format/metric-segment.md.
final class MetricSegment: Sendable {
    /// Path of the data file, for errors.
    let name: String
    let seriesCount: Int
    let sampleCount: Int
    /// Of all samples; start > end when there are none.
    let start: Int64
    let end: Int64
    let columnBytes: MetricColumnBytes
    let byteCount: Int
    let vectorSamples: Int
    let tenants: [Tenant]
    let level: UInt8
    /// The entries whose writes it holds.
    let firstIndex: UInt64
    let lastIndex: UInt64

    private let file: any DiskFile
    private let pages: [(offset: Int, byteCount: Int)]

    var pageCount: Int { pages.count }

    /// Opens the file and reads its footer.
    init(disk: any Disk, path: DiskPath) throws(StorageError) {
        let file = try onDisk { () throws(DiskError) in try disk.open(path, .read) }
        let size = try onDisk { () throws(DiskError) in try file.size() }
        let footer = try Footer(file, name: path.string, size: size)
        self.file = file
        name = path.string
        byteCount = size
        vectorSamples = footer.vectorSamples
        seriesCount = footer.seriesCount
        sampleCount = footer.sampleCount
        start = footer.start
        end = footer.end
        columnBytes = footer.columnBytes
        tenants = footer.tenants
        level = footer.level
        firstIndex = footer.firstIndex
        lastIndex = footer.lastIndex
        pages = footer.pages
    }

    /// The series of page `number`: ordinals from number · 128 on.
    func page(_ number: Int) throws(StorageError) -> [MetricSeriesEntry] {
        precondition(number >= 0 && number < pages.count, "BUG: no such page")
        let place = pages[number]
        let content = try block(place.offset, place.byteCount, "directory page")
        return try parsing(name, "directory page", offset: place.offset) {
            var reader = ByteReader(content)
            let count = try reader.count(limit: StorageLimits.blockBytesMax)
            var body: [UInt8] = []
            try LZ4Block.decompress(reader.rest, into: &body, count: count)
            return try MetricPage.decode(
                body[...], tenants: tenants, vectorSamples: vectorSamples,
                fileBytes: byteCount)
        }
    }

    /// The samples of the column in [start, end): their timestamps and the position of the first
    /// in the column.
    func timestamps(
        _ place: ColumnPlace, count: Int, start: Int64, end: Int64
    ) throws(StorageError) -> (first: Int, nanos: [Int64]) {
        let content = try block(place.offset, place.byteCount, "timestamp column")
        let (first, nanos) = try parsing(name, "timestamp column", offset: place.offset) {
            try TimeColumnBlock.decode(
                content, vectorSamples: vectorSamples, start: start, end: end,
                expectedCount: count)
        }
        let low = nanos.firstPlace { $0 >= start }
        let high = nanos.firstPlace { $0 >= end }
        if low == 0, high == nanos.count { return (first, nanos) }
        return low < high ? (first + low, Array(nanos[low..<high])) : (first, [])
    }

    /// Whether the vectors' stats say that no value at `positions` is lower than the one before
    /// and none is NaN.
    func isRising(_ vectors: [FloatVectorPlace], positions: Range<Int>) -> Bool {
        guard !positions.isEmpty else { return true }
        let last = (positions.upperBound - 1) / vectorSamples
        guard last < vectors.count else { return false }
        var previous = -Double.infinity
        for vector in vectors[positions.lowerBound / vectorSamples...last] {
            guard vector.stats.isRising, vector.stats.first >= previous else { return false }
            previous = vector.stats.last
        }
        return true
    }

    /// Appends the values at `positions` of the series' float column.
    func values(
        _ vectors: [FloatVectorPlace], positions: Range<Int>, into values: inout [Double]
    ) throws(StorageError) {
        var window = ReadWindow(aheadBytes: 0)
        try self.values(vectors, positions: positions, through: &window, into: &values)
    }

    /// The same for who goes through the file from front to back: reads ahead into `window`.
    func values(
        _ vectors: [FloatVectorPlace], positions: Range<Int>, through window: inout ReadWindow,
        into values: inout [Double]
    ) throws(StorageError) {
        guard !positions.isEmpty else { return }
        let firstVector = positions.lowerBound / vectorSamples
        let lastVector = (positions.upperBound - 1) / vectorSamples
        guard lastVector < vectors.count else {
            throw .corrupt(file: name, what: "column length", offset: 0)
        }
        // Vectors of a series are neighbours in the file: one read.
        let from = vectors[firstVector].offset
        let until = vectors[lastVector].offset + vectors[lastVector].byteCount
        if !window.holds(from..<until) {
            let count = max(until - from, min(window.aheadBytes, byteCount - from))
            window.bytes = try read(from, count, "values")
            window.offset = from
        }
        for number in firstVector...lastVector {
            let vector = vectors[number]
            let start = vector.offset - window.offset
            let slice = window.bytes[start..<start + vector.byteCount]
            let content = try SegmentFormat.open(
                slice, file: name, what: "value vector", offset: vector.offset)
            let base = number * vectorSamples
            let wanted = positions.clamped(to: base..<base + vector.sampleCount)
            let isWhole = wanted.count == vector.sampleCount
            try parsing(name, "value vector", offset: vector.offset) {
                var reader = ByteReader(content)
                if isWhole {
                    try ValueCodec.decode(&reader, count: vector.sampleCount, into: &values)
                } else {
                    var all: [Double] = []
                    try ValueCodec.decode(&reader, count: vector.sampleCount, into: &all)
                    values.append(
                        contentsOf: all[wanted.lowerBound - base..<wanted.upperBound - base])
                }
            }
        }
    }

    /// The histograms at `positions` of the series' histogram column.
    func histograms(
        _ vectors: [HistogramVectorPlace], positions: Range<Int>
    ) throws(StorageError) -> [Histogram] {
        var result: [Histogram] = []
        var base = 0
        for vector in vectors {
            let wanted = positions.clamped(to: base..<base + vector.sampleCount)
            defer { base += vector.sampleCount }
            guard !wanted.isEmpty else { continue }
            let content = try block(vector.offset, vector.byteCount, "histogram vector")
            let all = try parsing(name, "histogram vector", offset: vector.offset) {
                var reader = ByteReader(content)
                return try HistogramVector.read(&reader, count: vector.sampleCount)
            }
            result += all[wanted.lowerBound - base..<wanted.upperBound - base]
        }
        guard result.count == positions.count else {
            throw .corrupt(file: name, what: "histogram count", offset: 0)
        }
        return result
    }

    /// A block without its checksum, which is verified.
    private func block(
        _ offset: Int, _ count: Int, _ what: String
    ) throws(StorageError) -> ArraySlice<UInt8> {
        try SegmentFormat.open(
            try read(offset, count, what)[...], file: name, what: what, offset: offset)
    }

    private func read(
        _ offset: Int, _ count: Int, _ what: String
    ) throws(StorageError) -> [UInt8] {
        guard offset >= 0, count >= 0, count <= byteCount - offset else {
            throw .corrupt(file: name, what: "\(what) (outside of the file)", offset: offset)
        }
        let file = file
        let bytes = try onDisk { () throws(DiskError) in
            try file.read(at: offset, count: count)
        }
        guard bytes.count == count else {
            throw .corrupt(file: name, what: "\(what) (file ends)", offset: offset)
        }
        return bytes
    }
}

/// A piece of a file, read before all of it was asked for.
struct ReadWindow {
    let aheadBytes: Int
    fileprivate var offset = 0
    fileprivate var bytes: [UInt8] = []

    /// `aheadBytes`: what is read at once at least, where the file has it.
    init(aheadBytes: Int) { self.aheadBytes = aheadBytes }

    fileprivate func holds(_ range: Range<Int>) -> Bool {
        range.lowerBound >= offset && range.upperBound <= offset + bytes.count
    }
}

extension [Int64] {
    /// The first position of an ascending column at which `isReached` holds; the count for none.
    func firstPlace(where isReached: (Int64) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isReached(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Header, trailer and footer of a data file.
private struct Footer {
    var vectorSamples = 0
    var level: UInt8 = 0
    var firstIndex: UInt64 = 0
    var lastIndex: UInt64 = 0
    var seriesCount = 0
    var sampleCount = 0
    var start: Int64 = 0
    var end: Int64 = 0
    var columnBytes = MetricColumnBytes()
    var tenants: [Tenant] = []
    var pages: [(offset: Int, byteCount: Int)] = []

    init(_ file: any DiskFile, name: String, size: Int) throws(StorageError) {
        guard size >= SegmentFormat.headerBytes + SegmentFormat.trailerBytes else {
            throw .corrupt(file: name, what: "file (too short)", offset: 0)
        }
        let header = try Footer.read(file, 0, SegmentFormat.headerBytes)
        try Footer.check(header, isHeader: true, name, 0)
        let at = size - SegmentFormat.trailerBytes
        let trailer = try Footer.read(file, at, SegmentFormat.trailerBytes)
        try Footer.check(trailer, isHeader: false, name, at)
        let (offset, count) = try parsing(name, "trailer", offset: at) {
            var reader = ByteReader(trailer)
            let offset = try reader.u64()
            let count = try reader.u64()
            guard offset <= UInt64(at), count == UInt64(at) - offset else {
                throw EncodingError.corrupt(what: "footer place", offset: 0)
            }
            return (Int(offset), Int(count))
        }
        let content = try SegmentFormat.open(
            try Footer.read(file, offset, count)[...], file: name, what: "footer",
            offset: offset)
        self = try parsing(name, "footer", offset: offset) { try Footer(content, at: offset) }
    }

    private init(_ content: ArraySlice<UInt8>, at end: Int) throws {
        var reader = ByteReader(content)
        vectorSamples = try reader.count(limit: StorageLimits.denseVectorSamples)
        guard vectorSamples > 0 else {
            throw EncodingError.corrupt(what: "vector length", offset: reader.offset)
        }
        level = try reader.u8()
        firstIndex = try reader.varint()
        lastIndex = try reader.varint()
        seriesCount = try reader.count(limit: Int(UInt32.max))
        sampleCount = try reader.count(limit: .max)
        start = try reader.i64()
        self.end = try reader.i64()
        columnBytes.timestamps = try reader.count(limit: end)
        columnBytes.values = try reader.count(limit: end)
        columnBytes.histograms = try reader.count(limit: end)
        columnBytes.directory = try reader.count(limit: end)
        for _ in 0..<(try reader.count(limit: content.count)) {
            let text = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            guard let tenant = Tenant(text) else {
                throw EncodingError.corrupt(what: "tenant", offset: reader.offset)
            }
            tenants.append(tenant)
        }
        var offset = 0
        for _ in 0..<(try reader.count(limit: content.count)) {
            offset += try reader.count(limit: end - offset)
            let byteCount = try reader.count(limit: end - offset)
            pages.append((offset, byteCount))
        }
        let pageSeries = SegmentFormat.pageSeries
        guard reader.isAtEnd, pages.count == (seriesCount + pageSeries - 1) / pageSeries else {
            throw EncodingError.corrupt(what: "page count", offset: reader.offset)
        }
    }

    private static func read(
        _ file: any DiskFile, _ offset: Int, _ count: Int
    ) throws(StorageError) -> [UInt8] {
        try onDisk { () throws(DiskError) in try file.read(at: offset, count: count) }
    }

    /// Magic, then version, then checksum: what a later version changed is not called corrupt.
    private static func check(
        _ bytes: [UInt8], isHeader: Bool, _ name: String, _ offset: Int
    ) throws(StorageError) {
        let what = isHeader ? "header" : "trailer"
        let (magic, version) = try parsing(name, what, offset: offset) {
            var reader = ByteReader(bytes)
            if isHeader { return (try reader.u32(), try reader.u32()) }
            try reader.skip(20)
            let version = try reader.u32()
            return (try reader.u32(), version)
        }
        guard magic == SegmentFormat.metricMagic else {
            throw .corrupt(file: name, what: "\(what) (magic)", offset: offset)
        }
        guard version <= SegmentFormat.metricVersion else {
            throw .newerFormat(
                file: name, version: Int(version), versionMax: Int(SegmentFormat.metricVersion))
        }
        _ = try SegmentFormat.open(bytes[...], file: name, what: what, offset: offset)
    }
}
