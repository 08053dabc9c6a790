internal import NIOCore
internal import NIOSSL

/// How the connections between nodes are kept from strangers.
package enum PeerSecurity: Hashable, Sendable {
    /// No encryption and no proof: whoever reaches the port is believed.
    case plain
    /// TLS 1.3; both sides show a certificate of the cluster's authority. Paths of PEM files: the
    /// certificate with its chain, its key, the authority's certificates. Host names are not
    /// looked at: who has a certificate of the authority is of the cluster, and says who it is in
    /// its hello.
    case tls(certificate: String, key: String, authority: String)

    /// Whether `plain` needs no word of the person who runs the node: nobody else reaches the
    /// address that it listens on.
    package static func plainIsAllowed(listen: Endpoint) -> Bool {
        switch listen {
        case .unix: return true
        case .inet(let host, _):
            if host == "::1" || host == "localhost" { return true }
            let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
            return numbers.count == 4 && numbers[0] == "127"
                && numbers.allSatisfy { UInt8($0) != nil }
        }
    }

    /// Throws what is wrong with the files, before anybody connects.
    package func check() throws(PeerSecurityError) { _ = try load() }

    /// Reads the files; nil for `plain`.
    func load() throws(PeerSecurityError) -> PeerTLS? {
        guard case .tls(let certificate, let key, let authority) = self else { return nil }
        let chain = try PeerSecurity.reading("certificate", certificate) {
            try NIOSSLCertificate.fromPEMFile(certificate)
        }
        let roots = try PeerSecurity.reading("authority", authority) {
            try NIOSSLCertificate.fromPEMFile(authority)
        }
        let secret = try PeerSecurity.reading("key", key) {
            try NIOSSLPrivateKey(file: key, format: .pem)
        }
        // A file without a certificate would mean that nobody is believed, or everybody.
        for (what, file, found) in [
            ("certificate", certificate, chain), ("authority", authority, roots),
        ] where found.isEmpty {
            throw PeerSecurityError(what: what, file: file, reason: "there is no certificate in it")
        }
        var server = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(secret),
            trustRoots: .certificates(roots))
        server.minimumTLSVersion = .tlsv13
        // How long a close waits for the other side's goodbye.
        server.shutdownTimeout = .seconds(1)
        var client = TLSConfiguration.makeClientConfiguration()
        client.certificateChain = server.certificateChain
        client.privateKey = server.privateKey
        client.trustRoots = server.trustRoots
        client.certificateVerification = .noHostnameVerification
        client.minimumTLSVersion = .tlsv13
        client.shutdownTimeout = server.shutdownTimeout
        let (forServer, forClient) = (server, client)
        return try PeerSecurity.reading("key", key) {
            PeerTLS(
                server: try NIOSSLContext(configuration: forServer),
                client: try NIOSSLContext(configuration: forClient))
        }
    }

    private static func reading<R>(
        _ what: String, _ file: String, _ body: () throws -> R
    ) throws(PeerSecurityError) -> R {
        do {
            return try body()
        } catch {
            let reason =
                switch error as? NIOSSLError {
                case .noSuchFilesystemObject: "there is no such file"
                case .failedToLoadCertificate: "it is no PEM file of certificates"
                case .failedToLoadPrivateKey:
                    "it is no PEM file of a key, or not of this certificate"
                default: SystemError.text(of: error)
                }
            throw PeerSecurityError(what: what, file: file, reason: reason)
        }
    }
}

/// A file of the cluster's certificates that can not be used.
package struct PeerSecurityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `certificate`, `key` or `authority`.
    package let what: String
    package let file: String
    package let reason: String

    package var description: String { "the \(what) \(file) can not be used: \(reason)" }
}

/// The two sides of TLS between peers, ready for use.
struct PeerTLS: Sendable {
    let server: NIOSSLContext
    let client: NIOSSLContext

    /// Puts TLS at the place in the pipeline that comes next.
    func secure(_ channel: any Channel, isServer: Bool) throws {
        let operations = channel.pipeline.syncOperations
        if isServer {
            try operations.addHandler(NIOSSLServerHandler(context: server))
        } else {
            try operations.addHandler(NIOSSLClientHandler(context: client, serverHostname: nil))
        }
    }

    /// Words of BoringSSL's errors and what they mean for a person. The first that fits.
    private static let meanings: [(word: String, reason: PeerRefusal.Reason, text: String)] = [
        (
            "CERTIFICATE_VERIFY_FAILED", .certificate,
            "its certificate is not of this cluster's authority, or not valid now"
        ),
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", .certificate, "it shows no certificate"),
        (
            "ALERT_UNKNOWN_CA", .certificate,
            "it refuses our certificate, which is not of its authority"
        ),
        ("CERTIFICATE_REQUIRED", .certificate, "it wants a certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", .certificate, "it refuses our certificate: expired"),
        ("ALERT", .certificate, "it refuses our certificate"),
        ("WRONG_VERSION_NUMBER", .garbage, "it does not speak TLS, and this side was told to"),
        ("HTTP_REQUEST", .garbage, "it does not speak TLS, and this side was told to"),
        ("UNSUPPORTED_PROTOCOL", .garbage, "it speaks no TLS 1.3"),
    ]

    /// What an error of a connection says about who is on the other side; nil if it is none of
    /// TLS, or only that the connection ended.
    static func refusal(_ error: any Error, from who: String) -> PeerRefusal? {
        let cause: BoringSSLError
        switch error {
        case NIOSSLError.handshakeFailed(let error): cause = error
        case let error as BoringSSLError: cause = error
        default: return nil
        }
        guard case .sslError(let stack) = cause, !stack.contains(.eofDuringHandshake) else {
            return nil
        }
        let words = stack.map { $0.description }.joined(separator: "; ")
        if let found = meanings.first(where: { words.contains($0.word) }) {
            return PeerRefusal(found.reason, "\(who): \(found.text)")
        }
        return PeerRefusal(.garbage, "\(who): TLS failed: \(words)")
    }

    /// Whether the error only says that the other side went without a goodbye, as a process does
    /// that is killed.
    static func isEnd(_ error: any Error) -> Bool {
        switch error {
        case NIOSSLError.uncleanShutdown: true
        case NIOSSLError.handshakeFailed(.sslError(let stack)): stack == [.eofDuringHandshake]
        default: error is NIOSSLCloseTimedOutError
        }
    }
}
