import Foundation
import Model
import Platform
import Storage
import Testing

/// A shard in a directory of its own, with a log that can be replayed.
final class ShardFixture {
    let root: String
    let disk: LocalDisk
    let directory: DiskPath = "shard-0"
    let configuration: ShardConfiguration
    var shard: Shard
    private(set) var log: [[UInt8]] = []

    static let second: Int64 = 1_000_000_000
    /// A round time in 2025, ns.
    static let epoch: Int64 = 1_750_000_000_000_000_000

    init(_ configuration: ShardConfiguration = ShardConfiguration()) throws {
        root = NSTemporaryDirectory() + "varve-storage-\(UUID().uuidString)"
        disk = try LocalDisk(root: root)
        self.configuration = configuration
        shard = try Shard.open(
            disk: disk, directory: directory, number: 0, configuration: configuration,
            telemetry: Telemetry())
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    @discardableResult
    func apply(_ command: ShardCommand) throws -> ApplyOutcome {
        log.append(command.encoded())
        return try shard.apply(index: UInt64(log.count), payload: log[log.count - 1])
    }

    /// Seals and waits for the segment.
    func seal(at nanos: Int64 = epoch) throws {
        try apply(.seal(at: Timestamp(nanos: nanos)))
        try shard.runJobs()
    }

    /// Merges all metric segments into one.
    func compact(dropBefore: Timestamp = .distantPast) throws {
        let names = shard.manifest.segments(of: .metrics).map(\.name)
        try apply(.compact(signal: .metrics, inputs: names, level: 1, dropBefore: dropBefore))
        try shard.runJobs()
    }

    /// As after a crash: state in memory is lost, the journal is read again.
    func reopen() throws {
        shard = try Shard.open(
            disk: disk, directory: directory, number: 0, configuration: configuration,
            telemetry: Telemetry())
        try replay(into: shard)
    }

    func replay(into shard: Shard) throws {
        let first = Int(shard.durableIndex)
        for index in first..<log.count {
            _ = try shard.apply(index: UInt64(index + 1), payload: log[index])
        }
    }

    /// Names of the files in the shard's directory.
    func files() throws -> [String] { try disk.list(directory).map(\.name) }

    func query(
        _ selector: Selector = .everything, start: Timestamp = .distantPast,
        end: Timestamp = .distantFuture, tenant: Tenant = .standard
    ) throws -> [SeriesData] {
        var result: [SeriesData] = []
        let completeness = try shard.selectSeries(
            SeriesRequest(
                tenant: tenant, selector: selector, start: start, end: end,
                budget: QueryBudget())
        ) { result += $0 }
        #expect(completeness.missing == [])
        return result
    }

    /// Everything as text that shows each bit.
    func dump(tenant: Tenant = .standard) throws -> [String] {
        try query(tenant: tenant).map { data in
            let floats = zip(data.timestamps.nanos, data.values).map {
                "\($0):\(String($1.bitPattern, radix: 16))"
            }
            let histograms = zip(data.histogramTimestamps.nanos, data.histograms).map {
                "\($0):\($1)"
            }
            return "\(data.labels) \(floats) \(histograms)"
        }
    }
}

/// Labels `__name__=name` and more.
func labels(_ name: String, _ pairs: KeyValuePairs<String, String> = [:]) -> Labels {
    Labels([("__name__", name)] + pairs.map { ($0.key, $0.value) })
}

extension WriteBatch {
    /// Samples of series named with their labels.
    static func samples(
        _ rows: [(labels: Labels, time: Int64, value: Double)], tenant: Tenant = .standard,
        stamp: BatchStamp? = nil
    ) -> WriteBatch {
        var batch = WriteBatch(tenant: tenant, stamp: stamp)
        for row in rows {
            let number = batch.number(of: row.labels)
            batch.samples.append(
                seriesIndex: number, timestamp: row.time, value: row.value)
        }
        return batch
    }

    static func increments(
        _ rows: [(kind: IncrementColumns.Kind, labels: Labels, time: Int64, value: Double)],
        stamp: BatchStamp? = nil
    ) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard, stamp: stamp)
        for row in rows {
            batch.increments.append(
                kind: row.kind, seriesIndex: batch.number(of: row.labels), timestamp: row.time,
                value: row.value)
        }
        return batch
    }

    mutating func number(of labels: Labels) -> UInt32 {
        let reference = SeriesReference(tenant: tenant, labels: labels)
        if let known = series.firstIndex(of: reference) { return UInt32(known) }
        series.append(reference)
        return UInt32(series.count - 1)
    }
}

/// A generator whose sequence is the same everywhere.
struct Sequence64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
