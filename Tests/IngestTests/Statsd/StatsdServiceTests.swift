import Glibc
import Ingest
import Model
import NIOCore
import NIOPosix
import Platform
import Synchronization
import Testing

/// An appender that answers as it is told, and says what it was offered.
private final class ScriptedAppender: Appender {
    private struct State {
        var answers: [AppendError?] = []
        var offered: [WriteBatch] = []
    }

    private let state = Mutex(State())

    /// The answers of the next calls; nil, and all after them, is success.
    func answer(_ answers: [AppendError?]) { state.withLock { $0.answers = answers } }

    var offered: [WriteBatch] { state.withLock { $0.offered } }

    func append(_ batch: WriteBatch) async throws(AppendError) -> AppendReceipt {
        let error = state.withLock { state in
            state.offered.append(batch)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        if let error { throw error }
        return AppendReceipt()
    }
}

/// Timers that fire when the test says so; those for waiting fire at once.
private final class ManualTimers: Timers {
    private final class Handle: Cancellable {
        func cancel() {}
    }

    private let bodies = Mutex<[String: @Sendable (Int64) -> Void]>([:])

    func every(
        _ intervalNanos: Int64, aligned: Bool, name: String,
        _ body: @escaping @Sendable (_ dueNanos: Int64) -> Void
    ) -> any Cancellable {
        if name == "statsd-stop" { body(0) } else { bodies.withLock { $0[name] = body } }
        return Handle()
    }

    func fire(_ name: String, _ dueNanos: Int64) { bodies.withLock { $0[name] }?(dueNanos) }
}

private struct FixedRandom: RandomSource {
    func next() -> UInt64 { 4711 }
}

private struct FixedTime: TimeSource {
    func wallNanos() -> Int64 { 25_000_000_000 }
    func monotonicNanos() -> Int64 { 0 }
}

/// A service on loopback with everything around it in the test's hand.
private struct Bench {
    let appender = ScriptedAppender()
    let timers = ManualTimers()
    let telemetry = Telemetry()
    let service: StatsdService

    init(options: StatsdOptions = StatsdOptions(), unix: String? = nil) async throws {
        let local = Endpoint.inet(host: "127.0.0.1", port: 0)
        service = try await StatsdService.start(
            .init(udp: local, tcp: local, unix: unix.map { .unix(path: $0) }), options: options,
            in: .init(
                appender: appender, time: FixedTime(), timers: timers, random: FixedRandom(),
                telemetry: telemetry, group: MultiThreadedEventLoopGroup.singleton))
    }

    /// The sum of a figure over its labels.
    func figure(_ name: String) -> Double {
        telemetry.snapshot().filter { $0.name == name }.flatMap(\.samples).reduce(0) {
            $0 + $1.value
        }
    }

    /// Waits until `condition` holds, for ten seconds at most.
    func until(
        _ what: String, _ condition: () -> Bool, _ location: SourceLocation = #_sourceLocation
    ) async {
        let time = SystemTime()
        let deadline = time.monotonicNanos() + 10_000_000_000
        while !condition() {
            guard time.monotonicNanos() < deadline else {
                Issue.record("waited in vain for \(what)", sourceLocation: location)
                return
            }
            await Task.yield()
        }
    }

    func lines(_ count: Int) async {
        await until("\(count) lines") { figure("varve_statsd_lines_total") >= Double(count) }
    }
}

/// A client's socket.
private struct Client {
    let descriptor: Int32

    init(type: Int32, port: Int) throws {
        descriptor = socket(AF_INET, type, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0),
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
    }

    init(unix path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: Array(path.utf8))
        }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(
                    descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0),
                    socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let rest = Array(bytes[sent...])
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    func close() { Glibc.close(descriptor) }
}

