import Encoding
import Glibc
import Model
import Platform
import Query
import Storage

/// Storage of metrics: 1,000 series every 10 s for 24 hours of three kinds, sealed every hour and
/// compacted at the end, as DESIGN §9 counts: CPU time of apply, seal and compact together, bytes
/// of all files, memory per active series, reading everything back, and PromQL over it.
func storageBench(_ kind: MetricGenerator.Kind) -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    let load = StorageLoad(
        kind: kind, seriesCount: isSmall ? 50 : 1_000, stepCount: isSmall ? 720 : 8_640)
    do { return try load.measure() } catch {
        print("storage bench: \(error)")
        return []
    }
}

/// A generated load, the same on every run.
private struct StorageLoad {
    typealias Kind = MetricGenerator.Kind

    let kind: Kind
    let seriesCount: Int
    let stepCount: Int

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
        var state = MetricGenerator(kind: kind, seriesCount: seriesCount)
        let references = (0..<seriesCount).map { state.reference($0) }
        var written: UInt64 = 0
        for step in 0..<stepCount {
            var batch = WriteBatch(tenant: .standard)
            batch.series = references
            if step > 0 { for at in batch.series.indices { batch.series[at].labels = nil } }
            let time = MetricGenerator.start + Int64(step) * MetricGenerator.stepNanos
            for number in 0..<seriesCount {
                batch.samples.append(
                    seriesIndex: UInt32(number), timestamp: time, value: state.next(number))
            }
            let payload = ShardCommand.payload(ofEncodedBatch: batch.encoded())
            written = StableHash.hash64(payload, seed: written)
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
        let answerBefore = kind == .counters ? rate(shard) : nil
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
                    + "index \(segment.index.byteCount) B, hash \(String(written, radix: 16))"),
            try read(shard, samples),
        ] + (kind == .counters ? [rateRow(shard, hash(of: answerBefore))] : [])
    }

    /// The query of DESIGN §9 over all of it.
    private func rate(_ shard: Shard) -> QueryAnswer? {
        let start = MetricGenerator.start / 1_000_000_000
        return QueryBenchRange(
            startSeconds: start, endSeconds: start + Int64(stepCount) * 10, stepSeconds: 60
        ).answer("sum by (job)(rate(http_requests_total[5m]))", ShardQuerier(shard: shard))
    }

    /// From compacted files to the answer, which has to be what it was before compaction.
    private func rateRow(_ shard: Shard, _ expected: String) -> BenchRow {
        var answer: QueryAnswer?
        let seconds = Stopwatch.best(runs: 9) { answer = rate(shard) }
        let found = hash(of: answer)
        return BenchRow(
            room: "storage", name: "sum by (job)(rate([5m])), from compacted files",
            unit: "ms", goal: 30, reached: seconds * 1e3, higherIsBetter: false,
            note: "\(seriesCount) series × \(stepCount) samples, \(stepCount / 6 + 1) steps, "
                + "\(found), \(found == expected ? "as sealed" : "WRONG, sealed \(expected)")")
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
}
