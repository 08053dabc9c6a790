internal import Encoding
internal import Model

/// `| patterns`: which forms the lines have that a pipeline keeps, the most frequent first. Each is
/// a line of the answer, with the time of the newest line that has it and how many do as label
/// `count`; its text is one that the filter `|>` takes. The limit is one of patterns.
///
/// Numbers and ids are found by their look (`LinePatterns`), words that vary by comparing forms of
/// as many words (`PatternMerge`).
struct PatternSummary {
    private let request: LogQLRequest
    private let selector: Selector
    /// Whether lines of different levels have forms of their own.
    private let tellsLevels: Bool
    private var levels = LineLevels()
    private var pipeline: LogPipeline
    private var statistics = LogQLStatistics()

    /// Lines that wait to be looked at: n bytes, ends, times and levels.
    private var bytes: [UInt8] = []
    private var ends: [UInt32] = []
    private var times: [Int64] = []
    /// Which of `levels`: n of them, all 0 when levels are not told apart.
    private var lineLevels: [UInt8] = []
    /// Forms, each behind a byte that is its level.
    private var table = ByteKeyTable()
    /// Of each form in `table`.
    private var lineCounts: [Int] = []
    private var newest: [Int64] = []
    /// Lines by start of their step, where steps are asked for.
    private var steps: [[Int64: Int]] = []
    private var uncountedLines = 0

    /// Bytes that are looked at together.
    static let chunkBytes = 1 << 20
    /// Forms that are told apart; lines of further ones are counted as such.
    static let patternsMax = 1 << 14
    /// Bytes of a line that are looked at.
    static let lineBytesMax = 2_048

    init(_ log: LogExpression, request: LogQLRequest, tellsLevels: Bool = false) {
        self.request = request
        self.tellsLevels = tellsLevels
        selector = Selector(log.matchers)
        pipeline = LogPipeline(
            log, needs: FieldNeeds(names: []),
            now: request.end == .distantFuture ? nil : request.end)
    }

    /// Gives `sink` the forms as lines, in one batch.
    mutating func run(
        _ querier: any Querier, _ sink: (LogEntryBatch) throws -> Bool
    ) async throws(QueryError) -> LogQLSummary {
        let (forms, completeness) = try await gather(querier)
        var batch = LogEntryBatch()
        for form in forms {
            let labels = Labels(["count": "\(form.count)"])
            batch.lines.append(
                streamIndex: UInt32(batch.streams.count), timestamp: form.newest,
                line: form.text[...])
            batch.streams.append(
                LogStreamLabels(labels: labels, stream: .empty, metadata: .empty, parsed: labels))
        }
        statistics.entriesReturned = batch.lines.count
        do {
            if batch.lines.count > 0 { _ = try sink(batch) }
        } catch {
            throw QueryError(wrapping: error)
        }
        return LogQLSummary(statistics: statistics, completeness: completeness)
    }

    /// The forms, most frequent first, as many as the limit allows.
    mutating func gather(
        _ querier: any Querier
    ) async throws(QueryError) -> (forms: [PatternMerge.Form], Completeness) {
        let budget = request.budget
        // What `distinct` keeps is the first in order.
        let order: LineRequest.Order = request.direction == .forward ? .forward : .backward
        let lines = LineRequest(
            tenant: request.tenant, selector: selector, start: request.start, end: request.end,
            filters: pipeline.headFilters, order: pipeline.hasDistinct ? order : .any,
            budget: budget)
        var completeness: Completeness
        do {
            completeness = try await querier.selectLines(lines) { data in
                try budget.check()
                try add(data)
                return true
            }
        } catch {
            throw QueryError(wrapping: error)
        }
        count()
        if uncountedLines > 0 {
            completeness.missing.append(
                "\(uncountedLines) lines have other patterns than the "
                    + "\(PatternSummary.patternsMax) that are told apart")
        }
        return (Array(merged().prefix(request.limit ?? .max)), completeness)
    }

