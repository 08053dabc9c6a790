import Glibc
import Model
import Platform
import Storage

/// Memory per active series and restart: each measured in a process of its own, whose resident
/// memory nothing else has grown.
func storageMemoryBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    return (isSmall ? [1_000] : [100_000, 1_000_000]).flatMap { count -> [BenchRow] in
        guard let figures = SeriesMemory.measureInChild(count) else { return [] }
        return figures.rows
    }
}

/// What a shard with so many series takes.
struct SeriesMemory {
    /// The argument that makes this program the child.
    static let childArgument = "series-memory-of"

    var seriesCount: Int
    /// Resident memory of the process, beyond what it had before the shard.
    var shardBytes = 0
    var processBytes = 0
    /// What the shard counts itself.
    var countedBytes = 0
    var newSeriesNanos = 0
    var restartMillis = 0
    var restartedCount = 0

    var rows: [BenchRow] {
        [
            BenchRow(
                room: "storage", name: "\(seriesCount) active series", unit: "B/series", goal: 600,
                reached: Double(shardBytes) / Double(seriesCount), higherIsBetter: false,
                note: "process \(processBytes >> 20) MiB, counted \(countedBytes / seriesCount) B; "
                    + "a new series \(newSeriesNanos) ns with making the batch"),
            BenchRow(
                room: "storage", name: "open a shard of \(seriesCount) series", unit: "s", goal: 5,
                reached: Double(restartMillis) / 1e3, higherIsBetter: false,
                note: restartedCount == seriesCount ? "all known" : "WRONG: \(restartedCount)"),
        ]
    }

    private var line: String {
        [
            shardBytes, processBytes, countedBytes, newSeriesNanos, restartMillis, restartedCount,
        ].map { "\($0)" }.joined(separator: " ")
    }

    static func measureInChild(_ seriesCount: Int) -> SeriesMemory? {
        let command = "'\(CommandLine.arguments[0])' \(childArgument) \(seriesCount)"
        guard let pipe = unsafe popen(command, "r") else { return nil }
        defer { unsafe pclose(pipe) }
        var text = [CChar](repeating: 0, count: 256)
        guard unsafe fgets(&text, Int32(text.count), pipe) != nil else { return nil }
        let bytes = text.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
        let numbers = String(decoding: bytes, as: UTF8.self).split(separator: " ")
            .compactMap { Int($0) }
        guard numbers.count == 6 else { return nil }
        return SeriesMemory(
            seriesCount: seriesCount, shardBytes: numbers[0], processBytes: numbers[1],
            countedBytes: numbers[2], newSeriesNanos: numbers[3], restartMillis: numbers[4],
            restartedCount: numbers[5])
    }

    /// In the child: prints one line for `measureInChild`.
    static func printMeasured(_ seriesCount: Int) {
        var measured = SeriesMemory(seriesCount: seriesCount)
        do {
            try measured.measure()
            print(measured.line)
        } catch { print("FAILED: \(error)") }
    }

    /// Series every 10 s: an hour of them sealed away (a minute when there are very many, which
    /// leaves the same behind), then a minute more in memory; then opened anew.
    private mutating func measure() throws {
        let disk = try LocalDisk(root: "/tmp/varve-bench-\(getpid())-memory")
        defer { try? disk.removeTree("shard") }
        var state = MetricGenerator(kind: .statsd, seriesCount: seriesCount)
        var known: [SeriesReference] = []
        known.reserveCapacity(seriesCount)
        // Without labels: what it takes to hold them is the shard's.
        for number in 0..<seriesCount {
            var reference = state.reference(number)
            reference.labels = nil
            known.append(reference)
        }
        let before = SeriesMemory.residentBytes()
        let configuration = ShardConfiguration(limits: ShardLimits(seriesMax: 2_000_000))
        let shard = try Shard.open(
            disk: disk, directory: "shard", number: 0, configuration: configuration,
            telemetry: Telemetry())
        var index: UInt64 = 0
        let sealedSteps = seriesCount > 200_000 ? 6 : 360
        for step in 0..<sealedSteps + 6 {
            let time = MetricGenerator.start + Int64(step) * MetricGenerator.stepNanos
            let start = Stopwatch.cpuSeconds()
            for first in stride(from: 0, to: seriesCount, by: 10_000) {
                var batch = WriteBatch(tenant: .standard)
                for number in first..<min(seriesCount, first + 10_000) {
                    batch.samples.append(
                        seriesIndex: UInt32(batch.series.count), timestamp: time,
                        value: state.next(number))
                    batch.series.append(step > 0 ? known[number] : state.reference(number))
                }
                index += 1
                _ = try shard.apply(index: index, payload: ShardCommand.write(batch).encoded())
            }
            if step == 0 {
                let seconds = Stopwatch.cpuSeconds() - start
                newSeriesNanos = Int(seconds / Double(seriesCount) * 1e9)
            }
            if step == sealedSteps - 1 {
                index += 1
                _ = try shard.apply(
                    index: index, payload: ShardCommand.seal(at: Timestamp(nanos: time)).encoded())
                try shard.runJobs()
                // As the maintenance of a node does.
                ProcessFacts.returnFreeMemory()
            }
        }
        processBytes = SeriesMemory.residentBytes()
        shardBytes = processBytes - before
        countedBytes = shard.memoryBytes
        let start = Stopwatch.cpuSeconds()
        let again = try Shard.open(
            disk: disk, directory: "shard", number: 0, configuration: configuration,
            telemetry: Telemetry())
        restartMillis = Int((Stopwatch.cpuSeconds() - start) * 1e3)
        restartedCount = again.seriesCount
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
