import Encoding
import Ingest
import Model

/// An aggregator whose flush is read as text: `name{labels} value`.
enum StatsdFixture {
    static func options(_ change: (inout StatsdOptions) -> Void = { _ in }) -> StatsdOptions {
        var options = StatsdOptions()
        change(&options)
        return options
    }

    /// What one datagram leaves, and why what it does not.
    struct Outcome: Equatable, CustomStringConvertible {
        var series: [String]
        var reasons: [StatsdReason: Int]

        var description: String { "\(series) \(reasons)" }
    }

    static func run(
        _ datagrams: [[UInt8]], _ options: StatsdOptions = StatsdOptions(), isSlow: Bool = false,
        end: Int64 = 10_000_000_000
    ) -> Outcome {
        var aggregator = StatsdAggregator(options: options, seed: 42)
        for bytes in datagrams {
            if isSlow {
                aggregator.takeSlowly(bytes, ranges: [0..<bytes.count], arrivedNanos: 5)
            } else {
                aggregator.take(bytes, ranges: [0..<bytes.count], arrivedNanos: 5)
            }
        }
        let batches = aggregator.flush(endNanos: end)
        return Outcome(series: describe(batches), reasons: reasons(aggregator.figures))
    }

    static func run(
        _ text: String, _ options: StatsdOptions = StatsdOptions(), isSlow: Bool = false
    ) -> Outcome {
        run([Array(text.utf8)], options, isSlow: isSlow)
    }

    static func reasons(_ figures: StatsdFigures) -> [StatsdReason: Int] {
        var result: [StatsdReason: Int] = [:]
        for reason in StatsdReason.allCases where figures[reason] > 0 {
            result[reason] = figures[reason]
        }
        return result
    }

    /// Everything in `batches`, one line each, sorted.
    static func describe(_ batches: [WriteBatch]) -> [String] {
        var lines: [String] = []
        for batch in batches {
            func name(_ index: UInt32) -> String {
                guard let labels = batch.series[Int(index)].labels else { return "?" }
                let rest = labels.withoutMetricName
                return labels.metricName + (rest.isEmpty ? "" : "\(rest)")
            }
            let increments = batch.increments
            for i in 0..<increments.count {
                let kind =
                    switch increments.kinds[i] {
                    case .counter: "+="
                    case .gaugeSet: "="
                    case .gaugeAdd: "±="
                    }
                let time = increments.timestamps[i]
                let at =
                    time % 10_000_000_000 == 0 && time < 1_000_000_000_000_000 ? "" : " @\(time)"
                lines.append(
                    "\(name(increments.seriesIndexes[i])) \(kind) \(increments.values[i])\(at)")
            }
            for i in 0..<batch.samples.count {
                let series = name(batch.samples.seriesIndexes[i])
                lines.append(
                    "\(series) sample \(batch.samples.values[i]) @\(batch.samples.timestamps[i])")
            }
            for sample in batch.histogramIncrements {
                let h = sample.histogram
                lines.append(
                    "\(name(sample.seriesIndex)) h\(h.schema) n=\(h.count) sum=\(h.sum)"
                        + " zero=\(h.zeroCount) \(h.positive.indexes)\(h.positive.counts)"
                        + (h.negative.isEmpty
                            ? "" : " -\(h.negative.indexes)\(h.negative.counts)"))
            }
            for set in batch.setIncrements {
                let hash =
                    set.registers.isEmpty
                    ? 0 : StableHash.hash64(set.registers, seed: 0)
                lines.append(
                    "\(name(set.seriesIndex)) set \(set.members.count) \(set.members) \(hash)")
            }
            for i in 0..<batch.lines.count {
                let text = String(
                    decoding: batch.lines.bytes[batch.lines.lineRange(i)], as: UTF8.self)
                let metadata = Labels(
                    canonical: Array(batch.lines.metadataBytes[batch.lines.metadataRange(i)]))
                lines.append("line @\(batch.lines.timestamps[i]) \(text) \(metadata)")
            }
        }
        return lines.sorted()
    }
}
