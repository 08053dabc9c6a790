internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Server

/// `varve query`: a PromQL expression as a table, or over time as a chart in the terminal.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Evaluate a PromQL expression.",
        discussion: """
            Prints a table of the values now, of all samples for a window like web_hits[5m], or \
            with --range a chart of the time before.
            Exit status: 0 something was found, 1 nothing, 2 an error.
            """)

    @OptionGroup var server: ServerOptions

    @Argument(help: "The expression, like 'rate(web_hits[5m])'.")
    var expression: String

    @Option(
        help: "Evaluate at this time: RFC 3339, unix seconds, or a duration ago. (default: now)")
    var time: String?

    @Option(help: "Evaluate over this long before --time, like 1h.")
    var range: String?

    @Option(help: "Time between points with --range. (default: fits the width)")
    var step: String?

    @Flag(help: "Print the server's JSON.")
    var json = false

    mutating func run() async throws {
        try await CommandExit.run {
            range == nil ? try await instant() : try await overTime()
        }
    }

    private func instant() async throws -> Bool {
        let (data, warnings) = try await get(
            "/api/v1/query", [("query", expression), ("time", timeText(try endNanos()))])
        Terminal.warn(warnings)
        if json { return try printJSON(data) }
        let result = PrometheusResult(data)
        guard !result.series.isEmpty else { return false }
        let names = result.labelNames
        let time = result.isMatrix ? ["TIME"] : []
        var table = TextTable(
            (names + time).map { ($0, TextTable.Alignment.left) } + [("VALUE", .right)])
        for series in result.series {
            let cells = names.map { series.labels[$0] ?? "" }
            for point in series.points {
                let time = TimeText.format(nanos: point.millis * 1_000_000, decimals: 3)
                table.add(cells + (result.isMatrix ? [time] : []) + [point.text])
            }
        }
        Terminal.print(table.lines)
        return true
    }

    private func overTime() async throws -> Bool {
        guard let text = range, let span = TimeText.duration(text), span > 0 else {
            throw CommandFailure("--range is \"\(range ?? "")\": a duration like 1h is allowed")
        }
        let end = try endNanos()
        let width = Terminal.width
        let stepNanos = try step.map(chosenStep) ?? fittingStep(span: span, width: width)
        let (data, warnings) = try await get(
            "/api/v1/query_range",
            [
                ("query", expression), ("start", timeText(end - span)), ("end", timeText(end)),
                ("step", "\(Double(stepNanos) / 1e9)"),
            ])
        Terminal.warn(warnings)
        if json { return try printJSON(data) }
        let result = PrometheusResult(data)
        guard !result.series.isEmpty else { return false }
        let chart = LineChart(
            series: result.series.map { series in
                LineChart.Series(
                    name: result.name(of: series),
                    points: series.points.map { ($0.millis, $0.number) })
            },
            startMillis: (end - span) / 1_000_000, endMillis: end / 1_000_000,
            gapMillis: stepNanos * 3 / 2 / 1_000_000, width: width, height: 16,
            usesColor: Terminal.isColorful)
        Terminal.print(chart.lines)
        return true
    }

    private func get(
        _ path: String, _ parameters: [(String, String)]
    ) async throws(CommandFailure) -> (data: Any, warnings: [String]) {
        let progress = Progress("querying")
        defer { progress?.end() }
        return try await server.client().get(path, parameters)
    }

    private func endNanos() throws(CommandFailure) -> Int64 {
        let now = SystemTime().wallNanos()
        guard let time else { return now }
        guard let nanos = TimeText.parseRelative(time, nowNanos: now) else {
            throw CommandFailure(
                "--time is \"\(time)\": RFC 3339, unix seconds or a duration ago is allowed")
        }
        return nanos
    }

    private func chosenStep(_ text: String) throws(CommandFailure) -> Int64 {
        guard let nanos = TimeText.duration(text), nanos > 0 else {
            throw CommandFailure("--step is \"\(text)\": a duration like 15s is allowed")
        }
        return nanos
    }

    /// Two dots to a character, a whole number of seconds.
    private func fittingStep(span: Int64, width: Int) -> Int64 {
        let raw = span / Int64(max(width - 12, 20) * 2)
        let second: Int64 = 1_000_000_000
        return max((raw + second - 1) / second * second, second)
    }

    private func timeText(_ nanos: Int64) -> String {
        let millis = nanos / 1_000_000
        let fraction = String(abs(millis % 1_000))
        let fill = String(repeating: "0", count: 3 - fraction.count)
        return "\(millis / 1_000).\(fill)\(fraction)"
    }

    private func printJSON(_ data: Any) throws -> Bool {
        let bytes = try JSONSerialization.data(
            withJSONObject: data, options: [.sortedKeys, .fragmentsAllowed])
        Terminal.print([String(decoding: bytes, as: UTF8.self)])
        return !PrometheusResult(data).series.isEmpty
    }
}
