import Model
import Simulator
import Testing

@testable import Cluster

/// What the tests of reading write and ask, and answers in a form that can be compared.
enum ReadData {
    static let epoch: Int64 = 1_750_000_000_000_000_000

    /// Series, lines and metadata. Timestamps of lines are unique when `hasTies` is false.
    static func fill(_ cluster: ReadCluster, seed: UInt64, hasTies: Bool = false) throws {
        var samples = ReadSamples(seed: seed)
        var lineTimes = Array(0..<400).map { Int64($0) }
        lineTimes.shuffle(using: &samples.random)
        for round in 0..<4 {
            var batch = WriteBatch(tenant: .standard)
            for number in 0..<40 {
                let labels = Labels([
                    ("__name__", "m\(number % 3)"), ("n", "\(number)"), ("job", "j\(number % 7)"),
                ])
                batch.series.append(SeriesReference(tenant: .standard, labels: labels))
                if number % 9 == 0 {
                    batch.histograms.append(
                        HistogramSample(
                            seriesIndex: UInt32(number),
                            timestamp: epoch + Int64(200 + round) * 1_000_000_000,
                            histogram: samples.histogram()))
                }
                for step in 0..<samples.number(1...20) {
                    batch.samples.append(
                        seriesIndex: UInt32(number),
                        timestamp: epoch + Int64(round * 20 + step) * 1_000_000_000,
                        value: samples.value())
                }
            }
            for number in 0..<12 {
                let labels = Labels([("app", "a\(number)"), ("zone", "z\(number % 2)")])
                batch.streams.append(SeriesReference(tenant: .standard, labels: labels))
            }
            for place in 0..<100 {
                let time = hasTies ? Int64(place / 10) : lineTimes[round * 100 + place]
                let word = ["error", "warning", "Error 7"][samples.number(0...2)]
                batch.lines.append(
                    streamIndex: UInt32(samples.number(0...11)), timestamp: epoch + time,
                    line: Array("\(word) \(round)/\(place)".utf8)[...],
                    metadata: place % 5 == 0 ? Labels([("t", "\(place)")]).bytes[...] : [])
            }
            for number in 0..<3 {
                batch.metadata.append(
                    MetricMetadata(metric: "m\(number)", kind: .gauge, help: "Of \(number)."))
            }
            try cluster.write(batch)
            if samples.number(0...1) == 0 {
                try cluster.seal(at: Timestamp(nanos: epoch + 100_000_000_000))
            }
        }
    }

    static func selector(_ samples: inout ReadSamples) throws -> Selector {
        switch samples.number(0...3) {
        case 0: .everything
        case 1: Selector([Matcher("__name__", equals: "m1")])
        case 2: Selector([try Matcher("job", .matches, "j[0-3]")])
        default:
            Selector(alternatives: [
                [Matcher("n", equals: "7")], [try Matcher("app", .notEqual, "a3")],
            ])
        }
    }

    static func series(
        _ querier: any Querier, _ selector: Selector, budget: QueryBudget = QueryBudget()
    ) async throws -> ([SeriesImage], Completeness) {
        var found: [SeriesData] = []
        let completeness = try await querier.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: selector, start: .distantPast,
                end: .distantFuture, budget: budget)
        ) { batch in
            #expect(zip(batch, batch.dropFirst()).allSatisfy { $0.labels < $1.labels })
            found += batch
        }
        found.sort { $0.labels < $1.labels }
        return (found.map(SeriesImage.init), completeness)
    }

    struct Line: Hashable {
        var nanos: Int64
        var text: String
        var metadata: [UInt8]
        var labels: Labels?
    }

    static func lines(
        _ querier: any Querier, _ request: LineRequest
    ) async throws -> ([Line], Completeness) {
        var found: [Line] = []
        let completeness = try await querier.selectLines(request) { data in
            found += rows(data.streams, data.lines)
            return true
        }
        return (found, completeness)
    }

    static func rows(_ streams: [SeriesReference], _ lines: LineColumns) -> [Line] {
        (0..<lines.count).map { row in
            Line(
                nanos: lines.timestamps[row],
                text: String(decoding: lines.bytes[lines.lineRange(row)], as: UTF8.self),
                metadata: Array(lines.metadataBytes[lines.metadataRange(row)]),
                labels: streams[Int(lines.streamIndexes[row])].labels)
        }
    }

    static func request(
        _ order: LineRequest.Order, limit: Int? = nil, selector: Selector = .everything,
        filters: [LineFilter] = [], budget: QueryBudget = QueryBudget()
    ) -> LineRequest {
        LineRequest(
            tenant: .standard, selector: selector, start: .distantPast, end: .distantFuture,
            filters: filters, order: order, limit: limit, budget: budget)
    }
}
