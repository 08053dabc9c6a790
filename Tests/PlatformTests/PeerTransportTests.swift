import Glibc
import Platform
import Testing

/// Transports that talk to each other on loopback.
struct PeerTransportTests {
    private let one = PeerID(1)
    private let two = PeerID(2)
    private let three = PeerID(3)

    private func pair(
        _ change: (inout TCPPeerTransport.Options) -> Void = { _ in }
    ) async throws -> (PeerNode, PeerNode) {
        let nodes = [try await PeerNode.start(1, change), try await PeerNode.start(2, change)]
        try PeerNode.introduce(nodes)
        try nodes[0].wait(for: .connected(two, featureLevel: 20))
        try nodes[1].wait(for: .connected(one, featureLevel: 10))
        return (nodes[0], nodes[1])
    }

    private func frame(_ number: Int, byteCount: Int = 4) -> PeerFrame {
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0 &* 7) }
        return PeerFrame(kind: UInt8(1 + number % 200), parts: [bytes])
    }

    @Test func framesArriveInOrderBothWays() async throws {
        let (a, b) = try await pair()
        #expect(try a.transport.connected == [two])
        for number in 0..<1_000 {
            #expect(try a.transport.send(frame(number), to: two))
            #expect(try b.transport.send(frame(number + 7), to: one))
        }
        try a.wait("frames") { $0.events.count >= 1_001 }
        try b.wait("frames") { $0.events.count >= 1_001 }
        #expect(b.frames == (0..<1_000).map { frame($0) })
        #expect(a.frames == (0..<1_000).map { frame($0 + 7) })
        try a.transport.stop()
        try b.wait(for: .disconnected(one))
        #expect(a.seen.withLock { $0.events.last } == .disconnected(two))
        #expect(try a.transport.connected == [])
        try b.transport.stop()
        let wire = Double(1_000 * frame(0).wireByteCount)
        #expect(try #require(a.telemetry.figure("varve_peer_sent_bytes_total")) >= wire)
        #expect(try #require(b.telemetry.figure("varve_peer_received_bytes_total")) >= wire)
        #expect(a.telemetry.figure("varve_peer_connections_total", label: "2") == 1)
        #expect(a.telemetry.figure("varve_peer_connected", label: "2") == 0)
    }

    /// Bytes in a pattern that no piece of a power of two repeats; quick also in debug builds.
    private func large(byteCount: Int) -> [UInt8] {
        let pattern = (0..<1_021).map { UInt8(truncatingIfNeeded: $0 &* 89) }
        var bytes: [UInt8] = []
        while bytes.count < byteCount { bytes += pattern }
        bytes.removeLast(bytes.count - byteCount)
        return bytes
    }

    private func isSame(_ a: PeerFrame, _ b: PeerFrame) -> Bool {
        a.kind == b.kind && a.parts.count == b.parts.count
            && zip(a.parts, b.parts).allSatisfy { a, b in
                guard a.count == b.count else { return false }
                return unsafe memcmp(a, b, a.count) == 0
            }
    }

    @Test func largeFramesArriveWhole() async throws {
        let (a, b) = try await pair()
        let parts = [0, 1, 3_000_000, 0, 17, 5_000_001].map { large(byteCount: $0) }
        let mixed = PeerFrame(kind: 9, parts: parts)
        let most = PeerFrame(kind: 8, parts: [large(byteCount: PeerFrame.byteCountMax - 8)])
        let frames = [mixed, frame(0), mixed, frame(1), most, mixed, frame(2)]
        for frame in frames {
            #expect(
                try a.transport.sendWaiting(frame, to: two, upToNanos: PeerNode.patienceNanos))
        }
        try b.wait("frames") { $0.events.count >= 1 + frames.count }
        let received = b.frames
        #expect(received.count == frames.count)
        for (index, pair) in zip(received, frames).enumerated() {
            #expect(isSame(pair.0, pair.1), "frame \(index)")
        }
        try a.transport.stop()
        try b.transport.stop()
    }

    @Test func threeNodesKnowEachOther() async throws {
        let nodes = [
            try await PeerNode.start(1), try await PeerNode.start(2), try await PeerNode.start(3),
        ]
        try PeerNode.introduce(nodes)
        for (index, node) in nodes.enumerated() {
            try node.wait("two peers") { $0.events.count >= 2 }
            #expect(
                try node.transport.connected
                    == [one, two, three].filter {
                        $0.number != UInt64(index + 1)
                    })
        }
        #expect(try nodes[2].transport.send(frame(1), to: one))
        #expect(try nodes[2].transport.send(frame(2), to: two))
        try nodes[0].wait(for: .received(frame(1), from: three))
        try nodes[1].wait(for: .received(frame(2), from: three))
        // The third is no longer named by anybody.
        let addresses = [one: try nodes[0].endpoint, two: try nodes[1].endpoint]
        try nodes[0].transport.setPeers(addresses)
        try nodes[1].transport.setPeers(addresses)
        try nodes[0].wait(for: .disconnected(three))
        try nodes[1].wait(for: .disconnected(three))
        #expect(try nodes[0].transport.connected == [two])
        _ = try nodes[2].notice("node 1", "refused", "is not among the members")
        for node in nodes { try node.transport.stop() }
    }

    @Test func aNodeThatComesBackOnTheSamePortIsFoundAgain() async throws {
        let (a, b) = try await pair()
        let place = try a.endpoint
        try a.transport.stop()
        try b.wait(for: .disconnected(one))
        #expect(try !b.transport.send(frame(1), to: one))
        #expect(b.telemetry.figure("varve_peer_frames_dropped_total", label: "1") == 1)
        _ = try b.notice("node 1 at \(place) can not be reached", "refused")
        let again = try await PeerNode.start(1, on: place)
        try again.transport.setPeers([one: place, two: try b.endpoint])
        try b.wait(for: .connected(one, featureLevel: 10), count: 2)
        #expect(try b.transport.send(frame(2), to: one))
        try again.wait(for: .received(frame(2), from: two))
        try again.transport.stop()
        try b.transport.stop()
    }

    @Test func aNewAddressIsDialledAtOnce() async throws {
        let a = try await PeerNode.start(1)
        let b = try await PeerNode.start(2) {
            $0.redialMillisMin = 3_600_000
            $0.redialMillisMax = 3_600_000
        }
        try a.transport.setPeers([two: try b.endpoint])
        // Nobody listens there, and the pause that follows would be an hour.
        let gone = try await PeerNode.start(9)
        let place = try gone.endpoint
        try gone.transport.stop()
        try b.transport.setPeers([one: place])
        _ = try b.notice("can not be reached")
        try b.transport.setPeers([one: try a.endpoint])
        try b.wait(for: .connected(one, featureLevel: 10))
        try a.transport.stop()
        try b.transport.stop()
    }

    @Test func aPeerIsReachedByItsName() async throws {
        let a = try await PeerNode.start(1)
        let b = try await PeerNode.start(2)
        try a.transport.setPeers([two: try b.endpoint])
        // The name may have addresses of both families; one of them answers.
        let port = try #require(try a.endpoint.port)
        try b.transport.setPeers([one: .inet(host: "localhost", port: port)])
        try a.wait(for: .connected(two, featureLevel: 20))
        try b.wait(for: .connected(one, featureLevel: 10))
        try b.transport.setPeers([one: .inet(host: "nowhere.invalid", port: port)])
        #expect(try b.transport.connected == [one])
        try a.transport.stop()
        _ = try b.notice("node 1 at nowhere.invalid:\(port) can not be reached: no address")
        try b.transport.stop()
    }

    @Test func aFullQueueTakesNoMore() async throws {
        // The other side is a plain socket that shakes hands and then reads nothing.
        let hold = Monitor(false)
        let port = try Loopback.listen { socket in
            _ = socket.receive()
            socket.send(
                PeerHello(
                    clusterID: PeerNode.cluster, node: PeerID(1), name: "stuck", featureLevel: 1
                ).encoded())
            _ = hold.wait { $0 ? true : nil }
        }
        let b = try await PeerNode.start(2) {
            $0.queueBytesMax = 100_000
            $0.queueLowBytes = 10_000
            $0.silenceMillis = 3_600_000
        }
        try b.transport.setPeers([one: .inet(host: "127.0.0.1", port: port)])
        try b.wait(for: .connected(one, featureLevel: 1))
        let piece = frame(1, byteCount: 50_000)
        var taken = 0
        // Kernel and channel take some megabytes; then the queue fills.
        while taken < 10_000, try b.transport.send(piece, to: one) { taken += 1 }
        #expect(taken < 10_000)
        while try b.transport.sendWaiting(piece, to: one, upToNanos: 100_000_000) {}
        while try b.transport.send(piece, to: one) {}
        #expect(try #require(b.telemetry.figure("varve_peer_frames_dropped_total")) >= 3)
        let transport = try b.transport
        let ended = Monitor<Bool?>(nil)
        _ = WorkerThread(name: "waits") {
            let isSent = transport.sendWaiting(piece, to: one, upToNanos: 60_000_000_000)
            ended.update { $0 = isSent }
        }
        hold.update { $0 = true }
        try b.wait(for: .disconnected(one))
        #expect(ended.wait { $0 } == false)
        try b.transport.stop()
    }

    @Test func aPeerThatFallsSilentIsGivenUp() async throws {
        let hold = Monitor(false)
        let port = try Loopback.listen { socket in
            _ = socket.receive()
            socket.send(
                PeerHello(
                    clusterID: PeerNode.cluster, node: PeerID(1), name: "mute", featureLevel: 1
                ).encoded())
            _ = hold.wait { $0 ? true : nil }
        }
        let b = try await PeerNode.start(2) {
            $0.keepAliveMillis = 20
            $0.silenceMillis = 100
        }
        try b.transport.setPeers([one: .inet(host: "127.0.0.1", port: port)])
        try b.wait(for: .disconnected(one))
        _ = try b.notice("node 1 (mute) at 127.0.0.1", "nothing came for 100 ms")
        hold.update { $0 = true }
        try b.transport.stop()
    }

    @Test func idlePeersKeepTheirConnection() async throws {
        let (a, b) = try await pair {
            $0.keepAliveMillis = 10
            $0.silenceMillis = 2_000
        }
        // Each keepalive is eight bytes: some dozens came, and no frame was handed up.
        let sent = { a.telemetry.figure("varve_peer_received_bytes_total") ?? 0 }
        let ticks = Monitor(0)
        let timer = SystemTimers().every(20_000_000, aligned: false, name: "ticks") { _ in
            ticks.update { $0 += 1 }
        }
        _ = ticks.wait { $0 > 10 && sent() >= 80 ? true : nil }
        timer.cancel()
        #expect(a.seen.withLock { $0.events.count } == 1)
        #expect(b.seen.withLock { $0.events.count } == 1)
        try a.transport.stop()
        try b.transport.stop()
    }

    @Test func aNewConnectionOfAPeerReplacesTheOld() async throws {
        let a = try await PeerNode.start(1)
        try a.transport.setPeers([two: .inet(host: "127.0.0.1", port: 1)])
        let hello = PeerHello(
            clusterID: PeerNode.cluster, node: two, name: "twin", featureLevel: 3)
        let keepAlive: [UInt8] = [4, 0, 0, 0, 0, 0, 0, 0]
        let first = try Loopback(tcpPort: try #require(try a.endpoint.port))
        first.send(hello.encoded())
        first.send(keepAlive + frame(1).encoded())
        try a.wait(for: .received(frame(1), from: two))
        let second = try Loopback(tcpPort: try #require(try a.endpoint.port))
        second.send(hello.encoded() + keepAlive + frame(2).encoded())
        try a.wait(for: .received(frame(2), from: two))
        let connected = PeerNode.Event.connected(two, featureLevel: 3)
        #expect(
            a.seen.withLock { $0.events } == [
                connected, .received(frame(1), from: two), .disconnected(two), connected,
                .received(frame(2), from: two),
            ])
        while !first.receive().isEmpty {}
        try a.transport.stop()
    }
}
