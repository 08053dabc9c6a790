internal import Encoding
package import Model

/// Answers a `LineRequest` from the sources of one shard: streams by selector, blocks by time and
/// by the words that the filters require, then the lines themselves, exactly.
///
/// Order: by timestamp, then by source (older first), stream and arrival; backward is the exact
/// reverse. Blocks are opened in order of their bounds, so that a limit stops early.
package struct LogSearch {
    private let request: LineRequest
    private let sources: [LogSource]
    private let matcher: LineMatcher
    private let condition: TokenCondition

    /// A piece of a source that is loaded as a whole.
    private struct Unit {
        enum Content {
            case chunk(LogChunk)
            case block(LogSegment, Int)
        }

        var content: Content
        /// Place among the units, the tie-breaker of equal timestamps.
        var rank: Int
        var source: Int
        var first: Int64
        var last: Int64
    }

    /// `sources`: oldest data first; of one shard.
    package init(_ request: LineRequest, sources: [LogSource]) {
        self.request = request
        self.sources = sources
        matcher = LineMatcher(request.filters)
        condition = TokenCondition(request.filters)
    }

    /// Calls `sink` with batches of lines until it returns false, the limit is reached or all is
    /// said. Throws what the budget or the sink throws, and `StorageError` when an index can not
    /// be read; a block that can not be read is named in the result instead.
    package func run(_ sink: (LineData) throws -> Bool) throws -> Completeness {
        var completeness = Completeness()
        guard request.start < request.end, request.limit.map({ $0 > 0 }) ?? true else {
            return completeness
        }
        var units: [Unit] = []
        var selected: [Selection] = []
        for (number, source) in sources.enumerated() {
            try request.budget.check()
            do {
                selected.append(try collect(source, number, &units))
            } catch {
                source.live?.suspect()
                completeness.merge(Completeness(missing: ["\(error)"]))
                selected.append(Selection(streams: OrdinalSet(count: 0)))
            }
        }
        var output = LineOutput(request: request, sources: sources)
        switch request.order {
        case .any:
            var memory = TemplateMemory()
            for unit in units {
                let loaded = try load(unit, selected, &completeness, &memory)
                for row in loaded.rows {
                    if try !output.append(loaded.lines, Int(row), source: unit.source, sink) {
                        return completeness
                    }
                }
            }
        case .forward, .backward:
            guard try merge(units, selected, &output, &completeness, sink) else {
                return completeness
            }
        }
        _ = try output.flush(sink)
        return completeness
    }

    /// What `run` would read of each source, and why not the rest. Reads indexes only.
    package func plan() throws -> [LogSourcePlan] {
        var plans: [LogSourcePlan] = []
        for (number, source) in sources.enumerated() {
            try request.budget.check()
            var units: [Unit] = []
            do {
                plans.append(try collect(source, number, &units).plan)
            } catch {
                var plan = LogSourcePlan(source)
                plan.problem = "\(error)"
                plans.append(plan)
            }
        }
        return plans
    }

    // MARK: Candidates

    /// The streams of a source that are asked for.
    private struct Selection {
        var streams: OrdinalSet
        var plan = LogSourcePlan()
        /// What is deleted of them; most have nothing.
        var deleted: [UInt32: DeletedSpans] = [:]

        /// Takes a stream in, unless all that it may have from `first` to `last` is deleted.
        mutating func insert(
            _ ordinal: UInt32, _ spans: DeletedSpans, from first: Int64, to last: Int64
        ) -> Bool {
            if spans.cover(first, last) { return false }
            streams.insert(ordinal)
            if !spans.isEmpty { deleted[ordinal] = spans }
            return true
        }
    }

    private func collect(
        _ source: LogSource, _ number: Int, _ units: inout [Unit]
    ) throws(StorageError) -> Selection {
        let start = request.start.nanos
        let end = request.end.nanos
        switch source.lines {
        case .memtable(let table):
            var set = Selection(streams: OrdinalSet(count: table.streamCount))
            set.plan = LogSourcePlan(source)
            if let bounds = table.bounds, bounds.upperBound < start || bounds.lowerBound >= end {
                return set
            }
            for ordinal in table.select(tenant: request.tenant, selector: request.selector) {
                let stream = table.streams[Int(ordinal)]
                let spans = source.deleted.spans(of: stream.series.labels)
                guard set.insert(ordinal, spans, from: start, to: end - 1) else { continue }
                set.plan.streamCount += 1
                for chunk in stream.chunks
                where chunk.last >= start && chunk.first < end {
                    units.append(
                        Unit(
                            content: .chunk(chunk), rank: units.count, source: number,
                            first: chunk.first, last: chunk.last))
                    set.plan.noteUnindexed(bytes: chunk.lines.bytes.count)
                }
            }
            return set
        case .segment(let segment):
            var set = Selection(streams: OrdinalSet(count: segment.index.seriesCount))
            set.plan = LogSourcePlan(source)
            let blocks = segment.directory.blocks
            let inTime = blocks.indices.filter {
                blocks[$0].last >= start && blocks[$0].first < end
            }
            set.plan.blocksInTime = inTime.count
            guard !inTime.isEmpty else { return set }
            var ordinals = try segment.index.select(
                tenant: request.tenant, selector: request.selector)
            if source.deleted.isEmpty {
                for ordinal in ordinals { set.streams.insert(ordinal) }
            } else {
                let streams = try segment.index.series(of: ordinals)
                ordinals = zip(ordinals, streams).filter { ordinal, stream in
                    let spans = source.deleted.spans(of: stream.labels)
                    return set.insert(ordinal, spans, from: start, to: end - 1)
                }.map(\.0)
            }
            set.plan.streamCount = ordinals.count
            var candidates = OrdinalSet(count: blocks.count)
            var next = 0
            for number in inTime {
                while next < ordinals.count, ordinals[next] < blocks[number].firstStream {
                    next += 1
                }
                guard next < ordinals.count else { break }
                if ordinals[next] <= blocks[number].lastStream {
                    candidates.insert(UInt32(number))
                    set.plan.blocksOfStreams += 1
                }
            }
            for block in try segment.index.blocks(candidates, satisfying: condition).ordinals() {
                units.append(
                    Unit(
                        content: .block(segment, Int(block)), rank: units.count, source: number,
                        first: blocks[Int(block)].first, last: blocks[Int(block)].last))
                set.plan.blocksToRead += 1
                set.plan.bytesToRead += blocks[Int(block)].rawBytes
            }
            return set
        }
    }

    // MARK: Loading

    /// Lines of a unit, and the rows of them that are asked for, in the order asked for.
    private struct Loaded {
        var lines = LineColumns()
        var rows: [UInt32] = []
    }

    /// The unit's lines that are asked for, at most `limit`.
    private func load(
        _ unit: Unit, _ selected: [Selection], _ completeness: inout Completeness,
        _ memory: inout TemplateMemory
    ) throws -> Loaded {
        var loaded = Loaded()
        switch unit.content {
        case .chunk(let chunk):
            try request.budget.charge(bytes: chunk.lines.bytes.count)
            loaded.lines = chunk.lines
            loaded.rows = rows(of: loaded.lines, unit, selected)
        case .block(let segment, let number):
            try request.budget.charge(bytes: segment.directory.blocks[number].rawBytes)
            do {
                loaded = try segment.withBlock(number) {
                    try load($0, unit, selected, &memory)
                }
            } catch {
                sources[unit.source].live?.suspect()
                completeness.merge(Completeness(missing: ["\(error)"]))
                return Loaded()
            }
        }
        dropDeleted(&loaded, selected[unit.source].deleted)
        arrange(&loaded.rows, loaded.lines.timestamps)
        if request.order != .any, loaded.rows.count < loaded.lines.count / 4 {
            // Stays open while other units are merged in: what is not asked for need not.
            loaded.lines = loaded.lines.picking(loaded.rows)
            loaded.rows = Array(0..<UInt32(loaded.rows.count))
        }
        return loaded
    }

    private func load(
        _ opened: LogSegment.OpenBlock, _ unit: Unit, _ selected: [Selection],
        _ memory: inout TemplateMemory
    ) throws(EncodingError) -> Loaded {
        var loaded = Loaded(lines: opened.rows)
        // Nobody else holds the memory meanwhile, or it would be copied.
        var own = TemplateMemory()
        swap(&own, &memory)
        let text = try opened.block.text(consume own)
        switch consume text {
        case .templates(var templates) where !matcher.required.isEmpty:
            loaded = try search(&templates, opened, unit, selected)
            memory = templates.takeMemory()
            return loaded
        case .templates(var templates):
            (loaded.lines.bytes, loaded.lines.lineEnds) = try templates.all()
            memory = templates.takeMemory()
        case .plain(let bytes, let lineEnds):
            loaded.lines.bytes = bytes
            loaded.lines.lineEnds = lineEnds
        }
        loaded.rows = rows(of: loaded.lines, unit, selected)
        if !loaded.rows.isEmpty {
            try opened.block.readMetadata(of: nil, into: &loaded.lines)
        }
        return loaded
    }

    /// Most blocks are read for a few lines or for none: puts together those that may match.
    private func search(
        _ templates: inout TemplateLines, _ opened: LogSegment.OpenBlock, _ unit: Unit,
        _ selected: [Selection]
    ) throws(EncodingError) -> Loaded {
        var candidates = try templates.rows(holding: matcher.required)
        if let isWanted = wanted(opened.rows, unit, selected) {
            candidates.removeAll { !isWanted(Int($0)) }
        }
        guard !candidates.isEmpty else { return Loaded() }
        var loaded = Loaded(lines: opened.rows.pickingRows(candidates))
        (loaded.lines.bytes, loaded.lines.lineEnds) = try templates.lines(candidates)
        loaded.lines.metadataEnds = [UInt32](repeating: 0, count: candidates.count)
        let matching = matcher.rows(of: loaded.lines, isWanted: nil)
        guard !matching.isEmpty else { return Loaded() }
        if matching.count < candidates.count {
            loaded.lines = loaded.lines.picking(matching)
            candidates = matching.map { candidates[Int($0)] }
        }
        loaded.rows = Array(0..<UInt32(candidates.count))
        try opened.block.readMetadata(of: candidates, into: &loaded.lines)
        return loaded
    }

    private func rows(
        of lines: LineColumns, _ unit: Unit, _ selected: [Selection]
    ) -> [UInt32] {
        matcher.rows(of: lines, isWanted: wanted(lines, unit, selected))
    }

    /// Tells the rows that are in time and of a stream that is asked for; nil when all are.
    private func wanted(
        _ lines: LineColumns, _ unit: Unit, _ selected: [Selection]
    ) -> ((Int) -> Bool)? {
        let start = request.start.nanos
        let end = request.end.nanos
        let streams = selected[unit.source].streams
        let isInTime = unit.first >= start && unit.last < end
        // Stream indexes of a block ascend, and a chunk has one.
        var isSelected = true
        if let first = lines.streamIndexes.first, let last = lines.streamIndexes.last {
            isSelected = (first...last).allSatisfy { streams.contains($0) }
        }
        if isInTime && isSelected { return nil }
        return { row in
            lines.timestamps[row] >= start && lines.timestamps[row] < end
                && streams.contains(lines.streamIndexes[row])
        }
    }

    private func dropDeleted(_ loaded: inout Loaded, _ deleted: [UInt32: DeletedSpans]) {
        guard !deleted.isEmpty else { return }
        let lines = loaded.lines
        var gone = Set<UInt32>()
        for (stream, rows) in Dictionary(
            grouping: loaded.rows, by: { lines.streamIndexes[Int($0)] })
        {
            if let spans = deleted[stream] { gone.formUnion(spans.deleted(rows, of: lines)) }
        }
        if !gone.isEmpty { loaded.rows.removeAll { gone.contains($0) } }
    }

    private func arrange(_ rows: inout [UInt32], _ timestamps: [Int64]) {
        guard request.order != .any else { return }
        let isSorted = zip(rows, rows.dropFirst()).allSatisfy {
            timestamps[Int($0)] <= timestamps[Int($1)]
        }
        if !isSorted {
            rows.sort { a, b in
                let left = timestamps[Int(a)]
                let right = timestamps[Int(b)]
                return left != right ? left < right : a < b
            }
        }
        if request.order == .backward { rows.reverse() }
        if let limit = request.limit, rows.count > limit { rows.removeLast(rows.count - limit) }
    }

    // MARK: Merging

    /// A loaded unit and how far it has been read.
    private struct Run {
        var loaded: Loaded
        var rank: Int
        var source: Int
        var next = 0

        var row: Int { Int(loaded.rows[next]) }
        var key: Int64 { loaded.lines.timestamps[row] }
    }

    /// False when the sink or the limit ended it.
    private func merge(
        _ units: [Unit], _ selected: [Selection], _ output: inout LineOutput,
        _ completeness: inout Completeness, _ sink: (LineData) throws -> Bool
    ) throws -> Bool {
        let isForward = request.order == .forward
        let queue = units.sorted { a, b in
            let left = isForward ? a.first : a.last
            let right = isForward ? b.first : b.last
            if left != right { return (left < right) == isForward }
            return (a.rank < b.rank) == isForward
        }
        var waiting = 0
        var memory = TemplateMemory()
        var runs = RunHeap(isForward: isForward)
        while true {
            // A unit that may hold a line at or before the next one out must be open.
            while waiting < queue.count {
                let unit = queue[waiting]
                if let next = runs.first?.key {
                    if isForward ? unit.first > next : unit.last < next { break }
                }
                waiting += 1
                let loaded = try load(unit, selected, &completeness, &memory)
                if !loaded.rows.isEmpty {
                    runs.insert(Run(loaded: loaded, rank: unit.rank, source: unit.source))
                }
            }
            guard let run = runs.first else { return true }
            if try !output.append(run.loaded.lines, run.row, source: run.source, sink) {
                return false
            }
            runs.advanceFirst()
        }
    }

    /// Loaded runs by their next line: a binary heap.
    private struct RunHeap {
        let isForward: Bool
        private var runs: [Run] = []

        init(isForward: Bool) { self.isForward = isForward }

        var first: Run? { runs.first }

        mutating func insert(_ run: Run) {
            runs.append(run)
            var place = runs.count - 1
            while place > 0, isBefore(place, (place - 1) / 2) {
                runs.swapAt(place, (place - 1) / 2)
                place = (place - 1) / 2
            }
        }

        /// Moves the first run to its next line, or drops it at its end.
        mutating func advanceFirst() {
            runs[0].next += 1
            if runs[0].next == runs[0].loaded.rows.count {
                runs.swapAt(0, runs.count - 1)
                runs.removeLast()
            }
            var place = 0
            while true {
                var least = place
                for child in [2 * place + 1, 2 * place + 2]
                where child < runs.count && isBefore(child, least) {
                    least = child
                }
                if least == place { return }
                runs.swapAt(place, least)
                place = least
            }
        }

        private func isBefore(_ a: Int, _ b: Int) -> Bool {
            let left = runs[a].key
            let right = runs[b].key
            if left != right { return (left < right) == isForward }
            return (runs[a].rank < runs[b].rank) == isForward
        }
    }
}

extension LineColumns {
    /// Streams and timestamps of the rows in the order given.
    fileprivate func pickingRows(_ rows: [UInt32]) -> LineColumns {
        var result = LineColumns()
        result.streamIndexes = rows.map { streamIndexes[Int($0)] }
        result.timestamps = rows.map { timestamps[Int($0)] }
        return result
    }

    /// The rows in the order given.
    func picking(_ rows: [UInt32]) -> LineColumns {
        var result = LineColumns()
        for row in rows.map({ Int($0) }) {
            result.append(
                streamIndex: streamIndexes[row], timestamp: timestamps[row],
                line: bytes[lineRange(row)], metadata: metadataBytes[metadataRange(row)])
        }
        return result
    }
}
