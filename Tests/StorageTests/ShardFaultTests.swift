import Model
import Platform
import Simulator
import Storage
import Testing

/// A shard over a disk that fails: its log is safe elsewhere, so after any fault the shard opens,
/// says from where it needs the log, and with that is what an undisturbed one is, file by file.
@Suite struct ShardFaultTests {
    private static let tears: [DiskFaults.Tear] = [.dropAll, .keepAll, .prefix, .sectors, .pages]

    @Test(arguments: [0, 1, 2, 3, 4])
    func aPowerCutAtAnyCallLeavesTheOldOrTheNewState(offset: Int) throws {
        let script = try ShardScript()
        #expect(script.callCount > 100)
        for call in stride(from: 1 + offset, through: script.callCount, by: 5) {
            let tear = Self.tears[(call / 5 + offset) % Self.tears.count]
            let comment: Comment = "\(tear), power cut at call \(call)"
            let disk = SimulatedDisk(seed: UInt64(call * 5 + offset))
            disk.faults.powerCutAtCall = call
            disk.faults.tear = tear
            // Removing a file is the one call whose failure nobody has to hear of.
            do { try script.run(disk) } catch is StorageError {}
            try #require(disk.isPowerOff, comment)
            disk.powerCycle()
            // A second cut, while it recovers.
            disk.faults.powerCutAtCall = disk.callCount + 1 + call % 23
            disk.faults.tear = tear
            do { try script.run(disk) } catch is StorageError {}
            disk.powerCycle()
            try script.expectWhole(try script.run(disk), disk, comment)
        }
    }

    @Test(arguments: [DiskError.ioError, DiskError.noSpace])
    func aCallThatFailsIsTriedAgain(code: Int32) throws {
        let script = try ShardScript()
        let first = code == DiskError.ioError ? 1 : 2
        for call in stride(from: first, through: script.callCount, by: 2) {
            let comment: Comment = "errno \(code) at call \(call)"
            let disk = SimulatedDisk(seed: UInt64(call))
            disk.faults.failures = [call: code]
            do { try script.run(disk) } catch is StorageError {}
            try script.expectWhole(try script.run(disk), disk, comment)
        }
    }

    @Test func aShardGoesOnAfterItsJobFailed() throws {
        let script = try ShardScript()
        for call in stride(from: 8, through: script.callCount, by: 3) {
            let disk = SimulatedDisk(seed: UInt64(call))
            let shard = try ShardScript.open(disk)
            disk.faults.failures = [call: DiskError.noSpace]
            for (number, payload) in script.log.enumerated() {
                _ = try shard.apply(index: UInt64(number + 1), payload: payload)
                // What failed stays queued.
                do { try shard.runJobs() } catch { continue }
            }
            try shard.runJobs()
            // A file that could not be removed goes at the next start.
            try script.expectWhole(try script.run(disk), disk, "no space at call \(call)")
        }
    }

    @Test func aSyncThatLosesItsBytesLosesNothingAcknowledged() throws {
        let script = try ShardScript()
        for call in stride(from: 1, through: script.callCount, by: 2) {
            let comment: Comment = "syncs fail from call \(call)"
            let disk = SimulatedDisk(seed: UInt64(call))
            disk.faults.syncsFailFromCall = call
            disk.faults.tear = Self.tears[call % Self.tears.count]
            do { try script.run(disk) } catch is StorageError {}
            disk.powerCycle()
            try script.expectWhole(try script.run(disk), disk, comment)
        }
    }

    @Test func aFullDiskLeavesTheShardReadable() throws {
        let script = try ShardScript()
        let disk = SimulatedDisk(seed: 1)
        let shard = try ShardScript.open(disk)
        disk.faults.capacityBytes = 3_000
        for (number, payload) in script.log.enumerated() {
            _ = try shard.apply(index: UInt64(number + 1), payload: payload)
            do { try shard.runJobs() } catch { continue }
        }
        #expect(shard.hasPendingJob)
        disk.faults.capacityBytes = nil
        try shard.runJobs()
        try script.expectWhole(shard, disk, "space is back")
    }
}

/// A log of everything that a shard does to its files, and what it leaves.
struct ShardScript {
    let log: [[UInt8]]
    let dump: [String]
    /// Segments and checkpoint.
    let files: [String]
    let callCount: Int

    private static let directory: DiskPath = "shard-0"
    private static let epoch = ShardFixture.epoch
    private static let second = ShardFixture.second

