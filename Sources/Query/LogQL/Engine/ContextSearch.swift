internal import Model

/// `| context -B 2 -A 3`: the lines that a pipeline keeps, and those of the same stream around
/// each.
///
/// The matches are found as ever, by filters that the storage applies; then each stream is read
/// around its matches, within the query's range unless the request says otherwise. Lines around
/// carry the labels of their stream, their metadata and `__context__`, `before` or `after`; no stage
/// has changed them. What stands together in a stream has one group number. The limit is one of
/// matches. The result is held in memory: at most `matchesMax` matches, with the lines
/// around them.
struct ContextSearch {
    private let querier: any Querier
    private let request: LogQLRequest
    private let selector: Selector
    private let before: Int
    private let after: Int
    /// Where lines around matches may lie, ns, the end not included.
    private let reach: (start: Int64, end: Int64)
    private var pipeline: LogPipeline
    private var labelsBuilder = StreamLabelsBuilder()
    private var statistics = LogQLStatistics()
    private var completeness = Completeness()
    /// Times of the matches of each stream, in the order found.
    private var matches: [Labels: [Int64]] = [:]
    private var result = LogEntryBatch()
    /// Of the lines that are emitted; 0 before the first.
    private var groupNumber = 0
    private var streamNumbers: [LogStreamLabels: UInt32] = [:]

    /// Matches of one query.
    static let matchesMax = 1_000

    init(
        _ log: LogExpression, before: Int, after: Int, request: LogQLRequest,
        querier: any Querier
    ) {
        self.querier = querier
        self.request = request
        self.before = before
        self.after = after
        reach =
            request.readsContextBeyond
            ? (Timestamp.distantPast.nanos, Timestamp.distantFuture.nanos)
            : (request.start.nanos, request.end.nanos)
        selector = Selector(log.matchers)
        pipeline = LogPipeline(
            log, needs: .all, now: request.end == .distantFuture ? nil : request.end)
    }

    /// Gives `sink` the lines in the order asked for, in one batch.
    mutating func run(
        _ sink: (LogEntryBatch) throws -> Bool
    ) async throws(QueryError) -> LogQLSummary {
        do {
            try await findMatches()
            for labels in matches.keys.sorted() {
                try await surround(labels, Set(matches[labels] ?? []).sorted())
            }
            let batch = ordered()
            statistics.entriesReturned = batch.lines.count
            if batch.lines.count > 0 { _ = try sink(batch) }
        } catch {
            throw QueryError(wrapping: error)
        }
        return LogQLSummary(statistics: statistics, completeness: completeness)
    }

    private mutating func findMatches() async throws {
        if let limit = request.limit, limit <= 0 { return }
        let (request, querier) = (request, querier)
        var matchCount = 0
        let lines = LineRequest(
            tenant: request.tenant, selector: selector, start: request.start, end: request.end,
            filters: pipeline.headFilters,
            order: request.direction == .forward ? .forward : .backward,
            limit: pipeline.keepsAllLines ? request.limit : nil, budget: request.budget)
        let found = try await querier.selectLines(lines) { data in
            try request.budget.check()
            var current = -1
            for index in 0..<data.lines.count {
                let stream = Int(data.lines.streamIndexes[index])
                if stream != current { pipeline.beginStream(data.streams[stream].labels ?? .empty) }
                current = stream
                count(data.lines.lineRange(index))
                guard runs(data, index) else { continue }
                guard matchCount < ContextSearch.matchesMax else {
                    throw QueryError.limit(
                        name: "query.context_matches_max", allowed: ContextSearch.matchesMax)
                }
                matches[data.streams[stream].labels ?? .empty, default: []].append(
                    data.lines.timestamps[index])
                matchCount += 1
                if matchCount == request.limit { return false }
            }
            return true
        }
        completeness.merge(found)
    }

    private mutating func count(_ range: Range<Int>) {
        statistics.linesProcessed += 1
        statistics.bytesProcessed += range.count
    }

    private mutating func runs(_ data: LineData, _ index: Int) -> Bool {
        pipeline.run(
            data.lines.bytes, data.lines.lineRange(index),
            metadata: data.lines.metadataBytes[data.lines.metadataRange(index)],
            timestamp: data.lines.timestamps[index])
    }

