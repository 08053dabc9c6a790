import Platform
import Simulator
import Testing

/// Who is turned away, and that both sides hear why.
struct PeerRefusalTests {
    private let one = PeerID(1)
    private let two = PeerID(2)

    private func refusals(_ node: PeerNode, _ reason: PeerRefusal.Reason) -> Double {
        node.telemetry.figure("varve_peer_refusals_total", label: reason.word) ?? 0
    }

    /// The refusal that a stranger reads who sends `bytes` to `node`.
    private func answer(_ node: PeerNode, to bytes: [UInt8]) throws -> PeerAnswer? {
        let socket = try Loopback(tcpPort: try #require(try node.endpoint.port))
        socket.send(bytes)
        var answer: [UInt8] = []
        while true {
            let more = socket.receive()
            guard !more.isEmpty else { break }
            answer += more
        }
        return try PeerAnswer.decode(answer)
    }

    private func hello(_ number: UInt64, cluster: UInt64 = PeerNode.cluster) -> PeerHello {
        PeerHello(clusterID: cluster, node: PeerID(number), name: "x", featureLevel: 1)
    }

    @Test func aNodeOfAnotherClusterIsRefusedOnBothSides() async throws {
        let a = try await PeerNode.start(1)
        let b = try await PeerNode.start(2, cluster: 0xC2)
        try PeerNode.introduce([a, b])
        let here = try a.notice("refused a connection from node 2 (n2) at 127.0.0.1")
        let there = try b.notice("node 1 at 127.0.0.1", "refused the connection")
        for text in [here, there] {
            #expect(
                text.contains(
                    "node 2 (n2) belongs to cluster 00000000000000c2, "
                        + "node 1 (n1) to cluster 00000000000000c1"))
        }
        try a.wait("more") { _ in refusals(a, .wrongCluster) >= 1 }
        #expect(refusals(b, .wrongCluster) >= 1)
        #expect(try a.transport.connected == [])
        try b.transport.stop()
        try a.transport.stop()
    }

    @Test func theSameNoticeComesOnceInHalfAMinute() async throws {
        let a = try await PeerNode.start(1)
        for _ in 0..<5 { _ = try answer(a, to: hello(3).encoded()) }
        #expect(refusals(a, .unknownNode) == 5)
        #expect(a.seen.withLock { $0.notices.count } == 1)
        a.time.advance(byNanos: 29_999_999_999)
        _ = try answer(a, to: hello(3).encoded())
        #expect(a.seen.withLock { $0.notices.count } == 1)
        a.time.advance(byNanos: 1)
        _ = try answer(a, to: hello(3).encoded())
        _ = try answer(a, to: hello(4).encoded())
        #expect(a.seen.withLock { $0.notices.count } == 3)
        try a.transport.stop()
    }

