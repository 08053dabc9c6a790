import Cluster
import Glibc
import Ingest
import Model
import NIOCore
import NIOPosix
import Platform
import Synchronization

/// A whole node in this process: from bytes to durable, sealed and compacted; from acknowledged to
/// visible; from a directory to ready. All CPU of the process counts, the sender's too, but for the
/// making of the bodies. `BENCH_PART` names one of the parts to run alone.
func nodeBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    let benches: [(String, @Sendable () async throws -> [BenchRow])] = [
        ("start", { [try NodeBench.emptyStart()] }),
        (
            "samples",
            { try await NodeBench.samples(seriesCount: isSmall ? 4_000 : 20_000, stepCount: 60) }
        ),
        (
            // What a node seals when it is left alone: an hour, here at 10 s.
            "hour",
            {
                let count = isSmall ? 1_000 : 8_000
                return [try await NodeBench.samples(seriesCount: count, stepCount: 360)[0]]
            }
        ),
        ("syslog", { [try await NodeBench.syslog(lineCount: isSmall ? 50_000 : 1_000_000)] }),
        ("visible", { [try await NodeBench.visible(lineCount: isSmall ? 50 : 400)] }),
        ("restart", { try await NodeBench.restart(seriesCount: isSmall ? 10_000 : 1_000_000) }),
    ]
    let only = unsafe getenv("BENCH_PART").map { unsafe String(cString: $0) }
    var rows: [BenchRow] = []
    for (name, run) in benches where only == nil || only == name {
        do {
            rows += try NodeBench.blocking(run)
        } catch {
            print("node bench \(name): \(error)")
        }
    }
    return rows
}

enum NodeBench {
    /// Runs `body` on the task threads and waits for it here.
    static func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let result = Monitor<Result<Value, any Error>?>(nil)
        Task {
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            result.update { $0 = outcome }
        }
        return try result.wait { $0 }.get()
    }

    /// A node on a directory of its own, which goes with it.
    struct Home: Sendable {
        let disk: LocalDisk
        let telemetry = Telemetry()
        let node: Node

        init(_ name: String, isNew: Bool = true) throws {
            disk = try LocalDisk(root: "/tmp/varve-bench-node-\(getpid())-\(name)")
            if isNew { try Home.clear(disk) }
            var configuration = NodeConfiguration()
            configuration.retentionNanos = nil
            configuration.memoryBytesMax = 2 << 30
            node = try Node.start(
                configuration,
                in: Node.Surroundings(
                    disk: disk, time: SystemTime(), timers: SystemTimers(),
                    random: SystemRandom(), telemetry: telemetry,
                    onFatal: { print("node bench: \($0)") }))
        }

        /// Ends the node and leaves its directory.
        func stop() { node.stop() }

        func remove() throws {
            node.stop()
            try Home.clear(disk)
        }

        private static func clear(_ disk: LocalDisk) throws {
            for entry in try disk.list(DiskPath("")) {
                let path = DiskPath(entry.name)
                if entry.isDirectory { try disk.removeTree(path) } else { try disk.remove(path) }
            }
        }

        /// The sum of a figure over its labels.
        func figure(_ name: String) -> Double {
            telemetry.snapshot().filter { $0.name == name }.flatMap(\.samples)
                .reduce(0) { $0 + $1.value }
        }
    }

    static func emptyStart() throws -> BenchRow {
        var best = Double.infinity
        for run in 0..<3 {
            let start = SystemTime().monotonicNanos()
            let home = try Home("start-\(run)")
            best = min(best, Double(SystemTime().monotonicNanos() - start) / 1e6)
            try home.remove()
        }
        return BenchRow(
            room: "Cluster", name: "ready on an empty directory, 16 shards", unit: "ms wall",
            goal: 200, reached: best, higherIsBetter: false, note: "without listeners")
    }

    /// Influx lines and remote write: parsed, journalled, applied, sealed and compacted.
    static func samples(seriesCount: Int, stepCount: Int) async throws -> [BenchRow] {
        let home = try Home("samples")
        let caches = SeriesCaches(seed: 1)
        let start: Int64 = 1_750_000_000_000_000_000
        func cpu(_ steps: Range<Int>) async throws -> Double {
            var spent = 0.0
            for step in steps {
                for first in stride(from: 0, to: seriesCount / 4, by: 1_000) {
                    let body = influx(first..<min(first + 1_000, seriesCount / 4), step, start)
                    let before = Stopwatch.cpuSeconds()
                    let parsed = try caches.withCache { cache throws(IngestError) in
                        try InfluxBody.parse(
                            body, tenant: .standard, now: Timestamp(nanos: start),
                            limits: IngestLimits(), cache: &cache)
                    }
                    _ = try await home.node.appender.append(parsed.batch)
                    spent += Stopwatch.cpuSeconds() - before
                }
            }
            return spent
        }
        let birth = try await cpu(0..<1)
        let steady = try await cpu(1..<stepCount)
        let before = Stopwatch.cpuSeconds()
        try await home.node.flush()
        let files = Stopwatch.cpuSeconds() - before
        let count = Double(seriesCount * stepCount)
        let stored = home.figure("varve_samples_written_total")
        precondition(stored == count, "BUG: \(stored) of \(count) samples stored")
        try home.remove()
        let perSample = steady / (count - Double(seriesCount))
        return [
            BenchRow(
                room: "Cluster", name: "Influx lines, durable, sealed and compacted",
                unit: "µs/sample", goal: 0.8, reached: (perSample + files / count) * 1e6,
                higherIsBetter: false,
                note: "\(seriesCount) series, 4 fields a line, \(stepCount) steps; "
                    + "\((perSample * 1e9).rounded()) ns in, "
                    + "\((files / count * 1e9).rounded()) ns to files"),
            BenchRow(
                room: "Cluster", name: "a new series, by Influx lines", unit: "µs/series",
                goal: 10, reached: birth / Double(seriesCount) * 1e6, higherIsBetter: false,
                note: "its first sample with it"),
        ]
    }

    private static func influx(_ hosts: Range<Int>, _ step: Int, _ start: Int64) -> [UInt8] {
        let time = start + Int64(step) * 10_000_000_000
        let text = hosts.map { host in
            let load = (host * 7 + step * 3) % 100
            return "cpu,host=host-\(host),region=eu,zone=\(host % 3) usage_user=\(load),"
                + "usage_system=\(load / 3),usage_idle=\(100 - load),usage_iowait=0.\(step % 10)"
                + " \(time)"
        }
        return Array(text.joined(separator: "\n").utf8)
    }

    /// Bounded waiting on a figure that other threads move.
    static func until(_ isTrue: @Sendable () -> Bool) async throws {
        let deadline = SystemTime().monotonicNanos() + 120_000_000_000
        let pause = Monitor(false)
        while !isTrue() {
            guard SystemTime().monotonicNanos() < deadline else { throw Late() }
            _ = pause.wait(upToNanos: 1_000_000) { _ in nil as Bool? }
            await Task.yield()
        }
    }

    struct Late: Error {}
}
