internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Server

/// Where the server is and as whom to ask: shared by the commands that read.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .customLong("addr"),
        help: "Address of the server. [VARVE_ADDR] (default: http://127.0.0.1:8780)")
    var address: String?

    @Option(name: .customLong("tenant"), help: "Tenant to read. [VARVE_TENANT]")
    var tenant: String?

    @Option(
        name: .customLong("profile"),
        help: """
            Address and credentials by name, from ~/.config/varve/client.toml. [VARVE_PROFILE] Or by \
            VARVE_USERNAME and VARVE_PASSWORD, or VARVE_TOKEN.
            """)
    var profile: String?

    /// Flags come before variables, these before the profile.
    func client() throws(CommandFailure) -> ServerClient {
        let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        var found = try ServerProfile.read(
            named: profile ?? environment["VARVE_PROFILE"], environment)
        found.address = address ?? environment["VARVE_ADDR"] ?? found.address
        found.tenant = tenant ?? environment["VARVE_TENANT"] ?? found.tenant
        if let token = environment["VARVE_TOKEN"] { found.token = token }
        if let username = environment["VARVE_USERNAME"] {
            found.username = username
            found.password = environment["VARVE_PASSWORD"]
            found.token = environment["VARVE_TOKEN"]
        }
        let chosen = found.address ?? "http://127.0.0.1:8780"
        let base = chosen.contains("://") ? chosen : "http://\(chosen)"
        return ServerClient(
            base: base.hasSuffix("/") ? String(base.dropLast()) : base, tenant: found.tenant,
            authorization: found.authorization)
    }
}

/// What a command failed with: one line for a person, exit status 2.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    /// The server understood and said no: asking again brings the same.
    var isFinal = false

    init(_ description: String) { self.description = description }
}

/// Asks the server over HTTP and reads its JSON.
struct ServerClient: Sendable {
    let base: String
    let tenant: String?
    /// Of each request's header, if there is one.
    let authorization: String?

    /// The `data` of a successful answer, and its warnings.
    func get(
        _ path: String, _ parameters: [(String, String)]
    ) async throws(CommandFailure) -> (data: Any, warnings: [String]) {
        let answer = try await answer(path, parameters)
        return try ServerClient.read(answer.body, status: answer.status)
    }

    /// An answer that is an object by itself, as some of Loki's are.
    func object(
        _ path: String, _ parameters: [(String, String)]
    ) async throws(CommandFailure) -> [String: Any] {
        let answer = try await answer(path, parameters)
        guard answer.status == 200,
            let object = try? JSONSerialization.jsonObject(with: Data(answer.body))
        else {
            _ = try ServerClient.read(answer.body, status: answer.status)
            throw CommandFailure("the server answered something else than was asked for")
        }
        return object as? [String: Any] ?? [:]
    }

    private func answer(
        _ path: String, _ parameters: [(String, String)]
    ) async throws(CommandFailure) -> HTTPClient.Answer {
        do {
            return try await HTTPClient().get(
                url(path, parameters), headers: headers, bodyBytesMax: 1 << 30)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// The `data` of a successful answer of `/api/v1/cluster/…`; a server that says nothing for a
    /// while is a failure.
    func cluster(
        _ name: String, _ parameters: [(String, String)] = [], isPost: Bool = false
    ) async throws(CommandFailure) -> Any {
        let answer: HTTPClient.Answer
        do {
            answer = try await HTTPClient().ask(
                url("/api/v1/cluster/\(name)", parameters), headers: headers, isPost: isPost,
                silenceSecondsMax: 30, bodyBytesMax: 64 << 20)
        } catch {
            throw CommandFailure("\(error)")
        }
        return try ServerClient.read(answer.body, status: answer.status).data
    }

    /// Lines of a streamed answer, one call each; ends when the server does or `onLine` says so,
    /// or when nothing comes for `silenceSecondsMax`.
    func stream(
        _ path: String, _ parameters: [(String, String)], silenceSecondsMax: Int64? = nil,
        onLine: @Sendable @escaping ([UInt8]) -> Bool
    ) async throws(CommandFailure) {
        do {
            try await HTTPClient().lines(
                url(path, parameters), headers: headers, silenceSecondsMax: silenceSecondsMax,
                onLine: onLine)
        } catch .refused(let status, let body) {
            _ = try ServerClient.read(body, status: status)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private var headers: [(String, String)] {
        [("X-Scope-OrgID", tenant), ("Authorization", authorization)].compactMap { name, value in
            value.map { (name, $0) }
        }
    }

    private func url(_ path: String, _ parameters: [(String, String)]) -> String {
        let query = parameters.map {
            "\(FormParameters.encoded($0.0))=\(FormParameters.encoded($0.1))"
        }
        return base + path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    /// The data of an answer in Prometheus' envelope, or what it failed with.
    static func read(
        _ bytes: [UInt8], status: Int
    ) throws(CommandFailure) -> (data: Any, warnings: [String]) {
        let object = try? JSONSerialization.jsonObject(with: Data(bytes))
        guard let answer = object as? [String: Any] else {
            let text = String(decoding: bytes.prefix(200), as: UTF8.self)
            throw CommandFailure("the server answered \(status): \(text)")
        }
        guard status / 100 == 2, let data = answer["data"] else {
            var failure = CommandFailure("\(answer["error"] ?? "the server answered \(status)")")
            failure.isFinal = status / 100 == 4 && status != 429
            throw failure
        }
        return (data, answer["warnings"] as? [String] ?? [])
    }
}
