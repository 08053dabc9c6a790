/// Lines around matches, of the same stream: each match asks for its neighbours in time.
struct LogContext: Sendable {
    let client: ServerClient
    let before: Int
    let after: Int

    /// Lines with the time of a match among which it is looked for.
    private static let tiesMax = 200
    /// Labels by which a stream is found again; the others may come from the line itself.
    private static let streamLabels = ["host", "app", "severity", "facility", "source"]

    /// `matches`: newest first. The groups are oldest first, neighbours that touch are one.
    func groups(around matches: [LogEntry]) async throws(CommandFailure) -> [[LogEntry]] {
        var groups: [[LogEntry]] = []
        for match in matches.reversed() {
            let window = try await window(around: match)
            if let last = groups.indices.last, let overlap = overlap(groups[last], window) {
                groups[last] += window.dropFirst(overlap)
            } else {
                groups.append(window)
            }
        }
        return groups
    }

    private func window(around match: LogEntry) async throws(CommandFailure) -> [LogEntry] {
        let selector = selector(of: match)
        let earlier = try await fetch(
            selector, [("start", "0"), ("end", "\(match.nanos + 1)")], "backward", before)
        let later = try await fetch(
            selector, [("start", "\(match.nanos)"), ("end", "\(Int64.max)")], "forward", after)
        let head = earlier.firstIndex { $0.line == match.line && $0.nanos == match.nanos }
        let tail = later.lastIndex { $0.line == match.line && $0.nanos == match.nanos }
        let lead = head.map { Array(earlier[($0 + 1)...].prefix(before)) } ?? []
        let rest = tail.map { Array(later[($0 + 1)...].prefix(after)) } ?? []
        return lead.reversed() + [match] + rest
    }

    private func fetch(
        _ selector: String, _ span: [(String, String)], _ direction: String, _ count: Int
    ) async throws(CommandFailure) -> [LogEntry] {
        guard count > 0 else { return [] }
        let parameters =
            [
                ("query", selector), ("direction", direction),
                ("limit", "\(count + 1 + Self.tiesMax)"),
            ] + span
        let search = LogFetch(client: client, parameters: parameters)
        return try await search.collect()
    }

    private func selector(of entry: LogEntry) -> String {
        let pairs = Self.streamLabels.compactMap { name in
            entry.labels[name].map { "\(name)=\(quoted($0))" }
        }
        return "{\(pairs.joined(separator: ", "))}"
    }

    private func quoted(_ text: String) -> String {
        let escaped = text.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }
        return "\"\(escaped.joined())\""
    }

    /// How many lines at the start of `window` the group ends with; nil when they do not touch.
    private func overlap(_ group: [LogEntry], _ window: [LogEntry]) -> Int? {
        for count in stride(from: min(group.count, window.count), to: 0, by: -1)
        where group.suffix(count).elementsEqual(window.prefix(count)) {
            return count
        }
        return nil
    }
}
