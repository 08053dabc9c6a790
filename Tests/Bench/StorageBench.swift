import Encoding
import Glibc
import Model
import Platform
import Storage

/// Storage of metrics: 1,000 series every 10 s for 24 hours of three kinds, sealed every hour and
/// compacted at the end, as DESIGN §9 counts: CPU time of apply, seal and compact together, bytes
/// of all files, memory per active series, and reading everything back.
func storageBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    var rows: [BenchRow] = []
    for kind in StorageLoad.Kind.allCases {
        let load = StorageLoad(
            kind: kind, seriesCount: isSmall ? 50 : 1_000, stepCount: isSmall ? 720 : 8_640)
        do { rows += try load.measure() } catch { print("storage bench: \(error)") }
    }
    for count in isSmall ? [1_000] : [100_000, 1_000_000] {
        do { rows.append(try StorageLoad.memory(seriesCount: count)) } catch {
            print("storage bench: \(error)")
        }
    }
    return rows
}

/// A generated load, the same on every run.
private struct StorageLoad {
    enum Kind: String, CaseIterable {
        /// Whole percentages that walk, as the TSBS cpu set has them.
        case hosts = "host metrics"
        /// Half cumulative counters, the rest gauges, whole and with 2 decimals.
        case statsd = "statsd mix"
        /// Latencies with 3 decimals, log-normal about a slow wave.
        case noisy = "noisy floats"

        var bytesGoal: Double {
            switch self {
            case .hosts: 0.32
            case .statsd: 0.72
            case .noisy: 1.7
            }
        }
    }

    let kind: Kind
    let seriesCount: Int
    let stepCount: Int
    private static let start: Int64 = 1_750_000_000_000_000_000
    private static let stepNanos: Int64 = 10_000_000_000

    func measure() throws -> [BenchRow] {
        let root = "/tmp/varve-bench-\(getpid())-\(kind)"
        let disk = try LocalDisk(root: root)
        defer { try? disk.removeTree("shard") }
        let shard = try Shard.open(
            disk: disk, directory: "shard", number: 0, telemetry: Telemetry())
        var index: UInt64 = 0
        var spent = (apply: 0.0, seal: 0.0, compact: 0.0)
        func apply(_ payload: [UInt8]) throws {
            index += 1
            _ = try shard.apply(index: index, payload: payload)
        }
        var state = Generator(kind: kind, seriesCount: seriesCount)
        let references = (0..<seriesCount).map { state.reference($0) }
        var hash: UInt64 = 0
        for step in 0..<stepCount {
            var batch = WriteBatch(tenant: .standard)
            batch.series = references
            if step > 0 { for at in batch.series.indices { batch.series[at].labels = nil } }
            let time = StorageLoad.start + Int64(step) * StorageLoad.stepNanos
            for number in 0..<seriesCount {
                batch.samples.append(
                    seriesIndex: UInt32(number), timestamp: time, value: state.next(number))
            }
            let payload = ShardCommand.payload(ofEncodedBatch: batch.encoded())
            hash = StableHash.hash64(payload, seed: hash)
            var before = Stopwatch.cpuSeconds()
            try apply(payload)
            spent.apply += Stopwatch.cpuSeconds() - before
            if step % 360 == 359 {
                before = Stopwatch.cpuSeconds()
                try apply(ShardCommand.seal(at: Timestamp(nanos: time)).encoded())
                try shard.runJobs()
                spent.seal += Stopwatch.cpuSeconds() - before
            }
        }
        let sealedBytes = shard.manifest.segments.reduce(0) { $0 + $1.byteCount }
        let before = Stopwatch.cpuSeconds()
        let inputs = shard.manifest.segments.map(\.name)
        try apply(
            ShardCommand.compact(
                signal: .metrics, inputs: inputs, level: 1, dropBefore: .distantPast
            ).encoded())
        try shard.runJobs()
        spent.compact = Stopwatch.cpuSeconds() - before
        let samples = Double(seriesCount * stepCount)
        let segment = shard.manifest.segments[0]
        let all = (spent.apply + spent.seal + spent.compact) / samples * 1e6
        func micros(_ seconds: Double) -> String {
            String(Double(Int(seconds / samples * 1e10)) / 1e4)
        }
        return [
            BenchRow(
                room: "storage", name: "\(kind.rawValue): apply, seal, compact",
                unit: "µs/sample", goal: 0.8, reached: all, higherIsBetter: false,
                note: "\(micros(spent.apply)) + \(micros(spent.seal)) + \(micros(spent.compact))"),
            BenchRow(
                room: "storage", name: "\(kind.rawValue): compacted, all files",
                unit: "B/sample", goal: kind.bytesGoal,
                reached: Double(segment.byteCount) / samples, higherIsBetter: false,
                note: "sealed \(Double(Int(Double(sealedBytes) / samples * 1e3)) / 1e3), "
                    + "index \(segment.index.byteCount) B, hash \(String(hash, radix: 16))"),
            try read(shard, samples),
        ]
    }

