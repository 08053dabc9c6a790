internal import Foundation
internal import Platform
internal import Synchronization

/// One line as the server sends it.
struct LogEntry: Sendable, Hashable {
    var nanos: Int64
    var line: String
    var labels: [String: String]
    /// Of a line of `| context`: those that stand next to each other in their stream have one.
    var group: Int?
}

/// What a search took.
struct LogStatistics: Sendable {
    var byteCount: Int
    var lineCount: Int
    var micros: Int
    /// Whether all that could hold such lines was read.
    var isComplete: Bool

    var text: String {
        let seconds = Double(micros) / 1e6
        let time = seconds < 1 ? "\(micros / 1_000) ms" : "\(NumberText.short(seconds)) s"
        return "\(lineCount) lines, \(NumberText.short(Double(byteCount)))B searched in \(time), "
            + (isComplete ? "complete" : "incomplete: see the warnings")
    }
}

/// What one line of the server's stream says.
enum LogMessage: Sendable {
    case entry(LogEntry)
    case warning(String)
    /// Lines since about then, ns, may not have been sent.
    case gap(Int64)
    /// Bytes searched so far.
    case progress(byteCount: Int)
    /// What the search took, at its end.
    case statistics(LogStatistics)
    case heartbeat

    /// Throws what is an error, also the server's own.
    init(_ bytes: [UInt8]) throws(CommandFailure) {
        guard !bytes.isEmpty else {
            self = .heartbeat
            return
        }
        let parsed = try? JSONSerialization.jsonObject(with: Data(bytes))
        guard let object = parsed as? [String: Any] else {
            let text = String(decoding: bytes.prefix(120), as: UTF8.self)
            throw CommandFailure("the server sent something else than lines: \(text)")
        }
        if let error = object["error"] as? String { throw CommandFailure(error) }
        if let warning = object["warning"] as? String {
            self = .warning(warning)
        } else if let text = object["gap"] as? String, let nanos = Int64(text) {
            self = .gap(nanos)
        } else if let progress = object["progress"] as? [String: Int] {
            self = .progress(byteCount: progress["bytes"] ?? 0)
        } else if let numbers = object["stats"] as? [String: Any] {
            self = .statistics(
                LogStatistics(
                    byteCount: numbers["bytes"] as? Int ?? 0,
                    lineCount: numbers["lines"] as? Int ?? 0,
                    micros: numbers["micros"] as? Int ?? 0,
                    isComplete: numbers["complete"] as? Bool ?? false))
        } else if let text = object["ts"] as? String, let nanos = Int64(text),
            let line = object["line"] as? String
        {
            let labels = object["labels"] as? [String: String] ?? [:]
            self = .entry(
                LogEntry(
                    nanos: nanos, line: line, labels: labels, group: object["group"] as? Int))
        } else {
            throw CommandFailure("the server sent a line without its time")
        }
    }
}

/// Reads a finished result from the server.
struct LogFetch: Sendable {
    let client: ServerClient
    let parameters: [(String, String)]
    /// Where to say how far it is, if anywhere.
    var progress: Progress?

    /// The lines in the order of the server: newest first unless the parameters say otherwise.
    func collect() async throws(CommandFailure) -> [LogEntry] {
        let entries = Collected()
        try await lines(parameters) { entries.add($0) }
        return entries.all
    }

    /// The same, and why lines may lack, which is not said to anybody.
    func collectQuietly() async throws(CommandFailure) -> (entries: [LogEntry], missing: [String]) {
        let entries = Collected()
        let missing = Mutex<[String]>([])
        try await lines(parameters, warn: { sentence in missing.withLock { $0.append(sentence) } })
        {
            entries.add($0)
        }
        return (entries.all, missing.withLock { $0 })
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
        _ parameters: [(String, String)],
        warn: @escaping @Sendable (String) -> Void = { Terminal.warn([$0]) },
        _ body: @escaping @Sendable (LogEntry) -> Void
    ) async throws(CommandFailure) {
        let failure = FailureSlot()
        let progress = progress
        let asked = parameters + (progress == nil ? [] : [("progress", "1")])
        try await client.stream("/api/v1/logs/stream", asked) { bytes in
            do throws(CommandFailure) {
                switch try LogMessage(bytes) {
                case .entry(let entry):
                    progress?.countItem()
                    body(entry)
                case .warning(let sentence):
                    progress?.erase()
                    warn(sentence)
                case .progress(let byteCount): progress?.set(byteCount: byteCount)
                case .statistics(let statistics):
                    progress?.erase()
                    Terminal.complain(statistics.text)
                case .gap, .heartbeat: break
                }
                return true
            } catch {
                failure.set(error)
                return false
            }
        }
        if let error = failure.value { throw error }
    }
}