    @Test func strangersReadWhy() async throws {
        let a = try await PeerNode.start(1)
        try a.transport.setPeers([one: try a.endpoint, two: .inet(host: "127.0.0.1", port: 1)])
        var newer = hello(2).encoded()
        newer[8] = 7
        newer[10] = 9
        let cases: [([UInt8], PeerRefusal.Reason, String)] = [
            (hello(2, cluster: 5).encoded(), .wrongCluster, "cluster 0000000000000005"),
            (hello(1).encoded(), .ownID, "the same number"),
            (hello(3).encoded(), .unknownNode, "not among the members"),
            (newer, .noCommonVersion, "versions 7 to 9, here it is 1 to 1"),
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), .garbage, "does not speak the peer protocol"),
            ([0x16, 3, 1, 0], .garbage, "it speaks TLS"),
        ]
        for (bytes, reason, text) in cases {
            guard case .refusal(let refusal)? = try answer(a, to: bytes) else {
                Issue.record("no refusal for \(reason)")
                continue
            }
            #expect(refusal.reason == reason)
            #expect(refusal.text.contains(text), "\(refusal)")
            _ = try a.notice(text)
            #expect(refusals(a, reason) >= 1)
        }
        #expect(a.seen.withLock { $0.events } == [])
        try a.transport.stop()
    }

    @Test func whoAnswersForAnotherIsRefused() async throws {
        let a = try await PeerNode.start(1)
        let c = try await PeerNode.start(3)
        // The third believes that the second is where the first is.
        try a.transport.setPeers([PeerID(3): try c.endpoint])
        try c.transport.setPeers([two: try a.endpoint])
        _ = try c.notice("refused the connection to node 2", "node 1 (n1) answers where node 2")
        _ = try a.notice("node 3 (n3) at 127.0.0.1 refused the connection", "answers where node 2")
        #expect(refusals(a, .wrongNode) >= 1)
        #expect(refusals(c, .wrongNode) >= 1)
        #expect(a.seen.withLock { $0.events } == [])
        try c.transport.stop()
        try a.transport.stop()
    }

    @Test func aFrameBeyondTheLimitsEndsTheConnection() async throws {
        let a = try await PeerNode.start(1)
        try a.transport.setPeers([two: .inet(host: "127.0.0.1", port: 1)])
        let socket = try Loopback(tcpPort: try #require(try a.endpoint.port))
        socket.send(hello(2).encoded() + [4, 0, 0, 0, 0, 0, 0, 0])
        socket.send([255, 255, 255, 255, 1, 0, 0, 0])
        try a.wait(for: .disconnected(two))
        _ = try a.notice("node 2 (x) at 127.0.0.1: closed, it sent a frame of 4294967295 bytes")
        while !socket.receive().isEmpty {}
        try a.transport.stop()
    }

    @Test func whoSaysNothingIsClosed() async throws {
        let a = try await PeerNode.start(1) { $0.handshakeMillis = 50 }
        let socket = try Loopback(tcpPort: try #require(try a.endpoint.port))
        while !socket.receive().isEmpty {}
        _ = try a.notice("127.0.0.1: closed, no hello within 50 ms")
        try a.transport.stop()
    }

    @Test func tooManyThatWaitAreClosed() async throws {
        let a = try await PeerNode.start(1) { $0.pendingCountMax = 1 }
        let port = try #require(try a.endpoint.port)
        let first = try Loopback(tcpPort: port)
        let second = try Loopback(tcpPort: port)
        while !second.receive().isEmpty {}
        _ = try a.notice("closed a connection from 127.0.0.1: 1 wait")
        #expect(refusals(a, .tooMany) == 1)
        first.close()
        try a.transport.stop()
    }

    // MARK: Guests

    private func guest(cluster: UInt64 = 0) -> PeerHello {
        PeerHello(clusterID: cluster, node: nil, name: "new", featureLevel: 1)
    }

    @Test(arguments: [0, PeerNode.cluster])
    func aGuestGetsOneAnswer(cluster: UInt64) async throws {
        let a = try await PeerNode.start(1)
        let question = PeerFrame(
            kind: 4, parts: [[1, 2], Array(repeating: 3, count: 5_000_000)])
        let answer = try await PeerGuest.ask(
            try a.endpoint, hello: guest(cluster: cluster), frame: question,
            timeoutNanos: PeerNode.patienceNanos)
        #expect(answer == PeerFrame(kind: 4, parts: question.parts + [Array("new".utf8)]))
        #expect(a.seen.withLock { $0.events } == [.asked(question, name: "new")])
        try a.transport.stop()
    }

    @Test func aGuestOfAnotherClusterReadsWhy() async throws {
        let a = try await PeerNode.start(1)
        let place = try a.endpoint
        let error = await #expect(throws: PeerGuestError.self) {
            try await PeerGuest.ask(
                place, hello: guest(cluster: 0xC3), frame: PeerFrame(kind: 4, parts: []),
                timeoutNanos: PeerNode.patienceNanos)
        }
        #expect(
            "\(try #require(error))".contains(
                "the guest new belongs to cluster 00000000000000c3, node 1 (n1) to cluster"))
        try a.transport.stop()
        let later = await #expect(throws: PeerGuestError.self) {
            try await PeerGuest.ask(
                place, hello: guest(), frame: PeerFrame(kind: 4, parts: []),
                timeoutNanos: PeerNode.patienceNanos)
        }
        #expect("\(try #require(later))".contains("can not connect to \(place)"))
    }

    @Test func aGuestDoesNotWaitForever() async throws {
        let hold = Monitor(false)
        let port = try Loopback.listen { _ in _ = hold.wait { $0 ? true : nil } }
        let error = await #expect(throws: PeerGuestError.self) {
            try await PeerGuest.ask(
                .inet(host: "127.0.0.1", port: port), hello: guest(),
                frame: PeerFrame(kind: 4, parts: []), timeoutNanos: 50_000_000)
        }
        hold.update { $0 = true }
        #expect("\(try #require(error))".contains("no answer within 50 ms"))
    }

    @Test(arguments: [
        ("127.0.0.1:1", true), ("127.9.9.9:1", true), ("[::1]:1", true), ("localhost:1", true),
        ("unix:/run/x", true), ("0.0.0.0:1", false), (":1", false), ("127.example.org:1", false),
        ("10.0.0.1:1", false), ("127.0.0.1.evil:1", false), ("[::]:1", false),
    ])
    func plainIsForLoopbackOnly(endpoint: String, isAllowed: Bool) throws {
        let endpoint = try #require(Endpoint(endpoint))
        #expect(PeerSecurity.plainIsAllowed(listen: endpoint) == isAllowed)
    }
}
