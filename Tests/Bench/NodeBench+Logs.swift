import Cluster
import Ingest
import Model
import NIOCore
import NIOPosix
import Platform
import Synchronization

/// Log lines through a syslog listener on loopback, and a node that comes back.
extension NodeBench {
    /// A syslog service before a node, and a connection to it.
    private struct Line: Sendable {
        let service: SyslogService
        let channel: any Channel

        init(_ home: Home) async throws {
            var options = SyslogService.Options()
            options.tcp = Endpoint("127.0.0.1:0")
            service = try await SyslogService.start(
                options, appender: home.node.appender, telemetry: home.telemetry,
                time: SystemTime(), timers: SystemTimers(), random: SystemRandom(),
                group: MultiThreadedEventLoopGroup.singleton)
            guard case .inet(let host, let port)? = service.tcpEndpoint else {
                preconditionFailure("BUG: a listener without an address")
            }
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: host, port: port).get()
        }

        func send(_ bytes: [UInt8]) async throws {
            try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
        }

        func stop() async throws {
            try await channel.close()
            await service.stop()
        }
    }

    static func syslog(lineCount: Int) async throws -> BenchRow {
        let home = try Home("syslog")
        let line = try await Line(home)
        let pieces = stride(from: 0, to: lineCount, by: 1_000).map { first in
            syslogText(first..<min(first + 1_000, lineCount))
        }
        let byteCount = pieces.reduce(0) { $0 + $1.count }
        let before = Stopwatch.cpuSeconds()
        for piece in pieces { try await line.send(piece) }
        try await until { home.figure("varve_log_lines_written_total") >= Double(lineCount) }
        let taken = Stopwatch.cpuSeconds() - before
        try await home.node.flush()
        let spent = Stopwatch.cpuSeconds() - before
        try await line.stop()
        try home.remove()
        let megabytes = Double(byteCount) / 1e6 / spent
        return BenchRow(
            room: "Cluster", name: "syslog over TCP, durable, indexed and compacted",
            unit: "k lines/s/core", goal: 250, reached: Double(lineCount) / spent / 1e3,
            note: "\(Int(megabytes)) MB/s (goal 33); \(byteCount / lineCount) B/line; "
                + "\(Int(taken / Double(lineCount) * 1e9)) ns a line in, "
                + "\(Int((spent - taken) / Double(lineCount) * 1e9)) ns to files")
    }

    private static func syslogText(_ numbers: Range<Int>) -> [UInt8] {
        let text = numbers.map { number in
            "<14>1 2026-11-24T11:5\(number % 10):07.\(100_000 + number % 900_000)Z host-\(number % 5)"
                + " web.\(number % 20) \(number % 97) - - GET /api/v1/orders/\(number &* 7919 % 99_991)"
                + " 200 took \(number % 977) ms for user \(number % 1_000)\n"
        }
        return Array(text.joined().utf8)
    }

    /// One line at a time over TCP: until a follower has it and until a query finds it.
    static func visible(lineCount: Int) async throws -> BenchRow {
        let home = try Home("visible")
        let line = try await Line(home)
        let arrivals = Mutex<[Int64]>([])
        let subscription = home.node.querier.follow(tenant: .standard, onGap: { _ in }) { batch in
            let now = SystemTime().monotonicNanos()
            arrivals.withLock { $0 += repeatElement(now, count: batch.lines.count) }
        }
        var tails: [Double] = []
        var queries: [Double] = []
        for number in 0..<lineCount {
            let sent = SystemTime().monotonicNanos()
            try await line.send(Array("<14>1 - h a - - - visible \(number)\n".utf8))
            try await until { arrivals.withLock { $0.count } > number }
            let arrived = arrivals.withLock { $0[number] }
            tails.append(Double(arrived - sent) / 1e6)
            var found = 0
            while found <= number { found = try await count(home) }
            queries.append(Double(SystemTime().monotonicNanos() - arrived) / 1e6)
        }
        subscription.cancel()
        try await line.stop()
        try home.remove()
        tails.sort()
        queries.sort()
        func figure(_ values: [Double], _ share: Double) -> Double {
            let place = Int(Double(values.count - 1) * share)
            return (values[place] * 100).rounded() / 100
        }
        return BenchRow(
            room: "Cluster", name: "a line sent until a tail has it, p99", unit: "ms wall",
            goal: 100, reached: figure(tails, 0.99), higherIsBetter: false,
            note: "p50 \(figure(tails, 0.5)); then a query finds it after "
                + "p50 \(figure(queries, 0.5)), p99 \(figure(queries, 0.99))")
    }

    private static func count(_ home: Home) async throws -> Int {
        var count = 0
        let request = LineRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            budget: QueryBudget())
        _ = try await home.node.querier.selectLines(request) { data in
            count += data.lines.count
            return true
        }
        return count
    }

    /// Many series, stopped without a seal, started again: everything comes from the journal.
    static func restart(seriesCount: Int) async throws -> [BenchRow] {
        let home = try Home("restart")
        let start: Int64 = 1_750_000_000_000_000_000
        for first in stride(from: 0, to: seriesCount, by: 10_000) {
            var batch = WriteBatch(tenant: .standard)
            for number in first..<min(first + 10_000, seriesCount) {
                let labels = Labels([
                    ("__name__", "requests_total"), ("instance", "10.0.\(number % 251):9100"),
                    ("path", "/api/v1/things/\(number)"), ("region", "eu-central-1"),
                ])
                batch.series.append(SeriesReference(tenant: .standard, labels: labels))
                batch.samples.append(
                    seriesIndex: UInt32(number - first), timestamp: start, value: Double(number))
            }
            _ = try await home.node.appender.append(batch)
        }
        let fromJournal = try seconds(home)
        let again = try Home("restart", isNew: false)
        try await again.node.flush()
        let fromFiles = try seconds(again)
        try Home("restart", isNew: false).remove()
        return [
            BenchRow(
                room: "Cluster", name: "restart with \(seriesCount) series, unsealed",
                unit: "s wall", goal: 5, reached: fromJournal, higherIsBetter: false,
                note: "all from the journal"),
            BenchRow(
                room: "Cluster", name: "restart with \(seriesCount) series, sealed",
                unit: "s wall", goal: 5, reached: fromFiles, higherIsBetter: false,
                note: "from the checkpoint"),
        ]
    }

    /// Stops the node and starts it again on its directory: seconds of the start.
    private static func seconds(_ home: Home) throws -> Double {
        home.stop()
        let begin = SystemTime().monotonicNanos()
        let again = try Home("restart", isNew: false)
        let end = SystemTime().monotonicNanos()
        again.stop()
        return Double(end - begin) / 1e9
    }
}
