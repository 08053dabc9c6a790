import NIOCore
import NIOPosix
import Platform
import Testing

/// Connections on loopback that end in every way, and limits.
struct StreamListenerTests {
    private struct Seen {
        var bytes: [UInt8] = []
        var ends: [StreamEnd] = []
        var rest: [UInt8] = []
        var sessionCount = 0
    }

    /// Takes whole lines and leaves the rest, as real sessions do.
    private final class Lines: StreamSession {
        private let seen: Monitor<Seen>
        private let verdict: StreamVerdict

        init(_ seen: Monitor<Seen>, _ verdict: StreamVerdict) {
            self.seen = seen
            self.verdict = verdict
            seen.update { $0.sessionCount += 1 }
        }

        func received(_ bytes: inout ByteBuffer) -> StreamVerdict {
            if let end = bytes.readableBytesView.lastIndex(of: 10) {
                let lines = bytes.readBytes(length: end + 1 - bytes.readerIndex) ?? []
                seen.update { $0.bytes += lines }
            }
            return verdict
        }

        func ended(_ reason: StreamEnd, rest: inout ByteBuffer) {
            let left = Array(rest.readableBytesView)
            seen.update { seen in
                seen.ends.append(reason)
                seen.rest += left
            }
        }
    }

    private let seen = Monitor(Seen())
    private let telemetry = Telemetry()

    private func start(
        verdict: StreamVerdict = .more,
        _ change: (inout StreamListener.Options) -> Void = { _ in }
    ) async throws -> StreamListener {
        var options = StreamListener.Options()
        change(&options)
        let seen = seen
        return try await StreamListener.start(
            .inet(host: "127.0.0.1", port: 0), name: "test", options: options,
            telemetry: telemetry, group: MultiThreadedEventLoopGroup.singleton
        ) { _ in Lines(seen, verdict) }
    }

    private func client(_ listener: StreamListener) throws -> Loopback {
        try Loopback(tcpPort: try #require(listener.endpoint.port))
    }

    private func waitForEnd() -> StreamEnd { seen.wait { $0.ends.first } }

    @Test func aHalfClosedConnectionGivesItsRestAndIsClosed() async throws {
        let listener = try await start()
        let client = try client(listener)
        client.send("one\ntw")
        client.send("o\nthree")
        client.finishSending()
        #expect(waitForEnd() == .finished)
        #expect(client.receive() == [])
        #expect(seen.withLock { $0.bytes } == Array("one\ntwo\n".utf8))
        #expect(seen.withLock { $0.rest } == Array("three".utf8))
        await listener.stop()
        #expect(telemetry.figure("varve_stream_bytes_total") == 13)
        #expect(telemetry.figure("varve_stream_ended_total", label: "finished") == 1)
        #expect(telemetry.figure("varve_stream_connections") == 0)
    }

    @Test func aConnectionThatSaysNothingEndsOnce() async throws {
        let listener = try await start()
        try client(listener).close()
        #expect(waitForEnd() == .finished)
        await listener.stop()
        #expect(seen.withLock { $0.ends.count } == 1)
    }

    @Test func aResetIsAFailure() async throws {
        let listener = try await start()
        let client = try client(listener)
        client.send("x\n")
        _ = seen.wait { $0.bytes.isEmpty ? nil : true }
        client.reset()
        guard case .failed = waitForEnd() else {
            Issue.record("\(seen.withLock { $0.ends })")
            return
        }
        await listener.stop()
        #expect(telemetry.figure("varve_stream_ended_total", label: "failed") == 1)
    }

    @Test func aSlowSenderIsClosedWhenItSaysNothingForTooLong() async throws {
        let listener = try await start { $0.idleSeconds = 1 }
        let client = try client(listener)
        client.send("half a li")
        #expect(waitForEnd() == .idle)
        #expect(client.receive() == [])
        #expect(seen.withLock { $0.rest } == Array("half a li".utf8))
        await listener.stop()
        #expect(telemetry.figure("varve_stream_ended_total", label: "idle") == 1)
    }

    @Test func aLineWithoutEndIsNotKeptForever() async throws {
        let listener = try await start { $0.unreadBytesMax = 100_000 }
        let client = try client(listener)
        let piece = [UInt8](repeating: 120, count: 50_000)
        // Ends with a failed send at the latest: the other side has closed.
        for _ in 0..<10_000 where client.send(piece) < 0 { break }
        #expect(waitForEnd() == .tooMuchUnread)
        #expect(seen.withLock { $0.rest.count } <= 100_000 + 262_144)
        await listener.stop()
        #expect(telemetry.figure("varve_stream_ended_total", label: "too_much_unread") == 1)
    }

    @Test func aSessionMayCloseItsConnection() async throws {
        let listener = try await start(verdict: .close)
        let client = try client(listener)
        client.send("\u{16}\u{03}")
        #expect(waitForEnd() == .closedBySession)
        await listener.stop()
        #expect(telemetry.figure("varve_stream_ended_total", label: "bad_input") == 1)
    }

    @Test func connectionsOverTheLimitAreClosedAtOnce() async throws {
        let listener = try await start { $0.connectionCountMax = 2 }
        let first = try client(listener)
        let second = try client(listener)
        _ = seen.wait { $0.sessionCount == 2 ? true : nil }
        let third = try client(listener)
        #expect(third.receive() == [])
        #expect(listener.connectionCount == 2)
        #expect(telemetry.figure("varve_stream_connections_refused_total") == 1)
        first.close()
        _ = waitForEnd()
        second.send("still here\n")
        _ = seen.wait { $0.bytes.isEmpty ? nil : true }
        await listener.stop()
        #expect(seen.withLock { $0.ends.last } == .stopping)
    }

    @Test func aPausedConnectionStopsTheSender() async throws {
        let listener = try await start(verdict: .pause)
        let client = try client(listener)
        client.send("a\n")
        _ = seen.wait { $0.bytes.isEmpty ? nil : true }
        client.send("b\n")
        client.finishSending()
        await listener.stop()
        #expect(seen.withLock { $0.bytes } == Array("a\n".utf8))
        #expect(seen.withLock { $0.ends } == [.stopping])
    }
}