    private func read(_ shard: Shard, _ samples: Double) throws -> BenchRow {
        var total = 0.0
        var columns = Set<ObjectIdentifier>()
        let seconds = Stopwatch.best(runs: 3) {
            total = 0
            columns.removeAll()
            do {
                _ = try shard.selectSeries(
                    SeriesRequest(
                        tenant: .standard, selector: .everything, start: .distantPast,
                        end: .distantFuture, budget: QueryBudget())
                ) { batch in
                    for data in batch {
                        total += data.values.last ?? 0
                        columns.insert(ObjectIdentifier(data.timestamps))
                    }
                }
            } catch { print("storage bench: \(error)") }
        }
        return BenchRow(
            room: "storage", name: "\(kind.rawValue): select all", unit: "M samples/s",
            goal: nil, reached: samples / seconds / 1e6,
            note: "\(Int(seconds * 1e3)) ms, sum \(total), columns \(columns.count)")
    }

    /// Resident bytes per series that has an hour sealed away and samples of one minute in memory.
    static func memory(seriesCount: Int) throws -> BenchRow {
        let disk = try LocalDisk(root: "/tmp/varve-bench-\(getpid())-memory")
        defer { try? disk.removeTree("shard") }
        let before = residentBytes()
        let shard = try Shard.open(
            disk: disk, directory: "shard", number: 0,
            configuration: ShardConfiguration(seriesMax: 2_000_000), telemetry: Telemetry())
        var index: UInt64 = 0
        var state = Generator(kind: .statsd, seriesCount: seriesCount)
        let cpu = Stopwatch.cpuSeconds()
        var newSeries = 0.0
        for step in 0..<6 {
            for first in stride(from: 0, to: seriesCount, by: 10_000) {
                var batch = WriteBatch(tenant: .standard)
                for number in first..<min(seriesCount, first + 10_000) {
                    batch.samples.append(
                        seriesIndex: UInt32(batch.series.count),
                        timestamp: start + Int64(step) * stepNanos, value: state.next(number))
                    var reference = state.reference(number)
                    if step > 0 { reference.labels = nil }
                    batch.series.append(reference)
                }
                index += 1
                _ = try shard.apply(index: index, payload: ShardCommand.write(batch).encoded())
            }
            if step == 0 { newSeries = Stopwatch.cpuSeconds() - cpu }
        }
        let perSeries = Double(residentBytes() - before) / Double(seriesCount)
        return BenchRow(
            room: "storage", name: "\(seriesCount) active series", unit: "B/series", goal: 600,
            reached: perSeries, higherIsBetter: false,
            note: "counted \(shard.memoryBytes / seriesCount) B; new series "
                + "\(Int(newSeries / Double(seriesCount) * 1e9)) ns with making the batch")
    }

    private static func residentBytes() -> Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { unsafe fclose(file) }
        var size = 0
        var resident = 0
        _ = unsafe withUnsafeMutablePointer(to: &size) { a in
            unsafe withUnsafeMutablePointer(to: &resident) { b in
                unsafe withVaList([a, b]) { unsafe vfscanf(file, "%ld %ld", $0) }
            }
        }
        return resident * 4_096
    }
}

private struct Generator {
    let kind: StorageLoad.Kind
    private var random = BenchSeries.Random(seed: 7)
    private var levels: [Double]
    private var step = 0

    init(kind: StorageLoad.Kind, seriesCount: Int) {
        self.kind = kind
        levels = [Double](repeating: kind == .statsd ? 1_000 : 50, count: seriesCount)
    }

    func reference(_ number: Int) -> SeriesReference {
        let labels = Labels([
            ("__name__", "bench_metric_\(number % 10)_total"), ("host", "host-\(number / 10)"),
            ("region", "eu-west-\(number / 10 % 3)"), ("os", "debian12"), ("service", "checkout"),
            ("team", "payments"), ("environment", "production"), ("rack", "\(number / 10 % 40)"),
        ])
        return SeriesReference(tenant: .standard, labels: labels)
    }

    mutating func next(_ number: Int) -> Double {
        switch kind {
        case .hosts:
            levels[number] = min(100, max(0, levels[number] + random.gaussian()))
            return levels[number].rounded(.down)
        case .statsd:
            switch number % 10 {
            case 0..<5: levels[number] += Double(Int.random(in: 0...12, using: &random))
            case 5..<8:
                if random.next() % 3 == 0 {
                    levels[number] += Double(Int.random(in: -5...5, using: &random))
                }
            default:
                levels[number] = (levels[number] * 100 + random.gaussian() * 30).rounded() / 100
            }
            return levels[number]
        case .noisy:
            return (exp(random.gaussian() * 0.3 + 3) * 1_000).rounded() / 1_000
        }
    }
}
