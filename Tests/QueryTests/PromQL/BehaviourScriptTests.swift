import Foundation
import Model
import Query
import Testing

/// Runs every script of Tests/QueryTests/Scripts/PromQL.
@Suite struct BehaviourScriptTests {
    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Scripts/PromQL")

    static let names: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".test") }.sorted()

    @Test func thereAreScripts() { #expect(Self.names.count > 10) }

    /// On one node, and where other nodes hold most series and reduce them.
    @Test(arguments: names, [false, true])
    func scriptHolds(name: String, isSpread: Bool) async throws {
        let url = Self.folder.appendingPathComponent(name)
        let text = try String(contentsOf: url, encoding: .utf8)
        let script = try BehaviourScript(text: text)
        #expect(!script.steps.isEmpty)
        for step in script.steps {
            let place = "\(name):\(step.line)\(isSpread ? " spread" : ""): \(step.text)"
            let querier: any Querier = isSpread ? SpreadQuerier(step.store) : step.store
            switch step.query {
            case .failure(let nanos): await expectFailure(step, querier, nanos, place)
            case .instant(let nanos, let isOrdered):
                await expectInstant(step, querier, nanos, isOrdered: isOrdered, place)
            case .range(let start, let end, let interval):
                await expectRange(step, querier, start, end, interval, place)
            }
        }
    }

    private let engine = PromQLEngine()

    private func expectFailure(
        _ step: BehaviourScript.Step, _ querier: any Querier, _ nanos: Int64, _ place: String
    ) async {
        do {
            let answer = try await engine.instant(
                step.text, at: Timestamp(nanos: nanos), tenant: .standard, querier: querier,
                budget: QueryBudget())
            Issue.record("\(place): no error but \(answer.value)")
        } catch {
            for row in step.rows {
                #expect("\(error)".contains(row), "\(place): \(error)")
            }
        }
    }

    private func expectInstant(
        _ step: BehaviourScript.Step, _ querier: any Querier, _ nanos: Int64, isOrdered: Bool,
        _ place: String
    ) async {
        do {
            let answer = try await engine.instant(
                step.text, at: Timestamp(nanos: nanos), tenant: .standard, querier: querier,
                budget: QueryBudget())
            let wanted = try expected(step.rows)
            expectNotes(answer, wanted, place)
            let got = InstantRows.rows(of: answer.value)
            expectRows(got, wanted.rows, isOrdered: isOrdered, place)
        } catch {
            Issue.record("\(place): \(error)")
        }
    }

    private func expectRange(
        _ step: BehaviourScript.Step, _ querier: any Querier, _ start: Int64, _ end: Int64,
        _ interval: Int64,
        _ place: String
    ) async {
        do {
            let answer = try await engine.range(
                step.text, start: Timestamp(nanos: start), end: Timestamp(nanos: end),
                stepNanos: interval, tenant: .standard, querier: querier,
                budget: QueryBudget())
            let wanted = try expected(step.rows)
            expectNotes(answer, wanted, place)
            guard case .matrix(let matrix) = answer.value else {
                Issue.record("\(place): not a matrix")
                return
            }
            let times = Array(stride(from: start, through: end, by: Int(interval)))
                .map { $0 / 1_000_000 }
            let got = matrix.map { InstantRows.row($0, at: times) }
            expectRows(got, wanted.rows, isOrdered: false, place)
            #expect(matrix.map(\.labels) == matrix.map(\.labels).sorted(), "\(place): order")
        } catch {
            Issue.record("\(place): \(error)")
        }
    }

    private struct Expected {
        var rows: [InstantRows.Row] = []
        var warnings: [String] = []
        var infos: [String] = []
    }

    private func expected(_ lines: [String]) throws -> Expected {
        var result = Expected()
        for line in lines {
            if line.hasPrefix("! ") {
                result.warnings.append(String(line.dropFirst(2)))
            } else if line.hasPrefix("? ") {
                result.infos.append(String(line.dropFirst(2)))
            } else if line.hasPrefix("string ") {
                result.rows.append(
                    InstantRows.Row(key: String(line.dropFirst(7)), values: []))
            } else if line.hasPrefix("scalar ") {
                let values = try SampleText.values(String(line.dropFirst(7)))
                result.rows.append(InstantRows.Row(key: "scalar", values: values))
            } else {
                let (labels, rest) = try BehaviourScript.series(line)
                let values = try SampleText.values(rest)
                result.rows.append(
                    InstantRows.Row(key: labels.description, values: values))
            }
        }
        return result
    }

    private func expectNotes(_ answer: QueryAnswer, _ wanted: Expected, _ place: String) {
        // Most scripts do not care whether metrics are named like counters.
        let isCounterInfo: (String) -> Bool = { $0.contains("might not be a counter") }
        let infos =
            wanted.infos.contains(where: isCounterInfo)
            ? answer.infos : answer.infos.filter { !isCounterInfo($0) }
        for (got, want) in [(answer.warnings, wanted.warnings), (infos, wanted.infos)] {
            #expect(got.count == want.count, "\(place): \(got)")
            for words in want {
                #expect(got.contains { $0.contains(words) }, "\(place): \(got)")
            }
        }
    }

    private func expectRows(
        _ got: [InstantRows.Row], _ wanted: [InstantRows.Row], isOrdered: Bool, _ place: String
    ) {
        let left = isOrdered ? got : got.sorted { $0.key < $1.key }
        let right = isOrdered ? wanted : wanted.sorted { $0.key < $1.key }
        let isSame =
            left.count == right.count
            && zip(left, right).allSatisfy { InstantRows.isClose($0, $1) }
        #expect(isSame, "\(place)\n  got  \(left)\n  want \(right)")
    }
}