    private mutating func add(_ data: LineData) throws(QueryError) {
        var current = -1
        for index in 0..<data.lines.count {
            let range = data.lines.lineRange(index)
            statistics.linesProcessed += 1
            statistics.bytesProcessed += range.count
            let stream = Int(data.lines.streamIndexes[index])
            if stream != current {
                pipeline.beginStream(data.streams[stream].labels ?? .empty)
                levels.beginStream(data.streams[stream].labels ?? .empty)
            }
            current = stream
            let metadata = data.lines.metadataBytes[data.lines.metadataRange(index)]
            let isKept = pipeline.run(
                data.lines.bytes, range, metadata: metadata,
                timestamp: data.lines.timestamps[index])
            guard isKept else { continue }
            append(pipeline.line(data.lines.bytes, range))
            ends.append(UInt32(bytes.count))
            times.append(data.lines.timestamps[index])
            lineLevels.append(tellsLevels ? levels.level(of: metadata) : 0)
            if bytes.count >= PatternSummary.chunkBytes { count() }
        }
        if pipeline.distinctCount > DistinctStage.countMax {
            throw .limit(name: "query.distinct_max", allowed: DistinctStage.countMax)
        }
    }

    /// Of a long line the front, up to a mark, and a wildcard for the rest.
    private mutating func append(_ line: ArraySlice<UInt8>) {
        guard line.count > PatternSummary.lineBytesMax else {
            bytes.append(contentsOf: line)
            return
        }
        var front = line.prefix(PatternSummary.lineBytesMax)
        while let last = front.last, PatternMerge.isInner(last) { front = front.dropLast() }
        bytes.append(contentsOf: front)
        bytes.append(contentsOf: LinePatterns.wildcard)
    }

    /// Counts the lines that wait.
    private mutating func count() {
        let found = LinePatterns(bytes, lineEnds: ends[...])
        // The number of each pattern at each level, looked up where it first occurs.
        let levelCount = levels.count
        let unasked = Int.min
        var numbers = [Int](repeating: unasked, count: found.patterns.count * levelCount)
        for (line, pattern) in found.numbers.enumerated() {
            let level = lineLevels[line]
            let place = Int(pattern) * levelCount + Int(level)
            if numbers[place] == unasked {
                numbers[place] = number(of: found.patterns[Int(pattern)], level) ?? -1
            }
            let number = numbers[place]
            if number < 0 {
                uncountedLines += 1
                continue
            }
            lineCounts[number] += 1
            newest[number] = max(newest[number], times[line])
            if request.stepNanos > 0 {
                let rest = times[line] % request.stepNanos
                let start = times[line] &- (rest < 0 ? rest + request.stepNanos : rest)
                steps[number][start, default: 0] += 1
            }
        }
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        lineLevels.removeAll(keepingCapacity: true)
    }

    /// Nil when it is one too many.
    private mutating func number(of pattern: [UInt8], _ level: UInt8) -> Int? {
        let key = [level] + pattern
        if table.count >= PatternSummary.patternsMax { return table.knownNumber(of: key) }
        let (number, isNew) = table.number(of: key, 0..<key.count)
        if isNew {
            lineCounts.append(0)
            newest.append(.min)
            steps.append([:])
        }
        return number
    }

    private func merged() -> [PatternMerge.Form] {
        var merge = PatternMerge()
        // Not in order of arrival, which is any: what is merged must not depend on it.
        let order = lineCounts.indices.sorted { a, b in
            guard lineCounts[a] == lineCounts[b] else { return lineCounts[a] > lineCounts[b] }
            let (one, other) = (table.key(a).dropFirst(), table.key(b).dropFirst())
            return one.elementsEqual(other)
                ? level(a).lexicographicallyPrecedes(level(b))
                : one.lexicographicallyPrecedes(other)
        }
        for number in order {
            merge.add(
                PatternMerge.Form(
                    text: Array(table.key(number).dropFirst()), level: level(number),
                    count: lineCounts[number], newest: newest[number], steps: steps[number]))
        }
        return merge.forms()
    }

    private func level(_ number: Int) -> [UInt8] { levels.name(table.key(number).first ?? 0) }
}
