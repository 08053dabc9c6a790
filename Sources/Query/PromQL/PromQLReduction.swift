internal import Encoding
internal import Model

/// The part of a query that is worked out where its series are: leaf jobs over one selector that
/// all fold. A plan is the query's text with the grid and options that it is evaluated under, and
/// which jobs of it are meant; the other side reads the text and finds the same jobs.
/// Layout in docs/format/reduction.md.
struct PromQLReduction {
    static let formatVersion: UInt8 = 1
    /// Steps of a plan's grids: above any `query.steps_max` and `query.subquery_steps_max`.
    static let stepCountMax = 1 << 26
    static let jobCountMax = 4_096
    static let partByteCountGoal = 1 << 20

    var text: [UInt8]
    var grid: StepGrid
    var context: PromQLContext
    var keys: [LeafJob.Key]

    /// Nil when one of the jobs is not such a part: it needs series, or values of other jobs.
    init?(_ jobs: [LeafJob], of text: [UInt8], _ grid: StepGrid, _ context: PromQLContext) {
        guard jobs.allSatisfy(\.isReducible), jobs.count <= PromQLReduction.jobCountMax else {
            return nil
        }
        self.text = text
        self.grid = grid
        self.context = context
        keys = jobs.map(\.key)
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(QueryReducers.Language.promQL.rawValue)
        writer.u8(PromQLReduction.formatVersion)
        writer.lengthPrefixed(text)
        writer.grid(grid)
        writer.i64(context.startNanos)
        writer.i64(context.endNanos)
        writer.i64(context.lookbackNanos)
        writer.i64(context.subqueryStepNanos)
        writer.varint(UInt64(context.subqueryStepsMax))
        writer.varint(UInt64(keys.count))
        for key in keys {
            writer.varint(UInt64(key.range.lowerBound))
            writer.varint(UInt64(key.range.count))
            writer.grid(key.grid)
        }
        return writer.bytes
    }

    /// Reads what follows the language. Errors: `EncodingError`.
    init(_ reader: inout ByteReader) throws(EncodingError) {
        let version = try reader.u8()
        guard version == PromQLReduction.formatVersion else {
            throw .unsupportedVersion(version)
        }
        text = Array(try reader.lengthPrefixed())
        grid = try reader.grid()
        let start = try reader.i64()
        let end = try reader.i64()
        let lookback = try reader.i64()
        let subqueryStep = try reader.i64()
        let stepsMax = try reader.count(limit: PromQLReduction.stepCountMax)
        guard lookback >= 0, subqueryStep > 0 else {
            throw .corrupt(what: "options", offset: reader.offset)
        }
        context = PromQLContext(
            startNanos: start, endNanos: end, lookbackNanos: lookback,
            subqueryStepNanos: subqueryStep, subqueryStepsMax: stepsMax,
            stepNanos: grid.resolutionNanos, nowNanos: 0)
        keys = []
        for _ in 0..<(try reader.count(limit: PromQLReduction.jobCountMax)) {
            let low = try reader.count(limit: text.count)
            let count = try reader.count(limit: text.count - low)
            keys.append(.init(range: low..<low + count, grid: try reader.grid()))
        }
        guard reader.isAtEnd else { throw .corrupt(what: "end", offset: reader.offset) }
    }

    /// The jobs meant, in the order of `keys`; nil when this version finds others in the text.
    func jobs() -> [LeafJob]? {
        var collector = LeafCollector(context: context)
        do throws(QueryError) {
            let expr = try DurationResolver(context, text: text)
                .resolve(try PromQLParser.parse(String(decoding: text, as: UTF8.self)))
            try collector.collect(expr, grid)
        } catch {
            return nil
        }
        let found = keys.compactMap { key in
            collector.jobs.first { $0.key == key && $0.isReducible }
        }
        return found.count == keys.count ? found : nil
    }

    /// Takes in a part of a partial result: `sinks` are those of the jobs, in the same order.
    static func merge(_ part: [UInt8], into sinks: [LeafSink]) throws {
        var reader = ByteReader(part)
        while !reader.isAtEnd {
            let job = try reader.count(limit: sinks.count - 1)
            try sinks[job].merge(&reader)
        }
    }
}

extension LeafJob {
    /// Whether groups come out of it whose parts can be put together, without values that other
    /// pieces of the query bring.
    var isReducible: Bool {
        guard fold != nil else { return false }
        switch source {
        case .instant: return true
        case .infoTimestamps, .valueCounts: return false
        case .window(let function, _, let parameters):
            // Histograms are not among what comes back.
            return parameters.isEmpty && function != .predictLinear && function != .histogram
        }
    }
}

/// Works out the jobs of a plan on the node that has the series.
final class PromQLReducer: Reducer {
    private let sinks: [LeafSink]
    private let budget: QueryBudget

    /// Errors: `EncodingError`. Nil for a plan that is not known here.
    init?(_ reader: inout ByteReader, budget: QueryBudget) throws(EncodingError) {
        let reduction = try PromQLReduction(&reader)
        guard let jobs = reduction.jobs() else { return nil }
        // Numbers alone bring no annotations that who asked does not make itself.
        let annotations = PromQLAnnotations(text: reduction.text)
        sinks = jobs.map {
            LeafSink($0, parameters: [], annotations: annotations, budget: budget)
        }
        self.budget = budget
    }

    /// Series with histograms go back: what they are worth a word about is said where the query is.
    func add(_ batch: [SeriesData]) throws -> [SeriesData] {
        try budget.check()
        var rest: [SeriesData] = []
        for series in batch {
            guard series.histograms.isEmpty else {
                rest.append(series)
                continue
            }
            for sink in sinks { try sink.consume(series) }
        }
        return rest
    }

    func add(_ data: LineData) throws -> Bool {
        preconditionFailure("BUG: lines for PromQL")
    }

    func finish(_ send: ([UInt8]) throws -> Void) throws {
        var writer = ByteWriter()
        for (job, sink) in sinks.enumerated() {
            for group in 0..<sink.groupCount {
                writer.varint(UInt64(job))
                sink.write(group: group, to: &writer)
                if writer.count >= PromQLReduction.partByteCountGoal {
                    try send(writer.bytes)
                    writer.removeAll()
                }
            }
        }
        if writer.count > 0 { try send(writer.bytes) }
    }
}

extension ByteWriter {
    fileprivate mutating func grid(_ grid: StepGrid) {
        i64(grid.startNanos)
        i64(grid.stepNanos)
        varint(UInt64(grid.count))
    }
}

extension ByteReader {
    fileprivate mutating func grid() throws(EncodingError) -> StepGrid {
        let start = try i64()
        let step = try i64()
        let count = try count(limit: PromQLReduction.stepCountMax)
        // All instants are within what a timestamp can say.
        let (span, isFar) = step.multipliedReportingOverflow(by: Int64(max(0, count - 1)))
        guard count > 0, step >= 0, step > 0 || count == 1, !isFar,
            !start.addingReportingOverflow(span).overflow
        else { throw .corrupt(what: "grid", offset: offset) }
        return StepGrid(startNanos: start, stepNanos: step, count: count)
    }
}