    /// Emits the matches of a stream, at `times`, ascending, with what is around them. Matches that
    /// are near are read at one go.
    private mutating func surround(_ labels: Labels, _ times: [Int64]) async throws {
        let stream = StreamReader(labels, request: request, querier: querier)
        // Lines at hand that stand before what comes next, not emitted; those from `unseen` on have
        // not been looked at.
        var pending = LineColumns()
        var unseen = reach.start
        var hasGroup = false
        var next = 0
        while next < times.count {
            // One more than is shown tells whether there is a gap.
            if before > 0 || hasGroup, unseen < times[next] {
                let earlier = try await lines(of: stream, from: unseen, before: times[next])
                for index in 0..<earlier.count { pending.append(earlier, index) }
            }
            var rest = 0
            var last: Int64?
            var isAtEnd = true
            let found = try await stream.read(
                from: times[next], to: reach.end, .forward, count: after + 4
            ) { data, index in
                let time = data.lines.timestamps[index]
                while next < times.count, times[next] < time { next += 1 }
                let isKnown = next < times.count && times[next] == time
                if rest == 0, !isKnown, last != time {
                    isAtEnd = false
                    return false
                }
                last = time
                if isKnown, isMatch(data, index, labels) {
                    let made = labelsBuilder.labels(of: pipeline.fields)
                    let text = Array(pipeline.line(data.lines.bytes, data.lines.lineRange(index)))
                    if !hasGroup || pending.count > before { groupNumber += 1 }
                    hasGroup = true
                    emit(pending, labels, from: max(0, pending.count - before))
                    pending = LineColumns()
                    append(time, text[...], made)
                    rest = after
                } else if rest > 0 {
                    emitAround(data.lines, index, labels, "after")
                    rest -= 1
                } else {
                    pending.append(data.lines, index)
                }
                return true
            }
            completeness.merge(found)
            if let last { unseen = last + 1 }
            if isAtEnd { return }
        }
    }

    /// Whether the pipeline keeps the line, which it then holds.
    private mutating func isMatch(_ data: LineData, _ index: Int, _ labels: Labels) -> Bool {
        count(data.lines.lineRange(index))
        guard pipeline.passesHead(data.lines.bytes, data.lines.lineRange(index)) else {
            return false
        }
        pipeline.beginStream(labels)
        return runs(data, index)
    }

    /// The last `before` + 1 lines of a stream in [start, end), ascending.
    private mutating func lines(
        of stream: StreamReader, from start: Int64, before end: Int64
    ) async throws -> LineColumns {
        var found = LineColumns()
        let answer = try await stream.read(from: start, to: end, .backward, count: before + 1) {
            data, index in
            count(data.lines.lineRange(index))
            found.append(data.lines, index)
            return found.count <= before
        }
        completeness.merge(answer)
        var ascending = LineColumns()
        for index in (0..<found.count).reversed() { ascending.append(found, index) }
        return ascending
    }

    private mutating func emit(_ lines: LineColumns, _ labels: Labels, from start: Int) {
        for index in start..<lines.count { emitAround(lines, index, labels, "before") }
    }

    private mutating func emitAround(
        _ lines: LineColumns, _ index: Int, _ labels: Labels, _ side: String
    ) {
        pipeline.beginStream(labels)
        pipeline.beginLine(metadata: lines.metadataBytes[lines.metadataRange(index)])
        pipeline.set("__context__", side)
        append(
            lines.timestamps[index], lines.bytes[lines.lineRange(index)],
            labelsBuilder.labels(of: pipeline.fields))
    }

    private mutating func append(
        _ timestamp: Int64, _ line: ArraySlice<UInt8>, _ stream: LogStreamLabels
    ) {
        let number = streamNumbers[stream] ?? UInt32(result.streams.count)
        if number == result.streams.count {
            streamNumbers[stream] = number
            result.streams.append(stream)
        }
        result.lines.append(streamIndex: number, timestamp: timestamp, line: line)
        result.groupNumbers.append(groupNumber)
    }

    /// Streams were read one after the other: what was found, by time.
    private func ordered() -> LogEntryBatch {
        var order = Array(0..<result.lines.count)
        order.sort { (result.lines.timestamps[$0], $0) < (result.lines.timestamps[$1], $1) }
        if request.direction == .backward { order.reverse() }
        var batch = LogEntryBatch(streams: result.streams)
        for index in order {
            batch.lines.append(
                streamIndex: result.lines.streamIndexes[index],
                timestamp: result.lines.timestamps[index],
                line: result.lines.bytes[result.lines.lineRange(index)])
            batch.groupNumbers.append(result.groupNumbers[index])
        }
        return batch
    }
}

extension LineColumns {
    /// Line `index` of `other`, with its metadata.
    fileprivate mutating func append(_ other: LineColumns, _ index: Int) {
        append(
            streamIndex: 0, timestamp: other.timestamps[index],
            line: other.bytes[other.lineRange(index)],
            metadata: other.metadataBytes[other.metadataRange(index)])
    }
}
