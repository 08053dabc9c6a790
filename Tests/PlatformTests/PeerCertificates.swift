import Foundation
import Platform
import Testing

/// Authorities and certificates of a test, made with `openssl` in a directory that goes with it.
final class PeerCertificates {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("varve-peers-\(SystemRandom().next())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Makes `name.pem` and `name.key` of an authority.
    func makeAuthority(_ name: String) throws {
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=\(name)", "-keyout", path("\(name).key"), "-out",
            path("\(name).pem"))
    }

    /// Makes `name.pem` and `name.key` of a node; its host name fits nothing.
    func makeNode(_ name: String, of authority: String, days: String = "2") throws {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=\(name).invalid", "-keyout", path("\(name).key"), "-out", path("\(name).csr"))
        try openssl(
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("\(authority).pem"), "-CAkey",
            path("\(authority).key"), "-CAcreateserial", "-days", days, "-out",
            path("\(name).pem"))
    }

    func security(_ name: String, trusting authority: String) -> PeerSecurity {
        .tls(
            certificate: path("\(name).pem"), key: path("\(name).key"),
            authority: path("\(authority).pem"))
    }

    /// Runs the command; what it says is of interest only when it fails. `isTried`: it may.
    func openssl(_ arguments: String..., isTried: Bool = false) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(
            isTried || process.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
    }
}
