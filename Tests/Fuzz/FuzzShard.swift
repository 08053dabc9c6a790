internal import Model
internal import Platform
internal import Simulator
internal import Storage

/// The files of a small shard that has sealed and merged, for damage.
struct FuzzShard: Sendable {
    static let directory: DiskPath = "shard-0"
    static let epoch: Int64 = 1_750_000_000_000_000_000
    static let files = FuzzShard()

    /// By name.
    let contents: [(name: String, bytes: [UInt8])]
    let manifest: Manifest
    let sealed: [String: SealedFile]

    /// Names of files that `isWanted`, in a fixed order.
    func names(_ isWanted: (SegmentRecord) -> String?) -> [String] {
        manifest.segments.compactMap(isWanted)
    }

    private init() {
        do {
            let disk = SimulatedDisk(seed: 1)
            let shard = try FuzzShard.open(disk)
            for (number, batch) in FuzzShard.batches.enumerated() {
                try FuzzShard.apply(.write(batch), shard)
                try FuzzShard.apply(.seal(at: Timestamp(nanos: FuzzShard.epoch)), shard)
                try shard.runJobs()
                guard number == 1 else { continue }
                for signal in [SignalKind.metrics, .logs] {
                    let names = shard.manifest.segments(of: signal).map(\.name)
                    try FuzzShard.apply(
                        .compact(
                            signal: signal, inputs: names, level: 1, dropBefore: .distantPast),
                        shard)
                    try shard.runJobs()
                }
            }
            manifest = shard.manifest
            contents = try disk.list(FuzzShard.directory).map {
                (name: $0.name, bytes: try disk.readAll(FuzzShard.directory / $0.name))
            }
        } catch {
            preconditionFailure("BUG: no shard to damage: \(error)")
        }
        let indexes = Set(manifest.segments.map(\.index.name))
        sealed = Dictionary(
            uniqueKeysWithValues: contents.filter { !indexes.contains($0.name) }.map {
                ($0.name, SealedFile($0.bytes))
            })
    }

    static func open(_ disk: any Disk) throws -> Shard {
        try Shard.open(
            disk: disk, directory: directory, number: 0, telemetry: Telemetry())
    }

    static func apply(_ command: ShardCommand, _ shard: Shard) throws {
        _ = try shard.apply(index: shard.appliedIndex + 1, payload: command.encoded())
    }

    /// The shard's files on a disk of their own, one of them with other content.
    func disk(with name: String, _ bytes: [UInt8]) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectories(FuzzShard.directory)
        for content in contents {
            let file = try disk.open(FuzzShard.directory / content.name, .create)
            try file.write(content.name == name ? bytes : content.bytes, at: 0)
        }
        return disk
    }

    /// Reads everything there is, several ways.
    static func readAll(_ shard: Shard) {
        for (start, end) in [
            (Int64.min, Int64.max), (epoch + 9_000_000_000, epoch + 200_000_000_000),
        ] {
            _ = try? shard.selectSeries(
                SeriesRequest(
                    tenant: .standard, selector: .everything, start: Timestamp(nanos: start),
                    end: Timestamp(nanos: end), budget: QueryBudget())
            ) { _ in }
            let filter = LineFilter([.contains(Array("order".utf8))])
            for (order, filters) in [(LineRequest.Order.forward, []), (.backward, [filter])] {
                _ = try? shard.selectLines(
                    LineRequest(
                        tenant: .standard, selector: .everything, start: Timestamp(nanos: start),
                        end: Timestamp(nanos: end), filters: filters, order: order,
                        budget: QueryBudget())
                ) { _ in true }
            }
        }
    }

    /// Three batches with a bit of everything.
    static let batches: [WriteBatch] = (0..<3).map { round in
        var batch = WriteBatch(
            tenant: .standard, stamp: BatchStamp(source: 7, sequence: UInt64(round + 1)))
        for name in ["counted", "level", "real", "timer", "members"] {
            let labels = Labels([("__name__", name), ("host", "h\(name.count)")])
            batch.series.append(SeriesReference(tenant: .standard, labels: labels))
        }
        batch.streams = [
            SeriesReference(tenant: .standard, labels: Labels([("app", "shop")])),
            SeriesReference(tenant: .standard, labels: Labels([("app", "web"), ("host", "a")])),
        ]
        for step in 0..<12 {
            let time = epoch + Int64(round * 12 + step) * 10_000_000_000
            batch.increments.append(kind: .counter, seriesIndex: 0, timestamp: time, value: 3)
            batch.samples.append(seriesIndex: 1, timestamp: time, value: Double(step % 5) / 10)
            let bits = UInt64(step + 3) &* 0x9E37_79B9_7F4A_7C15
            batch.samples.append(
                seriesIndex: 2, timestamp: time + Int64(bits % 1000),
                value: Double(bitPattern: bits))
            batch.lines.append(
                streamIndex: UInt32(step % 2), timestamp: time,
                line: Array("GET /order/\(step * 37) took \(step).5 ms".utf8)[...],
                metadata: step % 3 == 0 ? Labels([("trace", "\(step * 99)")]).bytes[...] : [])
        }
        batch.histogramIncrements.append(
            HistogramSample(
                seriesIndex: 3, timestamp: epoch + Int64(round) * 10_000_000_000,
                histogram: Histogram(
                    schema: 5, zeroCount: 1, count: 4, sum: 4.5,
                    positive: .init(indexes: [3, 40], counts: [2, 1]))))
        batch.setIncrements.append(
            SetIncrement(seriesIndex: 4, timestamp: epoch, members: [1, UInt64(round) + 2]))
        return batch
    }
}
