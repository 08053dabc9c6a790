internal import ArgumentParser
internal import Foundation
internal import Platform

/// `varve cluster cert`: makes an authority for a cluster and a certificate for each node. Why it
/// runs openssl: docs/decisions/009-certificates-by-openssl.md.
struct ClusterCertTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Make the certificates of a cluster's nodes.",
        discussion: """
            Writes ca.pem, ca.key and NODE.pem, NODE.key into a directory; an authority that is \
            there is used again. Give each node its two files and ca.pem, and keep ca.key away \
            from all of them. Needs the program openssl, version 3.
            """)

    @Option(help: "The directory.") var dir = "./certificates"
    @Option(help: "Days that the nodes' certificates are valid.") var days = 825
    @Argument(help: "Names of nodes.") var nodes: [String]

    mutating func run() async throws {
        try await CommandExit.run {
            for node in nodes { try checkName(node) }
            guard (1...36_500).contains(days) else {
                throw CommandFailure("--days is \(days): 1 to 36500 is allowed")
            }
            do {
                try FileManager.default.createDirectory(
                    atPath: dir, withIntermediateDirectories: true)
            } catch {
                throw CommandFailure("cannot make \(dir): \(error.localizedDescription)")
            }
            try makeAuthority()
            for node in nodes { try makeCertificate(node) }
            Terminal.print(
                nodes.map {
                    "\($0): --peer-cert \(path($0, "pem")) --peer-key \(path($0, "key")) "
                        + "--peer-ca \(path("ca", "pem"))"
                })
            return true
        }
    }

    private func makeAuthority() throws(CommandFailure) {
        guard !FileManager.default.fileExists(atPath: path("ca", "pem")) else { return }
        try openssl(
            ClusterCertTool.newKey + [
                "-x509", "-days", "3650", "-subj", "/CN=varve cluster authority",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", path("ca", "key"), "-out", path("ca", "pem"),
            ])
    }

    private func makeCertificate(_ node: String) throws(CommandFailure) {
        guard !FileManager.default.fileExists(atPath: path(node, "pem")) else {
            throw CommandFailure(
                "\(path(node, "pem")) is there already: remove it to make another")
        }
        try openssl(
            ClusterCertTool.newKey + [
                "-x509", "-days", "\(days)", "-subj", "/CN=\(node)",
                "-CA", path("ca", "pem"), "-CAkey", path("ca", "key"),
                "-addext", "basicConstraints=critical,CA:FALSE",
                "-addext", "extendedKeyUsage=serverAuth,clientAuth",
                "-addext", "subjectAltName=DNS:\(node)",
                "-keyout", path(node, "key"), "-out", path(node, "pem"),
            ])
    }

    private static let newKey = [
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc",
    ]

    private func openssl(_ arguments: [String]) throws(CommandFailure) {
        let ending: ChildProcess.Ending
        do {
            ending = try ChildProcess.run("openssl", arguments)
        } catch .notFound {
            throw CommandFailure("openssl is not installed: apt-get install openssl")
        } catch {
            throw CommandFailure("\(error)")
        }
        guard ending.status == 0 else {
            let lines = String(decoding: ending.output, as: UTF8.self)
                .split(whereSeparator: \.isNewline)
            throw CommandFailure("openssl failed: \(lines.suffix(2).joined(separator: "; "))")
        }
    }

    private func path(_ name: String, _ suffix: String) -> String { "\(dir)/\(name).\(suffix)" }

    /// It becomes a file's name and a part of a subject.
    private func checkName(_ node: String) throws(CommandFailure) {
        let allowed = node.utf8.allSatisfy {
            ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122)
                || $0 == 45 || $0 == 46 || $0 == 95
        }
        guard allowed, !node.isEmpty, node.utf8.count <= 64, node.first != ".", node != "ca" else {
            throw CommandFailure(
                "\"\(node)\" cannot name a certificate: letters, digits, - . and _ are allowed, and "
                    + "not ca")
        }
    }
}
