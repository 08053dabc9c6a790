import Dispatch
import Encoding
import Glibc
import Ingest
import Model
import Platform
import Synchronization

/// statsd from bytes, and from the socket, to the aggregate.
func statsdBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    var rows: [BenchRow] = []
    for seriesCount in isSmall ? [1_000] : [1_000, 100_000] {
        let load = StatsdLoad(seriesCount: seriesCount, datagramBytes: 1_400)
        rows.append(load.fromMemory())
        rows.append(load.fromSocket(datagramCount: isSmall ? 2_000 : 100_000, goal: 6))
    }
    let single = StatsdLoad(seriesCount: 1_000, datagramBytes: 40)
    rows.append(single.fromSocket(datagramCount: isSmall ? 10_000 : 1_000_000, goal: 0.6))
    return rows
}

/// Lines of counters, gauges and timers in random order, packed into datagrams of one size: what is
/// left at the end of each is line feeds, which make no line.
private struct StatsdLoad {
    let seriesCount: Int
    let datagramBytes: Int
    /// Whole datagrams, one behind the other.
    private(set) var bytes: [UInt8] = []
    private(set) var lineCount = 0
    private var datagramCount: Int { bytes.count / datagramBytes }

    init(seriesCount: Int, datagramBytes: Int) {
        self.seriesCount = seriesCount
        self.datagramBytes = datagramBytes
        var random = BenchSeries.Random(seed: 3)
        var room = datagramBytes
        for _ in 0..<max(20_000, 2 * seriesCount) {
            let number = Int.random(in: 0..<seriesCount, using: &random)
            let line = Array(line(number, Int.random(in: 0..<1_000, using: &random)).utf8)
            if line.count > room || room < datagramBytes && datagramBytes < 100 {
                bytes += repeatElement(10, count: room)
                room = datagramBytes
            }
            bytes += line
            room -= line.count
            lineCount += 1
        }
        bytes += repeatElement(10, count: room)
    }

    private func line(_ number: Int, _ value: Int) -> String {
        if datagramBytes < 100 { return "cadvisor.c\(number).memory_usage:\(value)|g\n" }
        return switch number % 4 {
        case 0: "web.requests.route\(number):\(value)|c|#env:prod,az:eu-1\n"
        case 1: "web.queue.worker\(number):\(value)|g\n"
        case 2: "api.calls.endpoint\(number):\(value)|c|@0.5\n"
        default: "db.rows.table\(number):\(value).25|c|#shard:7\n"
        }
    }

    private func aggregator() -> StatsdAggregator {
        var options = StatsdOptions()
        options.limits.newSeriesPerSecond = 1_000_000
        return StatsdAggregator(options: options, seed: 1)
    }

    private var ranges: [Range<Int>] {
        stride(from: 0, to: bytes.count, by: datagramBytes).map { $0..<$0 + datagramBytes }
    }

    func fromMemory() -> BenchRow {
        var aggregator = aggregator()
        let batches = stride(from: 0, to: datagramCount, by: 256).map {
            Array(ranges[$0..<min($0 + 256, datagramCount)])
        }
        let seconds = Stopwatch.best(runs: 5) {
            for batch in batches { aggregator.take(bytes, ranges: batch, arrivedNanos: 0) }
        }
        let figures = aggregator.figures
        let isWhole = figures.valueCount == figures.lineCount
        return BenchRow(
            room: "Ingest", name: "statsd packed lines, \(seriesCount) series, from memory",
            unit: "M lines/s", goal: 6, reached: Double(lineCount) / seconds / 1e6,
            note: "\(bytes.count / lineCount) B/line, \(figures.seriesCount) series, "
                + (isWhole ? "every line counted, \(hash())" : "WRONG"))
    }

    /// Of what one pass over the lines adds up to.
    private func hash() -> String {
        var aggregator = aggregator()
        aggregator.take(bytes, ranges: ranges, arrivedNanos: 0)
        var hash: UInt64 = 0
        for batch in aggregator.flush(endNanos: 10_000_000_000) {
            hash = StableHash.hash64(batch.encoded(), seed: hash)
        }
        return String(hash, radix: 16)
    }

