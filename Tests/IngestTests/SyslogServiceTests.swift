import Ingest
import Model
import NIOCore
import NIOPosix
import Platform
import Synchronization
import Testing

/// An appender that tells of each batch, and can be held or made to refuse.
final class ToldAppender: Appender {
    let batches: AsyncStream<WriteBatch>
    private let told: AsyncStream<WriteBatch>.Continuation
    private let refusals: Mutex<[AppendError]>
    /// Each append takes one of these when there is a gate.
    private let gate: AsyncStream<Void>?

    init(refusals: [AppendError] = [], gate: AsyncStream<Void>? = nil) {
        (batches, told) = AsyncStream.makeStream()
        self.refusals = Mutex(refusals)
        self.gate = gate
    }

    func append(_ batch: WriteBatch) async throws(AppendError) -> AppendReceipt {
        if let gate {
            var passes = gate.makeAsyncIterator()
            _ = await passes.next()
        }
        if let refusal = refusals.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            throw refusal
        }
        told.yield(batch)
        return AppendReceipt()
    }

    /// Waits for `count` lines.
    func lines(_ count: Int) async -> [SeenLine] {
        var lines: [SeenLine] = []
        for await batch in batches {
            lines += Seen.lines(batch)
            if lines.count >= count { break }
        }
        return lines
    }
}

@Suite struct SyslogServiceTests {
    struct Bench {
        var service: SyslogService
        var telemetry: Telemetry

        func counter(_ name: String, _ label: String) -> Double {
            telemetry.snapshot().first { $0.name == name }?.samples
                .first { $0.labels.contains { $0.value == label } }?.value ?? 0
        }
    }

    static func start(
        _ appender: any Appender, _ change: (inout SyslogService.Options) -> Void = { _ in }
    ) async throws -> Bench {
        var options = SyslogService.Options()
        options.tcp = .inet(host: "127.0.0.1", port: 0)
        options.udp = .inet(host: "127.0.0.1", port: 0)
        change(&options)
        let telemetry = Telemetry()
        let service = try await SyslogService.start(
            options, appender: appender, telemetry: telemetry, time: SystemTime(),
            timers: SystemTimers(), random: SystemRandom(),
            group: MultiThreadedEventLoopGroup.singleton)
        return Bench(service: service, telemetry: telemetry)
    }

    static func connect(_ bench: Bench) async throws -> any Channel {
        let port = try #require(bench.service.tcpEndpoint?.port)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port).get()
    }

    @Test func connectionsAndDatagramsArrive() async throws {
        let appender = ToldAppender()
        let bench = try await Self.start(appender) {
            $0.syslog.tenant = Tenant("logs") ?? .standard
        }
        let client = try await Self.connect(bench)
        let sent = "<14>1 - h a - - - one\n21 <14>1 - h a - - - two<14>1 - h a - - - cut"
        try await client.writeAndFlush(ByteBuffer(string: sent)).get()
        try await client.close().get()
        let lines = await appender.lines(3)
        #expect(lines.map(\.text) == ["one", "two", "cut"])
        #expect(lines.last?.metadata == ["varve_cut=true"])

        let udp = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(bench.service.udpEndpoint?.port)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
        try await udp.writeAndFlush(
            AddressedEnvelope(
                remoteAddress: address, data: ByteBuffer(string: "<11>1 - h a - - - udp\n"))
        ).get()
        let datagram = await appender.lines(1)
        #expect(datagram.map(\.text) == ["udp"] && datagram.first?.labels["severity"] == "err")
        try await udp.close().get()
        await bench.service.stop()
        #expect(bench.counter("varve_syslog_messages_total", "rfc5424") >= 3)
        #expect(bench.counter("varve_syslog_faults_total", "cut") == 1)
    }

    @Test func aBatchThatIsRefusedIsOfferedAgainUnderTheSameNumber() async throws {
        let appender = ToldAppender(refusals: [
            .overloaded(retryAfterSeconds: 1), .diskFull(detail: "full"),
        ])
        let bench = try await Self.start(appender)
        let client = try await Self.connect(bench)
        try await client.writeAndFlush(ByteBuffer(string: "<14>a\n<14>b\n")).get()
        var texts: [String] = []
        var stamps: [BatchStamp?] = []
        for await batch in appender.batches {
            texts += Seen.lines(batch).map(\.text)
            stamps.append(batch.stamp)
            if texts.count == 2 { break }
        }
        #expect(texts == ["a", "b"])
        #expect(stamps.map { $0?.sequence } == Array(1...UInt64(stamps.count)))
        try await client.close().get()
        await bench.service.stop()
    }

    @Test func aHeldAppenderHoldsTheSenderAndNothingIsLost() async throws {
        let (gate, passes) = AsyncStream<Void>.makeStream()
        let appender = ToldAppender(gate: gate)
        let bench = try await Self.start(appender) { $0.batchBytesMax = 10_000 }
        let client = try await Self.connect(bench)
        let lineCount = 20_000
        let text = (0..<lineCount).map { "<14>1 - h a - - - line \($0)\n" }.joined()
        // Far more than the lane holds: the write ends only because the lane is emptied below.
        let written: EventLoopFuture<Void> = client.writeAndFlush(ByteBuffer(string: text))
        for _ in 0..<lineCount { passes.yield() }
        let lines = await appender.lines(lineCount)
        try await written.get()
        #expect(lines.map(\.text) == (0..<lineCount).map { "line \($0)" })
        try await client.close().get()
        await bench.service.stop()
    }

    @Test func aTLSHelloOnThePlainPortIsClosedAndCounted() async throws {
        let bench = try await Self.start(ToldAppender())
        let client = try await Self.connect(bench)
        try await client.writeAndFlush(ByteBuffer(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
            .get()
        try await client.closeFuture.get()
        await bench.service.stop()
        #expect(bench.counter("varve_syslog_tls_hellos_total", "syslog") == 1)
    }

    @Test func stoppingCountsWhatNobodyTakes() async throws {
        let appender = ToldAppender(
            refusals: [AppendError](repeating: .unavailable(detail: "stopping"), count: 1000))
        let bench = try await Self.start(appender)
        let client = try await Self.connect(bench)
        try await client.writeAndFlush(ByteBuffer(string: "<14>a\n")).get()
        // Half-closed: the session ends when its bytes are taken, and the listener closes.
        try await client.close(mode: .output).get()
        try await client.closeFuture.get()
        await bench.service.stop()
        #expect(bench.counter("varve_syslog_refused_total", "stopping") == 1)
    }
}
