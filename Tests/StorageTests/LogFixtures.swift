import Encoding
import Glibc
import Model
import Platform
import Storage
import Synchronization

/// Seeded numbers and what the log tests build from them.
struct Dice {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    mutating func pick<Element>(_ items: [Element]) -> Element { items[below(items.count)] }
}

/// One line as a test thinks of it.
struct PlainLine: Hashable {
    var tenant: Tenant = .standard
    var labels: Labels
    var timestamp: Int64
    var text: [UInt8]
    var metadata: [UInt8] = []

    init(
        tenant: Tenant = .standard, labels: Labels, timestamp: Int64, text: String,
        metadata: Labels = .empty
    ) {
        self.init(
            tenant: tenant, labels: labels, timestamp: timestamp, bytes: Array(text.utf8),
            metadata: metadata.bytes)
    }

    init(
        tenant: Tenant = .standard, labels: Labels, timestamp: Int64, bytes: [UInt8],
        metadata: [UInt8] = []
    ) {
        self.tenant = tenant
        self.labels = labels
        self.timestamp = timestamp
        text = bytes
        self.metadata = metadata
    }
}

/// The lines in batches of `batchLines`, appended in order.
func memtable(_ lines: [PlainLine], batchLines: Int = 100) -> LogMemtable {
    var table = LogMemtable()
    var start = 0
    while start < lines.count {
        let end = min(start + batchLines, lines.count)
        var streams: [IndexedSeries] = []
        var columns = LineColumns()
        for line in lines[start..<end] {
            let series = IndexedSeries(tenant: line.tenant, labels: line.labels)
            let place = streams.firstIndex(of: series) ?? streams.count
            if place == streams.count { streams.append(series) }
            columns.append(
                streamIndex: UInt32(place), timestamp: line.timestamp, line: line.text[...],
                metadata: line.metadata[...])
        }
        table.append(columns, streams: streams)
        start = end
    }
    return table
}

/// A directory of its own, removed with the object.
final class ScratchDisk {
    let disk: LocalDisk
    private let root: String

    init() throws {
        root =
            "/tmp/varve-storage-tests-\(getpid())-\(ScratchDisk.counter.add(1, ordering: .relaxed).newValue)"
        disk = try LocalDisk(root: root)
    }

    deinit { _ = try? disk.removeTree(.root) }

    private static let counter = Atomic<Int>(0)

    func write(_ built: BuiltLogSegment) throws -> LogSegment {
        let path = DiskPath(built.name + LogSegment.dataSuffix)
        let indexPath = DiskPath(built.name + LogSegment.indexSuffix)
        try disk.replaceDurably(path, with: built.data)
        try disk.replaceDurably(indexPath, with: built.index)
        return try LogSegment.open(disk: disk, path: path, indexPath: indexPath)
    }
}

/// What a search answers, flat.
func search(
    _ sources: [LogSource], tenant: Tenant = .standard, selector: Selector = .everything,
    start: Int64 = .min, end: Int64 = .max, filters: [LineFilter] = [],
    order: LineRequest.Order = .forward, limit: Int? = nil, budget: QueryBudget = QueryBudget()
) throws -> (lines: [PlainLine], completeness: Completeness) {
    let request = LineRequest(
        tenant: tenant, selector: selector, start: Timestamp(nanos: start),
        end: Timestamp(nanos: end), filters: filters, order: order, limit: limit, budget: budget)
    var result: [PlainLine] = []
    let completeness = try LogSearch(request, sources: sources).run { data in
        for row in 0..<data.lines.count {
            let stream = data.streams[Int(data.lines.streamIndexes[row])]
            result.append(
                PlainLine(
                    tenant: tenant, labels: (stream.labels ?? .empty),
                    timestamp: data.lines.timestamps[row],
                    bytes: Array(data.lines.bytes[data.lines.lineRange(row)]),
                    metadata: Array(data.lines.metadataBytes[data.lines.metadataRange(row)])))
        }
        return true
    }
    return (result, completeness)
}
