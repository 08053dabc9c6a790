import Platform
import Testing

/// Mutual TLS between peers: who belongs, who does not, and what each side hears.
struct PeerSecurityTests {
    private let one = PeerID(1)
    private let two = PeerID(2)
    private let files: PeerCertificates

    init() throws {
        files = try PeerCertificates()
        try files.makeAuthority("ours")
        try files.makeNode("a", of: "ours")
        try files.makeNode("b", of: "ours")
    }

    private func refusals(_ node: PeerNode, _ reason: PeerRefusal.Reason) -> Double {
        node.telemetry.figure("varve_peer_refusals_total", label: reason.word) ?? 0
    }

    private func stop(_ nodes: PeerNode...) throws {
        for node in nodes { try node.transport.stop() }
    }

    @Test func membersOfTheAuthorityTalk() async throws {
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        let b = try await PeerNode.start(2, security: files.security("b", trusting: "ours"))
        try PeerNode.introduce([a, b])
        try a.wait(for: .connected(two, featureLevel: 20))
        try b.wait(for: .connected(one, featureLevel: 10))
        let large = PeerFrame(kind: 3, parts: [[1], Array(repeating: 9, count: 3_000_000), []])
        #expect(try a.transport.send(large, to: two))
        try b.wait(for: .received(large, from: one))
        #expect(try b.transport.send(large, to: one))
        try a.wait(for: .received(large, from: two))
        let answer = try await PeerGuest.ask(
            try a.endpoint,
            hello: PeerHello(clusterID: 0, node: nil, name: "g", featureLevel: 0),
            frame: PeerFrame(kind: 1, parts: []), timeoutNanos: PeerNode.patienceNanos,
            security: files.security("b", trusting: "ours"))
        #expect(answer.parts == [[103]])
        try a.transport.stop()
        try b.wait(for: .disconnected(one))
        try b.transport.stop()
        #expect(refusals(a, .certificate) + refusals(b, .certificate) == 0)
    }

    /// Refusals are told in words of TLS, also after the hello of the one that is refused.
    @Test func aRefusalIsReadInsideOfTLS() async throws {
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        let b = try await PeerNode.start(
            2, cluster: 0xC2, security: files.security("b", trusting: "ours"))
        try PeerNode.introduce([a, b])
        _ = try a.notice("refused a connection from node 2 (n2)", "belongs to cluster")
        _ = try b.notice("node 1", "refused the connection", "belongs to cluster")
        try stop(b, a)
    }

    @Test func aServerOfAnotherAuthorityIsNotBelieved() async throws {
        try files.makeAuthority("theirs")
        try files.makeNode("x", of: "theirs")
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        let x = try await PeerNode.start(2, security: files.security("x", trusting: "theirs"))
        try PeerNode.introduce([a, x])
        _ = try x.notice("node 1 at", "its certificate is not of this cluster's authority")
        _ = try a.notice("127.0.0.1", "it refuses our certificate")
        #expect(refusals(x, .certificate) >= 1)
        #expect(refusals(a, .certificate) >= 1)
        #expect(a.seen.withLock { $0.events } == [])
        try stop(x, a)
    }

    @Test func aClientOfAnotherAuthorityIsNotBelieved() async throws {
        try files.makeAuthority("theirs")
        try files.makeNode("x", of: "theirs")
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        // It knows our authority and has a certificate of another.
        let x = try await PeerNode.start(2, security: files.security("x", trusting: "ours"))
        try PeerNode.introduce([a, x])
        _ = try a.notice("127.0.0.1", "its certificate is not of this cluster's authority")
        _ = try x.notice("node 1 at", "it refuses our certificate")
        #expect(refusals(a, .certificate) >= 1)
        #expect(refusals(x, .certificate) >= 1)
        #expect(x.seen.withLock { $0.events } == [])
        try stop(x, a)
    }

    @Test func aClientWithoutCertificateIsRefused() async throws {
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        try files.openssl("s_client", "-connect", "\(try a.endpoint)", isTried: true)
        _ = try a.notice("127.0.0.1", "it shows no certificate")
        #expect(refusals(a, .certificate) == 1)
        try stop(a)
    }

    @Test func plainAndSecuredTellEachOther() async throws {
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        let b = try await PeerNode.start(2)
        try PeerNode.introduce([a, b])
        _ = try a.notice("127.0.0.1", "it does not speak TLS, and this side was told to")
        _ = try b.notice("node 1", "it speaks TLS, and this side was not told to")
        try stop(b, a)
        let c = try await PeerNode.start(1)
        let d = try await PeerNode.start(2, security: files.security("b", trusting: "ours"))
        try PeerNode.introduce([c, d])
        _ = try c.notice("127.0.0.1", "it speaks TLS, and this side was not told to")
        _ = try d.notice("node 1", "it does not speak TLS, and this side was told to")
        try stop(d, c)
    }

    @Test func aPlainGuestReadsThatItMustSpeakTLS() async throws {
        let a = try await PeerNode.start(1, security: files.security("a", trusting: "ours"))
        let place = try a.endpoint
        let error = await #expect(throws: PeerGuestError.self) {
            try await PeerGuest.ask(
                place, hello: PeerHello(clusterID: 0, node: nil, name: "g", featureLevel: 0),
                frame: PeerFrame(kind: 1, parts: []), timeoutNanos: PeerNode.patienceNanos)
        }
        #expect("\(try #require(error))".contains("it speaks TLS"))
        try stop(a)
    }

    @Test func filesThatCanNotBeUsedAreNamed() async throws {
        try files.makeNode("c", of: "ours")
        let good = (files.path("a.pem"), files.path("a.key"), files.path("ours.pem"))
        let cases: [(PeerSecurity, String)] = [
            (
                .tls(certificate: "/nowhere.pem", key: good.1, authority: good.2),
                "the certificate /nowhere.pem can not be used"
            ),
            (
                .tls(certificate: good.0, key: files.path("c.key"), authority: good.2),
                "the key \(files.path("c.key")) can not be used"
            ),
            (
                .tls(certificate: good.0, key: good.0, authority: good.2),
                "the key \(good.0) can not be used"
            ),
            (
                .tls(certificate: good.0, key: good.1, authority: good.1),
                "the authority \(good.1) can not be used"
            ),
        ]
        for (security, text) in cases {
            let error = await #expect(throws: NetworkError.self) {
                try await PeerNode.start(1, security: security)
            }
            #expect("\(try #require(error))".contains(text), "\(String(describing: error))")
        }
    }
}