    /// The receiver's CPU time, the kernel's part of it included. Rounds: the socket's buffer is
    /// filled while the receiver is held, then it drains alone, so that the sender takes neither
    /// its cache nor its processor.
    func fromSocket(datagramCount wanted: Int, goal: Double) -> BenchRow {
        let name =
            datagramBytes < 100
            ? "statsd one line per datagram, from the socket"
            : "statsd packed lines, \(seriesCount) series, from the socket"
        var row = BenchRow(
            room: "Ingest", name: name, unit: "M lines/s", goal: goal, reached: 0)
        var warm = aggregator()
        warm.take(bytes, ranges: ranges, arrivedNanos: 0)
        let receiving = Receiving(warm)
        do {
            let receiver = try DatagramReceiver(
                .inet(host: "127.0.0.1", port: 0), name: "bench", telemetry: Telemetry()
            ) { receiving.take($0) }
            defer { receiver.stop() }
            guard case .inet(_, let port) = receiver.endpoint,
                let sender = SegmentSender(port: port, datagramBytes: datagramBytes)
            else { return row }
            // The kernel counts up to 4 KiB for a datagram of 1,400 bytes, 1 KiB for a short one.
            let perRound = min(
                32_768, receiver.receiveBufferBytes / (datagramBytes < 100 ? 2_048 : 8_192))
            var sent = 0
            while sent < wanted {
                receiving.hold {
                    sender.send(bytes, from: sent, datagramCount: perRound)
                    sent += perRound
                }
                receiving.wait(forDatagrams: sent)
            }
            let drained = receiving.result()
            row.reached = Double(drained.lines) / drained.seconds / 1e6
            row.note =
                "\(sent) datagrams of \(datagramBytes) B sent, \(receiving.datagramCount) received, "
                + "\(receiving.datagramCount / max(1, drained.batches)) per call, "
                + (drained.values == drained.lines ? "every line counted" : "WRONG")
        } catch { print("statsd bench: \(error)") }
        return row
    }
}

/// The handler's side: one aggregator, and the CPU time of the thread that it runs on.
private final class Receiving: Sendable {
    private struct State: ~Copyable {
        var aggregator: StatsdAggregator
        /// Nil before the first batch: what the thread did until then is not counted.
        var startSeconds: Double?
        var seconds = 0.0
        var batchCount = 0
        var before: (lines: Int, values: Int)
    }

    private let state: Mutex<State>
    private let received = Atomic(0)
    /// How many `wait` waits for.
    private let awaited = Atomic(Int.max)
    private let isThere = DispatchSemaphore(value: 0)

    init(_ aggregator: consuming StatsdAggregator) {
        let before = (aggregator.figures.lineCount, aggregator.figures.valueCount)
        state = Mutex(State(aggregator: aggregator, before: before))
    }

    var datagramCount: Int { received.load(ordering: .relaxed) }

    func take(_ batch: DatagramBatch) {
        state.withLock { state in
            if state.startSeconds == nil { state.startSeconds = Receiving.threadSeconds() }
            state.aggregator.take(
                batch.slab, ranges: batch.ranges, arrivedNanos: batch.wallNanos)
            state.seconds = Receiving.threadSeconds() - (state.startSeconds ?? 0)
            state.batchCount += 1
        }
        let count = received.add(batch.count, ordering: .sequentiallyConsistent).newValue
        if count >= awaited.load(ordering: .sequentiallyConsistent) { isThere.signal() }
    }

    /// The receiver gets no further than its first batch while `body` runs.
    func hold(_ body: () -> Void) { state.withLock { _ in body() } }

    /// Waits until so many came in all, or two seconds.
    func wait(forDatagrams count: Int) {
        awaited.store(count, ordering: .sequentiallyConsistent)
        while datagramCount < count {
            if isThere.wait(timeout: .now() + .seconds(2)) == .timedOut { return }
        }
    }

    func result() -> (lines: Int, seconds: Double, batches: Int, values: Int) {
        state.withLock { state in
            (
                state.aggregator.figures.lineCount - state.before.lines, state.seconds,
                state.batchCount, state.aggregator.figures.valueCount - state.before.values
            )
        }
    }

    private static func threadSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
