internal import Encoding
internal import Model

/// Evaluates one range aggregation: reads its lines in any order and sums them up per label set
/// and window.
struct RangeRun {
    private let aggregation: RangeAggregation
    let grid: WindowSeries.Grid
    let kind: WindowSeries.Kind
    private let options: LogQLEngine.Options
    private let budget: QueryBudget
    private(set) var pipeline: LogPipeline
    private(set) var groups: LineGroups
    var series: [WindowSeries] = []
    /// The label of `count_distinct_over_time`.
    private let countedName: Int?
    /// Group by stream of the batch, −1 until known: for pipelines that leave labels alone.
    private var plainGroups: [Int32] = []
    var lineCount = 0
    var byteCount = 0

    /// `grouping`: of the function, or of a `sum` around it that may be done at once.
    init(
        _ aggregation: RangeAggregation, grouping: LabelGrouping?, steps: LogStepGrid,
        options: LogQLEngine.Options, budget: QueryBudget
    ) {
        self.aggregation = aggregation
        self.options = options
        self.budget = budget
        grid = WindowSeries.Grid(
            start: steps.startNanos.subtractingReportingOverflow(aggregation.offsetNanos)
                .partialValue,
            step: steps.stepNanos, range: aggregation.rangeNanos, count: steps.count)
        kind = RangeRun.kind(of: aggregation)
        // Absence is one series, whatever the lines' labels.
        let effective = aggregation.function == .absentOverTime ? LabelGrouping.all : grouping
        var needs = FieldNeeds.all
        if let effective, !effective.isWithout { needs = FieldNeeds(names: Set(effective.names)) }
        let end = Timestamp(nanos: steps.nanos(steps.count - 1))
        if let label = aggregation.label { needs.add(label) }
        var pipeline = LogPipeline(aggregation.log, needs: needs, now: end)
        var unwrapName: Int?
        if let label = aggregation.unwrap?.label ?? aggregation.label {
            unwrapName = pipeline.name(label)
        }
        countedName = aggregation.label == nil ? nil : unwrapName
        var groups = LineGroups(grouping: effective, unwrapName: unwrapName)
        groups.resolve(in: &pipeline)
        self.pipeline = pipeline
        self.groups = groups
    }

    private static func kind(of aggregation: RangeAggregation) -> WindowSeries.Kind {
        if aggregation.function == .countDistinctOverTime { return .distinct }
        if aggregation.unwrap == nil { return .whole }
        switch aggregation.function {
        case .sumOverTime, .rate: return .sum
        case .avgOverTime, .stddevOverTime, .stdvarOverTime: return .mean
        case .minOverTime: return .min
        case .maxOverTime: return .max
        case .firstOverTime: return .first
        case .lastOverTime: return .last
        case .quantileOverTime, .rateCounter: return .all
        case .countOverTime, .bytesOverTime, .bytesRate, .absentOverTime,
            .countDistinctOverTime:
            return .whole
        }
    }

    /// The lines that any window holds.
    func lineRequest(tenant: Tenant) -> LineRequest {
        let last = grid.start &+ Int64(grid.count - 1) &* grid.step
        return LineRequest(
            tenant: tenant, selector: Selector(aggregation.log.matchers),
            start: Timestamp(nanos: grid.start).advanced(byNanos: 1 - grid.range),
            end: Timestamp(nanos: last).advanced(byNanos: 1),
            filters: pipeline.headFilters, order: .any, budget: budget)
    }

    mutating func add(_ data: LineData) throws(QueryError) {
        do {
            try budget.check()
        } catch {
            throw QueryError(error)
        }
        plainGroups = [Int32](repeating: -1, count: data.streams.count)
        var current = -1
        for index in 0..<data.lines.count {
            let range = data.lines.lineRange(index)
            lineCount += 1
            byteCount += range.count
            let windows = grid.windows(of: data.lines.timestamps[index])
            if windows.isEmpty { continue }
            let stream = Int(data.lines.streamIndexes[index])
            let metadata = data.lines.metadataRange(index)
            if pipeline.isIdentity, metadata.isEmpty, kind == .whole {
                if plainGroups[stream] < 0 {
                    pipeline.beginStream(data.streams[stream].labels ?? .empty)
                    current = stream
                    plainGroups[stream] = Int32(try group())
                }
                series[Int(plainGroups[stream])].add(whole: amount(range.count), windows)
                continue
            }
            if stream != current {
                pipeline.beginStream(data.streams[stream].labels ?? .empty)
                current = stream
            }
            try addLine(data, index, range, metadata, windows)
        }
        if pipeline.fields.names.count > options.labelNamesMax {
            throw .limit(name: "query.label_names_max", allowed: options.labelNamesMax)
        }
    }

