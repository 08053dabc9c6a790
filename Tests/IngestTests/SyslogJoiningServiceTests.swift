import Ingest
import Model
import NIOCore
import NIOPosix
import Platform
import Synchronization
import Testing

/// A clock and timers that the test moves.
final class ManualTime: TimeSource, Timers {
    private final class Timer: Cancellable {
        let body: @Sendable (Int64) -> Void
        private let isOver = Mutex(false)

        init(_ body: @escaping @Sendable (Int64) -> Void) { self.body = body }

        func cancel() { isOver.withLock { $0 = true } }
        func fire(_ nanos: Int64) { if !isOver.withLock({ $0 }) { body(nanos) } }
    }

    private let now = Mutex<Int64>(Seen.arrival)
    private let timers = Mutex<[Timer]>([])

    func wallNanos() -> Int64 { now.withLock { $0 } }
    func monotonicNanos() -> Int64 { now.withLock { $0 } }

    func every(
        _ intervalNanos: Int64, aligned: Bool, name: String,
        _ body: @escaping @Sendable (_ dueNanos: Int64) -> Void
    ) -> any Cancellable {
        let timer = Timer(body)
        timers.withLock { $0.append(timer) }
        return timer
    }

    /// Moves the clock and calls every timer once.
    func pass(millis: Int64) {
        let nanos = now.withLock { now in
            now += millis * 1_000_000
            return now
        }
        for timer in timers.withLock({ $0 }) { timer.fire(nanos) }
    }
}

@Suite struct SyslogJoiningServiceTests {
    struct Bench {
        let time = ManualTime()
        let telemetry = Telemetry()
        let appender = ToldAppender()
        let service: SyslogService

        init(start: String? = #"^\S"#) async throws {
            var options = SyslogService.Options()
            options.tcp = .inet(host: "127.0.0.1", port: 0)
            options.udp = .inet(host: "127.0.0.1", port: 0)
            options.syslog = try Self.options(start)
            options.laneCount = 1
            service = try await SyslogService.start(
                options, appender: appender, telemetry: telemetry, time: time, timers: time,
                random: SystemRandom(), group: MultiThreadedEventLoopGroup.singleton)
        }

        static func options(_ start: String?) throws -> SyslogOptions {
            var options = SyslogOptions()
            options.joining.start = try start.map { try RegularExpression($0) }
            return options
        }

        func connect() async throws -> any Channel {
            let port = try #require(service.tcpEndpoint?.port)
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: port).get()
        }

        func counter(_ name: String, _ label: String) -> Double {
            telemetry.snapshot().first { $0.name == name }?.samples
                .first { $0.labels.contains { $0.value == label } }?.value ?? 0
        }
    }

    /// `marker` is a message that stands alone: when it is there, what was before it was read.
    static let marker = "<999>marker\n"

    @Test func aRecordWaitsForTheClock() async throws {
        let bench = try await Bench()
        let client = try await bench.connect()
        try await client.writeAndFlush(
            ByteBuffer(
                string: JoiningBench.line("a") + JoiningBench.line("\tb") + Self.marker)
        ).get()
        #expect(await bench.appender.lines(1).map(\.text) == ["<999>marker"])
        bench.time.pass(millis: 499)
        try await client.writeAndFlush(ByteBuffer(string: Self.marker)).get()
        #expect(await bench.appender.lines(1).map(\.text) == ["<999>marker"])
        bench.time.pass(millis: 1)
        #expect(await bench.appender.lines(1).map(\.text) == ["a\n\tb"])
        try await client.close().get()
        await bench.service.stop()
        #expect(bench.counter("varve_syslog_joined_total", "syslog") == 1)
    }

    @Test func theEndOfTheConnectionWritesWhatIsUnderWay() async throws {
        let bench = try await Bench()
        let client = try await bench.connect()
        try await client.writeAndFlush(
            ByteBuffer(string: JoiningBench.line("a") + JoiningBench.line("\tb"))
        ).get()
        try await client.close().get()
        #expect(await bench.appender.lines(1).map(\.text) == ["a\n\tb"])
        await bench.service.stop()
    }

    @Test func theStopWritesWhatIsUnderWay() async throws {
        let bench = try await Bench()
        let client = try await bench.connect()
        try await client.writeAndFlush(
            ByteBuffer(string: JoiningBench.line("tcp") + JoiningBench.line("\tb") + Self.marker)
        ).get()
        #expect(await bench.appender.lines(1).map(\.text) == ["<999>marker"])
        let udp = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(bench.service.udpEndpoint?.port)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        for text in [JoiningBench.line("udp"), JoiningBench.line("\tb"), Self.marker] {
            try await udp.writeAndFlush(
                AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: text))
            ).get()
        }
        #expect(await bench.appender.lines(1).map(\.text) == ["<999>marker"])
        await bench.service.stop()
        #expect(Set(await bench.appender.lines(2).map(\.text)) == ["tcp\n\tb", "udp\n\tb"])
        try await udp.close().get()
    }

    @Test func aReloadWritesWhatIsUnderWayAndGoesByTheNewPattern() async throws {
        let bench = try await Bench()
        let client = try await bench.connect()
        try await client.writeAndFlush(
            ByteBuffer(string: JoiningBench.line("a") + JoiningBench.line("\tb") + Self.marker)
        ).get()
        #expect(await bench.appender.lines(1).map(\.text) == ["<999>marker"])
        bench.service.reload(try Bench.options("^begin"))
        #expect(await bench.appender.lines(1).map(\.text) == ["a\n\tb"])
        try await client.writeAndFlush(
            ByteBuffer(string: JoiningBench.line("begin") + JoiningBench.line("x"))
        ).get()
        try await client.close().get()
        #expect(await bench.appender.lines(1).map(\.text) == ["begin\nx"])
        await bench.service.stop()
    }
}