    /// Makes the log by living it once: commands name the segments of those before.
    init() throws {
        let disk = SimulatedDisk(seed: 0)
        let shard = try ShardScript.open(disk)
        var log: [[UInt8]] = []
        func apply(_ command: ShardCommand) throws {
            log.append(command.encoded())
            _ = try shard.apply(index: UInt64(log.count), payload: log[log.count - 1])
            try shard.runJobs()
        }
        for round in 0..<5 {
            try apply(.write(ShardScript.batch(round)))
            try apply(.seal(at: Timestamp(nanos: ShardScript.time(round))))
            guard round == 1 || round == 3 else { continue }
            for signal in [SignalKind.metrics, .logs] {
                let names = shard.manifest.segments(of: signal).suffix(2).map(\.name)
                try apply(
                    .compact(
                        signal: signal, inputs: names, level: 1, dropBefore: .distantPast))
            }
        }
        for signal in [SignalKind.metrics, .logs] {
            try apply(.expire(signal: signal, before: Timestamp(nanos: ShardScript.time(2))))
        }
        try apply(.write(ShardScript.batch(5)))
        self.log = log
        dump = try ShardScript.dump(shard)
        files = try ShardScript.files(disk)
        callCount = disk.callCount
    }

    static func open(_ disk: SimulatedDisk) throws -> Shard {
        try Shard.open(
            disk: disk, directory: directory, number: 0, telemetry: Telemetry())
    }

    /// Opens the shard, gives it the log from where it needs it, and does its jobs.
    @discardableResult
    func run(_ disk: SimulatedDisk) throws -> Shard {
        let shard = try ShardScript.open(disk)
        for index in Int(shard.durableIndex)..<log.count {
            _ = try shard.apply(index: UInt64(index + 1), payload: log[index])
            try shard.runJobs()
        }
        return shard
    }

    func expectWhole(_ shard: Shard, _ disk: SimulatedDisk, _ comment: Comment) throws {
        #expect(try ShardScript.dump(shard) == dump, comment)
        #expect(try ShardScript.files(disk) == files, comment)
        #expect(
            try StorageInspection.problems(disk: disk, directory: ShardScript.directory) == [],
            comment)
    }

    private static func time(_ round: Int) -> Int64 { epoch + Int64(round) * 100 * second }

    /// Samples, increments of all kinds and lines of one round.
    private static func batch(_ round: Int) -> WriteBatch {
        var batch = WriteBatch(
            tenant: .standard, stamp: BatchStamp(source: 3, sequence: UInt64(round + 1)))
        batch.streams = [
            SeriesReference(tenant: .standard, labels: Labels([("app", "shop")])),
            SeriesReference(tenant: .standard, labels: Labels([("app", "round-\(round)")])),
        ]
        for step in 0..<4 {
            let time = time(round) + Int64(step) * 10 * second
            batch.increments.append(
                kind: .counter, seriesIndex: batch.number(of: labels("counted")),
                timestamp: time, value: 2)
            batch.increments.append(
                kind: .gaugeAdd, seriesIndex: batch.number(of: labels("level")),
                timestamp: time, value: -0.5)
            batch.samples.append(
                seriesIndex: batch.number(of: labels("written", ["round": "\(round)"])),
                timestamp: time, value: Double(round * 10 + step))
            batch.lines.append(
                streamIndex: UInt32(step % 2), timestamp: time,
                line: Array("round \(round) step \(step)".utf8)[...])
        }
        batch.histogramIncrements.append(
            HistogramSample(
                seriesIndex: batch.number(of: labels("timer")), timestamp: time(round),
                histogram: Histogram(
                    schema: 5, count: 2, sum: 3,
                    positive: .init(indexes: [Int32(round)], counts: [2]))))
        return batch
    }

    private static func dump(_ shard: Shard) throws -> [String] {
        var dump: [String] = []
        let completeness = try shard.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, budget: QueryBudget())
        ) { batch in
            for data in batch {
                dump.append(
                    "\(data.labels) \(data.timestamps.nanos) \(data.values)"
                        + " \(data.histogramTimestamps.nanos) \(data.histograms)")
            }
        }
        #expect(completeness.missing == [])
        let lines = try shard.selectLines(
            LineRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, order: .forward, budget: QueryBudget())
        ) { data in
            for row in 0..<data.lines.count {
                let text = data.lines.bytes[data.lines.lineRange(row)]
                dump.append(
                    "\(data.lines.timestamps[row]) \(String(decoding: text, as: UTF8.self))")
            }
            return true
        }
        #expect(lines.missing == [])
        return dump
    }

    private static func files(_ disk: SimulatedDisk) throws -> [String] {
        try disk.list(directory).map { "\($0.name) \($0.byteCount)" }
    }
}
