internal import Model
internal import Raft

/// Merges the ordered lines of the shards here and of other nodes: by timestamp, then by node.
/// Lines from here are pushed, those of others pulled when it is their turn; the limit holds for
/// all together.
struct LineMerge {
    /// Lines of one node that are not given out yet.
    private struct Head {
        /// Nil: of this node.
        let call: Int?
        let rank: NodeRank
        let data: LineData
        var next = 0
        /// Where each stream is in the batch that is being filled, if it is.
        var places: [UInt32]
        var generation = 0

        init(_ data: LineData, call: Int?, rank: NodeRank) {
            self.data = data
            self.call = call
            self.rank = rank
            places = [UInt32](repeating: .max, count: data.streams.count)
        }

        var key: Int64 { data.lines.timestamps[next] }
        var isAtEnd: Bool { next == data.lines.count }
    }

    /// A node's number, for the order of equal timestamps.
    typealias NodeRank = UInt64

    private let isForward: Bool
    private let limit: Int
    private let localRank: NodeRank
    private var heads: [Head] = []
    private var batch = LineData(streams: [], lines: LineColumns())
    private var placeOfID: [SeriesID: UInt32] = [:]
    private var generation = 1
    private var emitted = 0

    init(_ request: LineRequest, localRank: NodeRank) {
        isForward = request.order == .forward
        limit = request.limit ?? .max
        self.localRank = localRank
    }

    /// More lines from here. False when no more are wanted.
    mutating func add(
        _ data: LineData, _ others: inout ReadFanOut, _ sink: (LineData) throws -> Bool
    ) throws -> Bool {
        guard !data.lines.isEmpty else { return true }
        heads.append(Head(data, call: nil, rank: localRank))
        return try run(&others, sink)
    }

    /// There are no more lines here: the rest of the others'.
    mutating func finish(
        _ others: inout ReadFanOut, _ sink: (LineData) throws -> Bool
    ) throws {
        guard emitted < limit, try run(&others, sink) else { return }
        _ = try flush(sink)
    }

    /// Gives out lines until one more is needed from here, or there are no more.
    private mutating func run(
        _ others: inout ReadFanOut, _ sink: (LineData) throws -> Bool
    ) throws -> Bool {
        while true {
            try refill(&others)
            guard let first = heads.indices.min(by: { isBefore(heads[$0], heads[$1]) }) else {
                return true
            }
            let rest = heads.indices.filter { $0 != first }
            let second = rest.min { isBefore(heads[$0], heads[$1]) }
            let end = second.map { rows(of: heads[first], before: heads[$0]) }
            if try !append(heads[first].next..<(end ?? heads[first].data.lines.count), first, sink)
            {
                return false
            }
            guard heads[first].isAtEnd else { continue }
            if heads.remove(at: first).call == nil { return true }
        }
    }

    /// A line of every call that has more must be known before the next is given out.
    private mutating func refill(_ others: inout ReadFanOut) throws {
        var call = 0
        // Calls may be added on the way, in place of one that fails.
        while call < others.callCount {
            while !others.isOver(call), !heads.contains(where: { $0.call == call }) {
                guard let content = try others.next(of: call) else { break }
                guard case .lines(let data) = content else {
                    others.giveUp(call, "it answers another question")
                    break
                }
                if !data.lines.isEmpty {
                    let rank = others.node(of: call).number
                    heads.append(Head(data, call: call, rank: rank))
                }
            }
            call += 1
        }
    }

    private func isBefore(_ a: Head, _ b: Head) -> Bool {
        if a.key != b.key { return (a.key < b.key) == isForward }
        return (a.rank < b.rank) == isForward
    }

    /// Where the rows of `head` that come before the other's next one end: at least one.
    private func rows(of head: Head, before other: Head) -> Int {
        let timestamps = head.data.lines.timestamps
        let bound = other.key
        let isFirstAmongEqual = (head.rank < other.rank) == isForward
        var end = head.next + 1
        while end < timestamps.count {
            let key = timestamps[end]
            guard key == bound ? isFirstAmongEqual : (key < bound) == isForward else { break }
            end += 1
        }
        return end
    }

    /// False when no more are wanted.
    private mutating func append(
        _ rows: Range<Int>, _ index: Int, _ sink: (LineData) throws -> Bool
    ) throws -> Bool {
        let lines = heads[index].data.lines
        var row = rows.lowerBound
        while row < rows.upperBound {
            let stream = lines.streamIndexes[row]
            let most = min(
                rows.upperBound, row + ReadLimits.linesPerBatch - batch.lines.count,
                row + min(limit - emitted, rows.count))
            var end = row + 1
            while end < most, lines.streamIndexes[end] == stream { end += 1 }
            let place = place(of: Int(stream), index)
            batch.lines.append(row..<end, of: lines, streamIndex: place)
            emitted += end - row
            row = end
            heads[index].next = end
            let isLast = emitted >= limit
            if isLast || batch.lines.count >= ReadLimits.linesPerBatch
                || batch.lines.bytes.count >= ReadLimits.lineBytesPerBatch
            {
                guard try flush(sink), !isLast else { return false }
            }
        }
        return true
    }

    private mutating func place(of stream: Int, _ index: Int) -> UInt32 {
        if heads[index].generation != generation {
            heads[index].generation = generation
            for place in heads[index].places.indices { heads[index].places[place] = .max }
        }
        let known = heads[index].places[stream]
        if known != .max { return known }
        let reference = heads[index].data.streams[stream]
        let next = UInt32(batch.streams.count)
        let place = placeOfID[reference.id] ?? next
        if place == next {
            batch.streams.append(reference)
            placeOfID[reference.id] = next
        }
        heads[index].places[stream] = place
        return place
    }

    private mutating func flush(_ sink: (LineData) throws -> Bool) throws -> Bool {
        guard !batch.lines.isEmpty else { return true }
        let full = batch
        batch = LineData(streams: [], lines: LineColumns())
        placeOfID.removeAll(keepingCapacity: true)
        generation += 1
        return try sink(full)
    }
}

/// Gives out lines as they come, within a limit for all together.
struct LineCut {
    private let limit: Int
    private var emitted = 0

    init(limit: Int?) { self.limit = limit ?? .max }

    /// False when no more are wanted.
    mutating func add(_ data: LineData, _ sink: (LineData) throws -> Bool) throws -> Bool {
        let left = limit - emitted
        guard data.lines.count > left else {
            emitted += data.lines.count
            return try sink(data) && emitted < limit
        }
        emitted = limit
        guard left > 0 else { return false }
        var cut = LineData(streams: data.streams, lines: LineColumns())
        for row in 0..<left {
            cut.lines.append(
                row..<row + 1, of: data.lines, streamIndex: data.lines.streamIndexes[row])
        }
        _ = try sink(cut)
        return false
    }
}
