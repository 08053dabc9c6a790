package import Model

/// Answers LogQL from a `Querier`: log queries as streams of lines, metric queries as vectors
/// over a grid of steps. Holds no state between queries.
package struct LogQLEngine: Sendable {
    package struct Options: Sendable, Hashable {
        /// Series of a metric query, before aggregation.
        package var seriesMax: Int
        /// Steps of a range query.
        package var stepsMax: Int
        /// Series × steps held at once.
        package var pointsMax: Int
        /// Distinct label names that lines may bring.
        package var labelNamesMax: Int

        package init(
            seriesMax: Int = 5_000, stepsMax: Int = 11_000, pointsMax: Int = 20_000_000,
            labelNamesMax: Int = 1_000_000
        ) {
            self.seriesMax = seriesMax
            self.stepsMax = stepsMax
            self.pointsMax = pointsMax
            self.labelNamesMax = labelNamesMax
        }
    }

    let querier: any Querier
    private let options: Options

    package init(querier: any Querier, options: Options = Options()) {
        self.querier = querier
        self.options = options
    }

    /// The whole answer. Lines come grouped in streams by their final labels; numbers as a vector
    /// (`stepNanos` 0) or a matrix. O(result) memory.
    package func query(_ request: LogQLRequest) async throws(QueryError) -> LogQLAnswer {
        switch request.query.expression {
        case .log: return try await lines(request)
        case .metric(let metric):
            let grid = try LogStepGrid(request, options)
            let run = MetricRun(querier: querier, options: options, request: request, grid: grid)
            return try await run.answer(to: metric)
        }
    }

    /// Lines in the order asked for, in batches as they are found; `sink` returns false to stop.
    /// Memory does not grow with the result.
    package func stream(
        _ request: LogQLRequest, _ sink: (LogEntryBatch) throws -> Bool
    ) async throws(QueryError) -> LogQLSummary {
        guard case .log(let log) = request.query.expression else {
            throw .execution(message: "only log queries can be streamed")
        }
        let now = request.end == .distantFuture ? nil : request.end
        switch log.ending {
        case .context(let before, let after):
            var search = ContextSearch(
                log, before: before, after: after, request: request, querier: querier)
            return try await search.run(sink)
        case .patterns:
            var summary = PatternSummary(log, request: request)
            return try await summary.run(querier, sink)
        case nil: break
        }
        var collector = LogEntryCollector(log, now: now)
        var rest = request.limit ?? Int.max
        var statistics = LogQLStatistics()
        if rest <= 0 { return LogQLSummary(statistics: statistics, completeness: Completeness()) }
        let lines = LineRequest(
            tenant: request.tenant, selector: Selector(log.matchers), start: request.start,
            end: request.end, filters: collector.pipeline.headFilters,
            order: request.direction == .forward ? .forward : .backward,
            limit: collector.pipeline.keepsAllLines ? request.limit : nil,
            budget: request.budget)
        do {
            let completeness = try await querier.selectLines(lines) { data in
                try request.budget.check()
                let batch = collector.collect(data, limit: rest, appliesHead: false)
                try checkNames(collector.pipeline)
                rest -= batch.lines.count
                statistics.entriesReturned += batch.lines.count
                if batch.lines.count > 0, try !sink(batch) { return false }
                return rest > 0
            }
            statistics.linesProcessed = collector.lineCount
            statistics.bytesProcessed = collector.byteCount
            return LogQLSummary(statistics: statistics, completeness: completeness)
        } catch {
            throw QueryError(wrapping: error)
        }
    }

    private func checkNames(_ pipeline: LogPipeline) throws(QueryError) {
        if pipeline.fields.names.count > options.labelNamesMax {
            throw .limit(name: "query.label_names_max", allowed: options.labelNamesMax)
        }
        if pipeline.distinctCount > DistinctStage.countMax {
            throw .limit(name: "query.distinct_max", allowed: DistinctStage.countMax)
        }
    }

    private func lines(_ request: LogQLRequest) async throws(QueryError) -> LogQLAnswer {
        var streams: [StreamLines] = []
        var numbers: [Labels: Int] = [:]
        let summary = try await stream(request) { batch in
            let places = batch.streams.map { stream -> Int in
                if let known = numbers[stream.labels] { return known }
                numbers[stream.labels] = streams.count
                streams.append(StreamLines(labels: stream.labels, lines: LineColumns()))
                return streams.count - 1
            }
            for index in 0..<batch.lines.count {
                let stream = Int(batch.lines.streamIndexes[index])
                streams[places[stream]].lines.append(
                    streamIndex: 0, timestamp: batch.lines.timestamps[index],
                    line: batch.lines.bytes[batch.lines.lineRange(index)],
                    metadata: batch.streams[stream].metadata.bytes[...])
            }
            return true
        }
        streams.sort { $0.labels < $1.labels }
        return LogQLAnswer(
            answer: QueryAnswer(value: .streams(streams), completeness: summary.completeness),
            statistics: summary.statistics)
    }
}

/// The points in time at which a metric query is evaluated: start + k·step, k in 0..<count.
struct LogStepGrid: Sendable {
    let startNanos: Int64
    let stepNanos: Int64
    let count: Int
    let isInstant: Bool

    init(startNanos: Int64, stepNanos: Int64, count: Int, isInstant: Bool) {
        self.startNanos = startNanos
        self.stepNanos = stepNanos
        self.count = count
        self.isInstant = isInstant
    }

    init(_ request: LogQLRequest, _ options: LogQLEngine.Options) throws(QueryError) {
        isInstant = request.stepNanos == 0
        guard request.stepNanos >= 0 else {
            throw .execution(message: "the step must be positive")
        }
        if isInstant {
            (startNanos, stepNanos, count) = (request.end.nanos, 1, 1)
            return
        }
        guard request.start <= request.end else {
            throw .execution(message: "end timestamp must not be before start time")
        }
        startNanos = request.start.nanos
        stepNanos = request.stepNanos
        let span = request.end.nanos.subtractingReportingOverflow(startNanos)
        let steps = span.overflow ? Int64.max : span.partialValue / stepNanos
        guard steps < Int64(options.stepsMax) else {
            throw .limit(name: "query.steps_max", allowed: options.stepsMax)
        }
        count = Int(steps) + 1
    }

    func nanos(_ index: Int) -> Int64 { startNanos + Int64(index) * stepNanos }
}
