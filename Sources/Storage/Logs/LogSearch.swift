internal import Encoding
package import Model

/// Where log lines are: in memory or sealed.
package enum LogSource: Sendable {
    case memtable(LogMemtable)
    case segment(LogSegment)
}

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
        var selected: [OrdinalSet] = []
        for (number, source) in sources.enumerated() {
            try request.budget.check()
            do {
                selected.append(try collect(source, number, &units))
            } catch {
                completeness.merge(Completeness(missing: ["\(error)"]))
                selected.append(OrdinalSet(count: 0))
            }
        }
        var output = LineOutput(request: request, sources: sources)
        switch request.order {
        case .any:
            for unit in units {
                let lines = try load(unit, selected, &completeness)
                for row in 0..<lines.count {
                    if try !output.append(lines, row, source: unit.source, sink) {
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

    // MARK: Candidates

    private func collect(
        _ source: LogSource, _ number: Int, _ units: inout [Unit]
    ) throws(StorageError) -> OrdinalSet {
        let start = request.start.nanos
        let end = request.end.nanos
        switch source {
        case .memtable(let table):
            var set = OrdinalSet(count: table.streamCount)
            if let bounds = table.bounds, bounds.upperBound < start || bounds.lowerBound >= end {
                return set
            }
            for ordinal in table.select(tenant: request.tenant, selector: request.selector) {
                set.insert(ordinal)
                for chunk in table.streams[Int(ordinal)].chunks
                where chunk.last >= start && chunk.first < end {
                    units.append(
                        Unit(
                            content: .chunk(chunk), rank: units.count, source: number,
                            first: chunk.first, last: chunk.last))
                }
            }
            return set
        case .segment(let segment):
            var set = OrdinalSet(count: segment.index.seriesCount)
            let blocks = segment.directory.blocks
            let inTime = blocks.indices.filter {
                blocks[$0].last >= start && blocks[$0].first < end
            }
            guard !inTime.isEmpty else { return set }
            let ordinals = try segment.index.select(
                tenant: request.tenant, selector: request.selector)
            for ordinal in ordinals { set.insert(ordinal) }
            var candidates = OrdinalSet(count: blocks.count)
            var next = 0
            for number in inTime {
                while next < ordinals.count, ordinals[next] < blocks[number].firstStream {
                    next += 1
                }
                guard next < ordinals.count else { break }
                if ordinals[next] <= blocks[number].lastStream {
                    candidates.insert(UInt32(number))
                }
            }
            for block in try segment.index.blocks(candidates, satisfying: condition).ordinals() {
                units.append(
                    Unit(
                        content: .block(segment, Int(block)), rank: units.count, source: number,
                        first: blocks[Int(block)].first, last: blocks[Int(block)].last))
            }
            return set
        }
    }

    // MARK: Loading

    /// The unit's lines that are asked for, in the order asked for, at most `limit`.
    private func load(
        _ unit: Unit, _ selected: [OrdinalSet], _ completeness: inout Completeness
    ) throws -> LineColumns {
        var source: LineColumns
        switch unit.content {
        case .chunk(let chunk):
            try request.budget.charge(bytes: chunk.lines.bytes.count)
            source = chunk.lines
        case .block(let segment, let number):
            try request.budget.charge(bytes: segment.directory.blocks[number].rawBytes)
            do {
                source = try segment.block(number)
            } catch {
                completeness.merge(Completeness(missing: ["\(error)"]))
                return LineColumns()
            }
        }
        var rows: [UInt32] = []
        rows.reserveCapacity(source.count)
        let streams = selected[unit.source]
        let start = request.start.nanos
        let end = request.end.nanos
        for row in 0..<source.count
        where source.timestamps[row] >= start && source.timestamps[row] < end
            && streams.contains(source.streamIndexes[row])
        {
            rows.append(UInt32(row))
        }
        matcher.filter(&rows, of: source)
        arrange(&rows, source.timestamps)
        return source.picking(rows)
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
        var lines: LineColumns
        var rank: Int
        var source: Int
        var next = 0

        var key: Int64 { lines.timestamps[next] }
    }

    /// False when the sink or the limit ended it.
    private func merge(
        _ units: [Unit], _ selected: [OrdinalSet], _ output: inout LineOutput,
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
        var runs = RunHeap(isForward: isForward)
        while true {
            // A unit that may hold a line at or before the next one out must be open.
            while waiting < queue.count {
                let unit = queue[waiting]
                if let next = runs.first?.key {
                    if isForward ? unit.first > next : unit.last < next { break }
                }
                waiting += 1
                let lines = try load(unit, selected, &completeness)
                if !lines.isEmpty {
                    runs.insert(Run(lines: lines, rank: unit.rank, source: unit.source))
                }
            }
            guard let run = runs.first else { return true }
            if try !output.append(run.lines, run.next, source: run.source, sink) { return false }
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
            if runs[0].next == runs[0].lines.count {
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

/// Collects lines into batches and hands them to the sink.
private struct LineOutput {
    private let request: LineRequest
    private let sources: [LogSource]
    private var batch = LineData(streams: [], lines: LineColumns())
    /// source << 32 | ordinal → place in the batch's streams.
    private var places: [UInt64: UInt32] = [:]
    private var placeOfID: [SeriesID: UInt32] = [:]
    private var known: [UInt64: SeriesReference] = [:]
    private var emitted = 0

    init(request: LineRequest, sources: [LogSource]) {
        self.request = request
        self.sources = sources
    }

    /// False when no more lines are wanted.
    mutating func append(
        _ lines: LineColumns, _ row: Int, source: Int, _ sink: (LineData) throws -> Bool
    ) throws -> Bool {
        let stream = try place(of: lines.streamIndexes[row], source)
        batch.lines.append(
            streamIndex: stream, timestamp: lines.timestamps[row],
            line: lines.bytes[lines.lineRange(row)],
            metadata: lines.metadataBytes[lines.metadataRange(row)])
        emitted += 1
        let isLast = request.limit.map { emitted >= $0 } ?? false
        if isLast || batch.lines.count >= StorageLimits.linesPerBatch
            || batch.lines.bytes.count >= StorageLimits.lineBytesPerBatch
        {
            return try flush(sink) && !isLast
        }
        return true
    }

    /// Hands over what is collected; false when the sink wants no more.
    mutating func flush(_ sink: (LineData) throws -> Bool) throws -> Bool {
        guard !batch.lines.isEmpty else { return true }
        try request.budget.charge(samples: batch.lines.count)
        defer {
            batch = LineData(streams: [], lines: LineColumns())
            places.removeAll(keepingCapacity: true)
            placeOfID.removeAll(keepingCapacity: true)
        }
        return try sink(batch)
    }

    private mutating func place(of ordinal: UInt32, _ source: Int) throws -> UInt32 {
        let key = UInt64(source) << 32 | UInt64(ordinal)
        if let place = places[key] { return place }
        let reference = try reference(ordinal, source, key)
        // A stream that two sources hold is one stream of the answer.
        let next = UInt32(batch.streams.count)
        let place = placeOfID[reference.id] ?? next
        if place == next {
            batch.streams.append(reference)
            placeOfID[reference.id] = next
        }
        places[key] = place
        return place
    }

    private mutating func reference(
        _ ordinal: UInt32, _ source: Int, _ key: UInt64
    ) throws -> SeriesReference {
        if let reference = known[key] { return reference }
        let series: IndexedSeries
        switch sources[source] {
        case .memtable(let table): series = table.streams[Int(ordinal)].series
        case .segment(let segment): series = try segment.index.series(of: [ordinal])[0]
        }
        let reference = SeriesReference(id: series.id, labels: series.labels)
        known[key] = reference
        return reference
    }
}

extension LineColumns {
    /// The rows in the order given.
    func picking(_ rows: [UInt32]) -> LineColumns {
        if rows.count == count, zip(rows, 0...).allSatisfy({ Int($0) == $1 }) { return self }
        var result = LineColumns()
        for row in rows.map({ Int($0) }) {
            result.append(
                streamIndex: streamIndexes[row], timestamp: timestamps[row],
                line: bytes[lineRange(row)], metadata: metadataBytes[metadataRange(row)])
        }
        return result
    }
}
