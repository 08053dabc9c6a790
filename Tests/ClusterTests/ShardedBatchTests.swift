import Cluster
import Model
import Platform
import Simulator
import Testing

/// A batch whose series and streams belong to many shards.
@Suite struct ShardedBatchTests {
    private static func batch(_ step: Int) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for number in 0..<60 {
            let labels = Labels([("__name__", "m"), ("n", String(number))])
            batch.series.append(SeriesReference(tenant: .standard, labels: labels))
            batch.streams.append(SeriesReference(tenant: .standard, labels: labels))
        }
        // The first steps have each series once in order, later ones some twice and backwards.
        let order = step < 2 ? Array(0..<60) : (0..<120).map { (119 - $0) / 2 }
        for (place, number) in order.enumerated() {
            let time = Int64(step * 1_000 + place)
            batch.samples.append(
                seriesIndex: UInt32(number), timestamp: time, value: Double(number))
            batch.lines.append(
                streamIndex: UInt32(number), timestamp: time, line: Array("l\(number)".utf8)[...])
        }
        return batch
    }

    @Test func everySampleAndLineKeepsItsSeries() async throws {
        var configuration = NodeConfiguration()
        configuration.shardCount = 7
        configuration.retentionNanos = nil
        let node = try Node.start(
            configuration,
            in: Node.Surroundings(
                disk: SimulatedDisk(seed: 4), time: ManualTime(), timers: ManualTime(),
                random: SeededRandom(seed: 1), telemetry: Telemetry(), onFatal: { _ in }))
        for step in 0..<4 { _ = try await node.appender.append(Self.batch(step)) }
        var samples: [String: Int] = [:]
        let all = SeriesRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            budget: QueryBudget())
        _ = try await node.querier.selectSeries(all) { found in
            for series in found {
                let number = series.labels["n"] ?? ""
                samples[number, default: 0] += series.values.count
                #expect(series.values.allSatisfy { $0 == Double(number) })
            }
        }
        #expect(samples.count == 60)
        #expect(samples.values.allSatisfy { $0 == 6 })
        var lines = 0
        let request = LineRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            budget: QueryBudget())
        _ = try await node.querier.selectLines(request) { data in
            for row in 0..<data.lines.count {
                let stream = data.streams[Int(data.lines.streamIndexes[row])]
                let text = String(
                    decoding: data.lines.bytes[data.lines.lineRange(row)], as: UTF8.self)
                #expect(text == "l" + (stream.labels?["n"] ?? ""))
                lines += 1
            }
            return true
        }
        #expect(lines == 360)
        node.stop()
    }
}
