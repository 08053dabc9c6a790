internal import Query
internal import Server

/// How many lines a query finds: in all, by where they come from, or over time.
struct HitCount: Sendable {
    let client: ServerClient
    let query: LogQLQuery
    /// ns; `end` is not in it.
    let start: Int64
    let end: Int64

    private struct Answer {
        var startNanos: Int64
        var stepNanos: Int64
        var rows: [(labels: [String: String], counts: [Int], total: Int)]
    }

    /// One number.
    func printTotal() async throws(CommandFailure) -> Bool {
        let total = try await ask().rows.reduce(0) { $0 + $1.total }
        Terminal.print(["\(total)"])
        return total > 0
    }

    /// `host app`, most lines first; with counts as `uniq -c` has them.
    func printSources(withCounts: Bool) async throws(CommandFailure) -> Bool {
        let rows = try await ask(("by", "host,app")).rows.filter { $0.total > 0 }
        let width = rows.map { "\($0.total)".count }.max() ?? 0
        for row in rows {
            let names = ["host", "app"].compactMap { row.labels[$0] }.filter { !$0.isEmpty }
            let source = names.isEmpty ? "(no host or app)" : names.joined(separator: " ")
            let number = "\(row.total)"
            let count = String(repeating: " ", count: width - number.count) + number + " "
            Terminal.print([(withCounts ? count : "") + SafeText.escaped(source, keepsLines: false)]
            )
        }
        return !rows.isEmpty
    }

    /// Columns over time, their scale at the left, the times below.
    func printHistogram(_ options: OutputOptions) async throws(CommandFailure) -> Bool {
        let columns = max(Terminal.width - 10, 10)
        let step = Self.niceStep(span: end - start, columnsMax: columns)
        // Whole steps, so that a column is the same an hour later.
        let first = start - ((start % step) + step) % step
        let answer = try await ask(
            ("start", "\(first)"), ("step", "\(Double(step) / 1e9)"))
        let counts = answer.rows.first?.counts ?? []
        let total = counts.reduce(0, +)
        guard total > 0 else { return false }
        let chart = ColumnChart(
            counts: counts, startMillis: first / 1_000_000, stepMillis: step / 1_000_000,
            height: 8, usesColor: options.isColorful)
        Terminal.print(
            chart.lines + [
                "\(total) \(total == 1 ? "line" : "lines"), a column is \(DurationWords.text(nanos: step))"
            ])
        return true
    }

    /// The shortest of the usual steps with which the span fits.
    static func niceStep(span: Int64, columnsMax: Int) -> Int64 {
        let seconds: [Int64] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600,
            43_200, 86_400, 172_800, 604_800,
        ]
        let second: Int64 = 1_000_000_000
        let fitting = seconds.first { span / ($0 * second) + 2 <= Int64(columnsMax) }
        return (fitting ?? span / Int64(columnsMax) / second / 604_800 * 604_800 + 604_800) * second
    }

    private func ask(_ changes: (String, String)...) async throws(CommandFailure) -> Answer {
        var parameters = [
            ("query", query.description), ("start", "\(start)"), ("end", "\(end)"),
        ]
        for change in changes {
            parameters.removeAll { $0.0 == change.0 }
            parameters.append(change)
        }
        let (data, warnings) = try await client.get("/api/v1/logs/hits", parameters)
        Terminal.warn(warnings)
        guard let object = data as? [String: Any], let hits = object["hits"] as? [[String: Any]],
            let startNanos = (object["start"] as? String).flatMap({ Int64($0) }),
            let stepNanos = (object["step"] as? String).flatMap({ Int64($0) })
        else { throw CommandFailure("the server sent something else than counts") }
        return Answer(
            startNanos: startNanos, stepNanos: stepNanos,
            rows: hits.map { hit in
                (
                    hit["labels"] as? [String: String] ?? [:], hit["counts"] as? [Int] ?? [],
                    hit["total"] as? Int ?? 0
                )
            })
    }
}
