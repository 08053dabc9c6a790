import Encoding
import Model
import Simulator

@testable import Cluster

/// Random questions, series and lines, from a seed.
struct ReadSamples {
    var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &random)
    }

    mutating func word() -> String {
        ["a", "job", "host-1", "größe", "x\"y", ""][number(0...5)]
    }

    mutating func labels() -> Labels {
        var builder = LabelsBuilder()
        for _ in 0..<number(0...4) { builder.set("l\(number(0...5))", "v\(number(0...9))") }
        return builder.build()
    }

    mutating func selector() throws -> Selector {
        var alternatives: [[Matcher]] = []
        for _ in 0..<number(0...3) {
            var matchers: [Matcher] = []
            for _ in 0..<number(0...3) {
                let operations: [Matcher.Operation] = [.equal, .notEqual, .matches, .notMatches]
                let operation = operations[number(0...3)]
                let value = operation == .matches || operation == .notMatches ? "a.*|b" : word()
                matchers.append(try Matcher(word(), operation, value))
            }
            alternatives.append(matchers)
        }
        return Selector(alternatives: alternatives)
    }

    mutating func range() throws -> ReadQuestion.ReadRange {
        let start = Timestamp(nanos: Int64(number(-1_000...1_000)))
        return .init(selector: try selector(), start: start, end: .distantFuture)
    }

    mutating func filters() throws -> [LineFilter] {
        var filters: [LineFilter] = []
        for _ in 0..<number(0...3) {
            var patterns: [LineFilter.Pattern] = []
            for _ in 0..<number(0...3) {
                switch number(0...2) {
                case 0: patterns.append(.contains(Array("Error".utf8)))
                case 1: patterns.append(.containsFolded(Array("error".utf8)))
                default:
                    patterns.append(
                        .matches(try RegularExpression("e.r", foldsCase: number(0...1) == 1)))
                }
            }
            filters.append(LineFilter(patterns, negated: number(0...1) == 1))
        }
        return filters
    }

    mutating func question() throws -> ReadQuestion {
        let subject: ReadQuestion.Subject
        let limit = number(0...1) == 0 ? nil : number(0...1_000)
        switch number(0...6) {
        case 0: subject = .series(try range(), plan: number(0...1) == 0 ? nil : [1, 2, 3])
        case 1:
            let order: LineRequest.Order = [.any, .forward, .backward][number(0...2)]
            subject = .lines(
                try range(), .init(filters: try filters(), order: order, limit: limit),
                plan: number(0...1) == 0 ? nil : Array("plan".utf8))
        case 2: subject = .labels(.names, .metrics, try range(), limit: limit)
        case 3: subject = .labels(.values(word()), .logs, try range(), limit: limit)
        case 4: subject = .labels(.sets, .metrics, try range(), limit: limit)
        case 5: subject = .metadata(metric: number(0...1) == 0 ? nil : word())
        default: subject = .follow
        }
        var question = ReadQuestion(
            tenant: .standard, shards: (0..<16).filter { _ in number(0...1) == 0 },
            stalenessMillis: [0, 10_000, .max][number(0...2)], subject: subject)
        question.rest.millis = UInt32(number(0...1_000_000))
        question.rest.samples = number(0...1_000_000)
        question.rest.bytes = number(0...1_000_000)
        return question
    }

    mutating func column(_ count: Int, isRegular: Bool) -> TimestampColumn {
        var nanos: [Int64] = []
        var next = Int64(number(-1_000...1_000))
        for _ in 0..<count {
            nanos.append(next)
            next += isRegular ? 10_000 : Int64(number(1...20_000))
        }
        return count == 0 ? .empty : TimestampColumn(nanos)
    }

    mutating func value() -> Double {
        switch number(0...9) {
        case 0: Double(bitPattern: 0x7ff0_0000_0000_0002)
        case 1: -0.0
        case 2: Double(nan: 0x123, signaling: false)
        default: Double(number(-1_000...1_000)) / 8
        }
    }

    mutating func histogram() -> Histogram {
        var histogram = Histogram(schema: Int32(number(-4...8)), count: 4, sum: value())
        histogram.positive = .init(indexes: [-3, 0, 9], counts: [1, 2.5, value()])
        if number(0...3) == 0 {
            histogram = Histogram(schema: -53, resetHint: .gauge)
            histogram.customBounds = [0.5, 1, .infinity]
        }
        return histogram
    }

    /// Some share a column with the one before.
    mutating func series(_ count: Int, samplesMax: Int = 40) -> [SeriesData] {
        var all: [SeriesData] = []
        var shared = column(number(1...samplesMax), isRegular: number(0...1) == 0)
        for index in 0..<count {
            if number(0...3) == 0 {
                shared = column(number(0...samplesMax), isRegular: number(0...1) == 0)
            }
            var labels = LabelsBuilder(self.labels())
            labels.set("n", "\(index)")
            let set = labels.build()
            let histogramCount = number(0...3) == 0 ? number(1...5) : 0
            var data = SeriesData(
                id: SeriesID(tenant: .standard, labels: set), labels: set, timestamps: shared,
                values: shared.nanos.map { _ in value() },
                histogramTimestamps: column(histogramCount, isRegular: false),
                histograms: (0..<histogramCount).map { _ in histogram() })
            data.isRising = number(0...1) == 0
            all.append(data)
        }
        return all
    }

    mutating func lines() -> LineData {
        var data = LineData(streams: [], lines: LineColumns())
        for stream in 0..<number(1...3) {
            data.streams.append(
                SeriesReference(tenant: .standard, labels: Labels([("s", "\(stream)")])))
        }
        for row in 0..<number(1...20) {
            let metadata = number(0...2) == 0 ? Labels([("trace", "\(row)")]).bytes : []
            data.lines.append(
                streamIndex: UInt32(number(0...data.streams.count - 1)), timestamp: Int64(row),
                line: Array("line \(row) \(word())".utf8)[...], metadata: metadata[...])
        }
        return data
    }

    /// One part of every kind, as bytes.
    mutating func parts() -> [[UInt8]] {
        let charges = ReadCharges(samples: number(0...99), series: 3, bytes: number(0...9_999))
        let data = lines()
        var batch = WriteBatch(tenant: .standard)
        batch.streams = data.streams
        batch.lines = data.lines
        var all = [
            ReadPart.opening([UnreadShard(shard: 3, reason: "it is not here")]),
            ReadPart.lines(data, tenant: .standard, charges),
            ReadPart.strings(["a", "größe", ""], charges),
            ReadPart.labelSets([labels(), labels()], charges),
            ReadPart.metadata([
                MetricMetadata(metric: "m", kind: .counter, help: "What.", unit: "s")
            ]),
            ReadPart.entry(FollowedEntry(shard: 2, index: 77, batch: batch)),
        ]
        var packer = SeriesPiece.Packer { charges }
        for series in series(6) { packer.add(series) { all.append($0) } }
        packer.finish { all.append($0) }
        return all
    }
}

/// What of a series must be the same on both sides of a wire, bit for bit.
struct SeriesImage: Equatable {
    var labels: Labels
    var nanos: [Int64]
    var bits: [UInt64]
    var histogramNanos: [Int64]
    var histograms: [[UInt8]]
    var isRising: Bool

    init(_ data: SeriesData) {
        labels = data.labels
        nanos = data.timestamps.nanos
        bits = data.values.map(\.bitPattern)
        histogramNanos = data.histogramTimestamps.nanos
        histograms = data.histograms.map { histogram in
            var writer = ByteWriter()
            HistogramCodec.write(histogram, to: &writer)
            return writer.bytes
        }
        isRising = data.isRising
    }
}
