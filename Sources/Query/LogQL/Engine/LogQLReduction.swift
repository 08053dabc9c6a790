internal import Encoding
internal import Model

/// A range aggregation that is worked out where its lines are. A plan is the query's text with the
/// grid and limits that it is evaluated under, which of its range aggregations is meant and how it
/// is grouped. Layout in docs/format/reduction.md.
struct LogQLReduction {
    /// New with each change of what a query means.
    static let formatVersion: UInt8 = 2
    static let stepCountMax = 1 << 26
    static let nameCountMax = 65_536
    static let partByteCountGoal = 1 << 20

    var text: String
    var grid: LogStepGrid
    var options: LogQLEngine.Options
    /// Which, from 0, as they stand in the text.
    var place: Int
    var grouping: LabelGrouping?

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(QueryReducers.Language.logQL.rawValue)
        writer.u8(LogQLReduction.formatVersion)
        writer.lengthPrefixed(Array(text.utf8))
        writer.i64(grid.startNanos)
        writer.i64(grid.stepNanos)
        writer.varint(UInt64(grid.count))
        writer.u8(grid.isInstant ? 1 : 0)
        writer.varint(UInt64(options.seriesMax))
        writer.varint(UInt64(options.pointsMax))
        writer.varint(UInt64(options.labelNamesMax))
        writer.varint(UInt64(place))
        writer.u8(grouping.map { $0.isWithout ? 2 : 1 } ?? 0)
        writer.varint(UInt64(grouping?.names.count ?? 0))
        for name in grouping?.names ?? [] { writer.lengthPrefixed(Array(name.utf8)) }
        return writer.bytes
    }

    /// Reads what follows the language. Errors: `EncodingError`.
    init(_ reader: inout ByteReader) throws(EncodingError) {
        let version = try reader.u8()
        guard version == LogQLReduction.formatVersion else {
            throw .unsupportedVersion(version)
        }
        text = try reader.name()
        let start = try reader.i64()
        let step = try reader.i64()
        let count = try reader.count(limit: LogQLReduction.stepCountMax)
        let (span, isFar) = step.multipliedReportingOverflow(by: Int64(count))
        guard count > 0, step > 0, !isFar, !start.addingReportingOverflow(span).overflow else {
            throw .corrupt(what: "grid", offset: reader.offset)
        }
        grid = LogStepGrid(
            startNanos: start, stepNanos: step, count: count, isInstant: try reader.u8() != 0)
        options = LogQLEngine.Options()
        options.seriesMax = try reader.count(limit: .max)
        options.pointsMax = try reader.count(limit: .max)
        options.labelNamesMax = try reader.count(limit: .max)
        place = try reader.count(limit: LogQLReduction.nameCountMax)
        let form = try reader.u8()
        var names: [String] = []
        for _ in 0..<(try reader.count(limit: LogQLReduction.nameCountMax)) {
            names.append(try reader.name())
        }
        guard form <= 2 else { throw .corrupt(what: "grouping", offset: reader.offset) }
        grouping = form == 0 ? nil : LabelGrouping(names: names, isWithout: form == 2)
        guard reader.isAtEnd else { throw .corrupt(what: "end", offset: reader.offset) }
    }

    init(
        text: String, grid: LogStepGrid, options: LogQLEngine.Options, place: Int,
        grouping: LabelGrouping?
    ) {
        self.text = text
        self.grid = grid
        self.options = options
        self.place = place
        self.grouping = grouping
    }

    /// The aggregation meant; nil when the text has none there.
    func aggregation() -> RangeAggregation? {
        guard let query = try? LogQLQuery(text), case .metric(let metric) = query.expression
        else { return nil }
        let all = metric.rangeAggregations
        return place < all.count ? all[place] : nil
    }
}

extension MetricExpression {
    /// As they stand in the text.
    var rangeAggregations: [RangeAggregation] {
        switch self {
        case .number, .vector: []
        case .range(let range): [range]
        case .aggregation(let aggregation): aggregation.operand.rangeAggregations
        case .binary(let binary): binary.left.rangeAggregations + binary.right.rangeAggregations
        case .labelReplace(let replacement): replacement.operand.rangeAggregations
        case .variants(let variants): variants.expressions.flatMap(\.rangeAggregations)
        }
    }
}

/// Works out a range aggregation on the node that has the lines.
///
/// A partial result is any number of parts: u8 0 │ varint lines │ varint bytes that were read,
/// then to the end series: bytes labels │ what `WindowSeries` gathered; or, alone: u8 1 │ what the
/// query fails with.
final class LogQLReducer: Reducer {
    private var run: RangeRun
    private var failure: QueryError?

    /// Errors: `EncodingError`. Nil for a plan that is not known here.
    init?(_ reader: inout ByteReader, budget: QueryBudget) throws(EncodingError) {
        let reduction = try LogQLReduction(&reader)
        guard let aggregation = reduction.aggregation() else { return nil }
        run = RangeRun(
            aggregation, grouping: reduction.grouping, steps: reduction.grid,
            options: reduction.options, budget: budget)
        guard run.isReducible else { return nil }
    }

    func add(_ batch: [SeriesData]) throws -> [SeriesData] {
        preconditionFailure("BUG: series for LogQL")
    }

    func add(_ data: LineData) throws -> Bool {
        do throws(QueryError) {
            try run.add(data)
            return true
        } catch {
            // What the query may still cost is told apart: who asked knows the whole of it.
            if let limit = error.ofBudget { throw limit }
            failure = error
            return false
        }
    }

    func finish(_ send: ([UInt8]) throws -> Void) throws {
        if let failure { return try send(PartialFailure.encoded(failure)) }
        try run.sendPartials(send)
    }
}

/// The error of a query on its way to who asked.
enum PartialFailure {
    static func encoded(_ error: QueryError) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(1)
        if case .limit(let name, let allowed) = error {
            writer.u8(1)
            writer.lengthPrefixed(Array(name.utf8))
            writer.varint(UInt64(max(0, allowed)))
        } else {
            writer.u8(0)
            writer.lengthPrefixed(Array(error.description.utf8))
        }
        return writer.bytes
    }

    /// Reads what follows the first byte.
    static func read(_ reader: inout ByteReader) throws(EncodingError) -> QueryError {
        let isLimit = try reader.u8() == 1
        let text = try reader.name()
        return isLimit
            ? .limit(name: text, allowed: try reader.count(limit: .max))
            : .execution(message: text)
    }
}

extension QueryError {
    /// The same as the budget's error, when it is one.
    fileprivate var ofBudget: QueryLimitError? {
        switch self {
        case .timeout: .timeout
        case .cancelled: .cancelled
        case .limit(let name, let allowed)
        where ["query.samples_max", "query.series_max", "query.bytes_max"].contains(name):
            .exceeded(limit: name, allowed: allowed)
        default: nil
        }
    }
}

extension ByteReader {
    /// Text behind its length; what is not UTF-8 is repaired.
    mutating func name() throws(EncodingError) -> String {
        String(decoding: try lengthPrefixed(), as: UTF8.self)
    }
}