    private mutating func addLine(
        _ data: LineData, _ index: Int, _ range: Range<Int>, _ metadata: Range<Int>,
        _ windows: Range<Int>
    ) throws(QueryError) {
        let timestamp = data.lines.timestamps[index]
        let isKept = pipeline.run(
            data.lines.bytes, range, metadata: data.lines.metadataBytes[metadata],
            timestamp: timestamp)
        guard isKept else { return }
        if pipeline.fields.hasError { throw pipelineError() }
        if let countedName {
            let value = pipeline.fields.bytes(of: countedName)
            if value.isEmpty { return }
            let hash = StableHash.hash64(value, seed: 0)
            if series[try group()].distinct.add(hash, windows) { try chargeSample() }
            return
        }
        let group = try group()
        guard kind != .whole else {
            let bytes = pipeline.line(data.lines.bytes, range).count
            series[group].add(whole: amount(bytes), windows)
            return
        }
        if kind == .all { try chargeSample() }
        series[group].add(pipeline.unwrapped ?? 0, at: timestamp, windows)
    }

    /// For what is kept of a line.
    func chargeSample() throws(QueryError) {
        do {
            try budget.charge(samples: 1)
        } catch {
            throw QueryError(error)
        }
    }

    @inline(__always)
    private func amount(_ byteCount: Int) -> Int64 {
        switch aggregation.function {
        case .bytesOverTime, .bytesRate: Int64(byteCount)
        default: 1
        }
    }

    /// The group of the line that the pipeline holds.
    private mutating func group() throws(QueryError) -> Int {
        let (number, isNew) = groups.number(of: pipeline.fields, byOrigin: false)
        if isNew { try addSeries() }
        return number
    }

    /// The group with these labels, which came from elsewhere.
    mutating func group(_ labels: Labels) throws(QueryError) -> Int {
        let (number, isNew) = groups.number(of: labels)
        if isNew { try addSeries() }
        return number
    }

    private mutating func addSeries() throws(QueryError) {
        guard groups.count <= options.seriesMax else {
            throw .limit(name: "query.log_series_max", allowed: options.seriesMax)
        }
        guard groups.count * grid.count <= options.pointsMax else {
            throw .limit(name: "query.log_points_max", allowed: options.pointsMax)
        }
        series.append(WindowSeries(kind: kind, count: grid.count))
    }

    private func pipelineError() -> QueryError {
        let kind = String(
            decoding: pipeline.fields.bytes(of: FieldNames.error), as: UTF8.self)
        var builder = StreamLabelsBuilder()
        let labels = builder.labels(of: pipeline.fields).labels
        return .execution(
            message: """
                pipeline error: '\(kind)' for series: '\(labels)'.
                Use a label filter to intentionally skip this error. (e.g | __error__!="\(kind)").
                To skip all potential errors you can match empty errors.(e.g __error__="")
                The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__="" )
                """)
    }

    /// The value per series and step. Call once, at the end.
    func result() -> [LogSeries] {
        if aggregation.function == .absentOverTime {
            let window = series.first ?? WindowSeries(kind: .whole, count: grid.count)
            return [
                LogSeries(labels: absentLabels(), values: window.values(of: aggregation, grid))
            ]
        }
        return zip(groups.labels, series).map { labels, window in
            LogSeries(labels: labels, values: window.values(of: aggregation, grid))
        }
    }

    /// The labels that a series would surely have had.
    private func absentLabels() -> Labels {
        var builder = LabelsBuilder()
        let matchers = aggregation.log.matchers
        for matcher in matchers where matcher.operation == .equal {
            let isOnly = matchers.count { $0.name == matcher.name } == 1
            if isOnly { builder.set(matcher.name, matcher.value) }
        }
        return builder.build()
    }
}