@Suite("StatsdService")
struct StatsdServiceTests {
    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)

    @Test("UDP, TCP and a unix socket feed the same series")
    func allSockets() async throws {
        let path = "/tmp/varve-statsd-\(getpid()).sock"
        let bench = try await Bench(unix: path)
        let udp = try Client(type: Self.datagram, port: bench.service.endpoints.udp?.port ?? 0)
        let tcp = try Client(type: Self.stream, port: bench.service.endpoints.tcp?.port ?? 0)
        let unix = try Client(unix: path)
        udp.send("a:1|c\nb:5|g")
        udp.send("a:1|c")
        tcp.send("a:10|c\n")
        unix.send("a:100|c\nbad")
        await bench.lines(6)
        bench.timers.fire("statsd-flush", 10_000_000_000)
        await bench.until("a batch") { bench.appender.offered.count == 1 }
        #expect(StatsdFixture.describe(bench.appender.offered) == ["a += 112.0", "b = 5.0"])
        #expect(bench.figure("varve_statsd_refused_total") == 1)
        #expect(bench.figure("varve_statsd_series") == 2)
        #expect(await bench.service.stop())
        for client in [udp, tcp, unix] { client.close() }
    }

    @Test("TCP lines may come in pieces, too long, and without a last newline")
    func tcpFraming() async throws {
        let options = StatsdFixture.options { $0.limits.lineBytesMax = 50 }
        let bench = try await Bench(options: options)
        let tcp = try Client(type: Self.stream, port: bench.service.endpoints.tcp?.port ?? 0)
        tcp.send("a:1|c\nb:")
        await bench.lines(1)
        tcp.send("2|c\nc:3|")
        await bench.lines(2)
        tcp.send("c\n" + String(repeating: "x", count: 200))
        await bench.until("a dropped line") {
            bench.figure("varve_statsd_stream_lines_dropped_total") == 1
        }
        tcp.send(String(repeating: "y", count: 200) + ":1|c\nd:4|c\nlast:5|c")
        await bench.lines(4)
        tcp.close()
        await bench.lines(5)
        #expect(await bench.service.stop())
        #expect(
            StatsdFixture.describe(bench.appender.offered) == [
                "a += 1.0", "b += 2.0", "c += 3.0", "d += 4.0", "last += 5.0",
            ])
        #expect(bench.figure("varve_statsd_stream_lines_dropped_total") == 1)
    }

    @Test("a batch that is refused is offered again with its number, before any other")
    func retry() async throws {
        let bench = try await Bench()
        let udp = try Client(type: Self.datagram, port: bench.service.endpoints.udp?.port ?? 0)
        bench.appender.answer([
            .overloaded(retryAfterSeconds: 1), .unavailable(detail: "x"), nil, nil,
        ])
        udp.send("a:1|c")
        await bench.lines(1)
        bench.timers.fire("statsd-flush", 10_000_000_000)
        await bench.until("a first attempt") { bench.appender.offered.count == 1 }
        udp.send("a:2|c")
        await bench.lines(2)
        await bench.until("a failure") {
            bench.figure("varve_statsd_delivery_failures_total") == 1
        }
        bench.timers.fire("statsd-flush", 20_000_000_000)
        await bench.until("a second attempt") {
            bench.figure("varve_statsd_delivery_failures_total") == 2
        }
        await bench.until("an end of it") {
            // The delivery that failed may not have ended when the timer fires.
            bench.timers.fire("statsd-retry", 0)
            return bench.figure("varve_statsd_pending_batches") == 0
        }
        let offered = bench.appender.offered
        #expect(offered.map(\.stamp?.sequence) == [1, 1, 1, 2])
        #expect(Set(offered.map(\.stamp?.source)).count == 1)
        #expect(StatsdFixture.describe([offered[2]]) == ["a += 1.0"])
        #expect(StatsdFixture.describe([offered[3]]) == ["a += 2.0"])
        #expect(await bench.service.stop())
        udp.close()
    }

    @Test("when too many batches wait, intervals are merged and nothing is lost")
    func held() async throws {
        let options = StatsdFixture.options { $0.limits.pendingBatchesMax = 1 }
        let bench = try await Bench(options: options)
        let udp = try Client(type: Self.datagram, port: bench.service.endpoints.udp?.port ?? 0)
        bench.appender.answer(
            [AppendError?](repeating: .diskFull(detail: "full"), count: 1_000_000))
        for interval in 1...3 {
            udp.send("a:1|c\ng:+1|g\nt:\(interval)|ms")
            await bench.lines(3 * interval)
            bench.timers.fire("statsd-flush", Int64(interval) * 10_000_000_000)
        }
        #expect(bench.figure("varve_statsd_flushes_held_total") == 2)
        await bench.until("an attempt") { !bench.appender.offered.isEmpty }
        bench.appender.answer([])
        #expect(await bench.service.stop())
        let offered = bench.appender.offered
        let first = offered.filter { $0.stamp?.sequence == 1 }
        #expect(Set(first.map { StatsdFixture.describe([$0]) }).count == 1)
        #expect(offered.last?.stamp?.sequence == 2)
        #expect(
            StatsdFixture.describe(offered.suffix(1)) == [
                "a += 2.0", "g ±= 2.0", "t h5 n=2.0 sum=5.0 zero=0.0 [32, 51][1.0, 1.0]",
            ])
        udp.close()
    }

    @Test("a batch that can never be taken is given up and counted")
    func tooLarge() async throws {
        let bench = try await Bench()
        let udp = try Client(type: Self.datagram, port: bench.service.endpoints.udp?.port ?? 0)
        bench.appender.answer([.tooLarge(limit: "x", bytes: 2, bytesMax: 1)])
        udp.send("a:1|c\nb:1|c")
        await bench.lines(2)
        bench.timers.fire("statsd-flush", 10_000_000_000)
        await bench.until("it is given up") {
            bench.figure("varve_statsd_undeliverable_items_total") == 2
        }
        #expect(await bench.service.stop())
        #expect(bench.appender.offered.map(\.stamp?.sequence) == [1, 2])
        udp.close()
    }

    @Test("an endpoint that is taken is an error that names it")
    func taken() async throws {
        let bench = try await Bench()
        let udp = try #require(bench.service.endpoints.udp)
        await #expect(throws: NetworkError.self) {
            _ = try await StatsdService.start(
                .init(udp: udp), options: StatsdOptions(),
                in: .init(
                    appender: bench.appender, time: FixedTime(), timers: bench.timers,
                    random: FixedRandom(), telemetry: Telemetry(),
                    group: MultiThreadedEventLoopGroup.singleton))
        }
        #expect(await bench.service.stop())
    }
}
