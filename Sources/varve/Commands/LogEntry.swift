internal import Foundation
internal import Platform

/// One line as the server sends it.
struct LogEntry: Sendable, Equatable {
    var nanos: Int64
    var line: String
    var labels: [String: String]

    /// Nil for what is no line: heartbeats are blank; errors and warnings are notes.
    static func parse(_ bytes: [UInt8]) throws(CommandFailure) -> LogEntry? {
        guard !bytes.isEmpty else { return nil }
        let parsed = try? JSONSerialization.jsonObject(with: Data(bytes))
        guard let object = parsed as? [String: Any] else {
            let text = String(decoding: bytes.prefix(120), as: UTF8.self)
            throw CommandFailure("the server sent something else than lines: \(text)")
        }
        if let error = object["error"] as? String { throw CommandFailure(error) }
        if let warning = object["warning"] as? String {
            Terminal.warn([warning])
            return nil
        }
        guard let text = object["ts"] as? String, let nanos = Int64(text),
            let line = object["line"] as? String
        else { throw CommandFailure("the server sent a line without its time") }
        return LogEntry(
            nanos: nanos, line: line, labels: object["labels"] as? [String: String] ?? [:])
    }
}

/// Reads a finished result from the server.
struct LogFetch: Sendable {
    let client: ServerClient
    let parameters: [(String, String)]

    /// The lines in the order of the server: newest first.
    func collect() async throws(CommandFailure) -> [LogEntry] {
        let entries = Collected()
        try await lines(parameters) { entries.add($0) }
        return entries.all
    }

    /// Every line as it comes; whether there was one.
    func stream(
        forward: Bool, _ body: @escaping @Sendable (LogEntry) -> Void
    ) async throws(CommandFailure) -> Bool {
        var parameters = parameters.filter { $0.0 != "direction" }
        parameters.append(("direction", forward ? "forward" : "backward"))
        let entries = Collected()
        try await lines(parameters) { entry in
            entries.countOne()
            body(entry)
        }
        return entries.count > 0
    }

    private func lines(
        _ parameters: [(String, String)], _ body: @escaping @Sendable (LogEntry) -> Void
    ) async throws(CommandFailure) {
        let failure = FailureSlot()
        try await client.stream("/api/v1/logs/stream", parameters) { bytes in
            do throws(CommandFailure) {
                if let entry = try LogEntry.parse(bytes) { body(entry) }
                return true
            } catch {
                failure.set(error)
                return false
            }
        }
        if let error = failure.value { throw error }
    }
}

/// Prints what comes in from now on, across reconnects.
struct LogFollow: Sendable {
    let client: ServerClient
    let query: String
    let ignoresCase: Bool

    /// Between attempts to reach a server that went away.
    private static let pauseNanos: Int64 = 1_000_000_000

    /// Ends when the process does, or with an error of the server.
    func run(_ body: @escaping @Sendable (LogEntry) -> Void) async throws(CommandFailure) {
        var parameters = [("query", query)]
        if ignoresCase { parameters.append(("ignore_case", "1")) }
        let failure = FailureSlot()
        while true {
            do {
                try await client.stream("/api/v1/logs/follow", parameters) { bytes in
                    do throws(CommandFailure) {
                        if let entry = try LogEntry.parse(bytes) { body(entry) }
                        return true
                    } catch {
                        failure.set(error)
                        return false
                    }
                }
            } catch {
                Terminal.complain("\(error); trying again")
            }
            if let error = failure.value { throw error }
            await Pause.nanos(Self.pauseNanos)
        }
    }
}