/// Results as rows of labels and values, compared to rounding.
enum InstantRows {
    struct Row: CustomStringConvertible {
        var key: String
        var values: [SampleValue?]
        var description: String {
            key + " "
                + values.map { value in
                    switch value {
                    case nil: "_"
                    case .float(let float): "\(float)"
                    case .histogram(let histogram): "\(histogram)"
                    }
                }.joined(separator: " ")
        }
    }

    static func rows(of value: QueryValue) -> [Row] {
        switch value {
        case .scalar(_, let value): [Row(key: "scalar", values: [.float(value)])]
        case .string(_, let text): [Row(key: "\"\(text)\"", values: [])]
        case .vector(let samples):
            samples.map { Row(key: $0.labels.description, values: [$0.value]) }
        case .matrix(let series):
            series.map { item in
                Row(
                    key: item.labels.description,
                    values: item.values.map { .float($0) }
                        + item.histograms.map { .histogram($0) })
            }
        case .streams: []
        }
    }

    static func row(_ series: MatrixSeries, at times: [Int64]) -> Row {
        Row(
            key: series.labels.description,
            values: times.map { time in
                if let place = series.timestampsMillis.firstIndex(of: time) {
                    return .float(series.values[place])
                }
                return series.histogramTimestampsMillis.firstIndex(of: time).map {
                    .histogram(series.histograms[$0])
                }
            })
    }

    static func isClose(_ a: Row, _ b: Row) -> Bool {
        a.key == b.key && a.values.count == b.values.count
            && zip(a.values, b.values).allSatisfy(isClose)
    }

    private static func isClose(_ a: SampleValue?, _ b: SampleValue?) -> Bool {
        switch (a, b) {
        case (nil, nil): true
        case (.float(let x)?, .float(let y)?): isClose(x, y)
        case (.histogram(let x)?, .histogram(let y)?):
            x.schema == y.schema && isClose(x.count, y.count) && isClose(x.sum, y.sum)
                && isClose(x.zeroCount, y.zeroCount)
                && isClose(x.zeroThreshold, y.zeroThreshold)
                && x.customBounds == y.customBounds && isClose(x.positive, y.positive)
                && isClose(x.negative, y.negative)
                && (y.resetHint == .unknown || x.resetHint == y.resetHint)
        default: false
        }
    }

    private static func isClose(_ a: Histogram.Buckets, _ b: Histogram.Buckets) -> Bool {
        func solid(_ buckets: Histogram.Buckets) -> [(Int32, Double)] {
            Array(zip(buckets.indexes, buckets.counts)).filter { $0.1 != 0 }
        }
        return solid(a).count == solid(b).count
            && zip(solid(a), solid(b)).allSatisfy { $0.0 == $1.0 && isClose($0.1, $1.1) }
    }

    static func isClose(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        if a == b { return true }
        return abs(a - b) <= 1e-10 * max(abs(a), abs(b))
    }
}
