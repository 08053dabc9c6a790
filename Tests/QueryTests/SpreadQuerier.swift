import Model
import Query
import QuerySupport
import Synchronization

/// A querier that answers as three nodes do: what lies on the first comes as it is, the others
/// reduce theirs where the query gives that away.
final class SpreadQuerier: SilentQuerier {
    private static let nodeCount = 3

    private let inner: any Querier
    private let reducers = QueryReducers()
    /// Parts of partial results that were merged.
    let partCount = Mutex(0)

    init(_ inner: any Querier) { self.inner = inner }

    private static func node(of labels: Labels) -> Int {
        Int(labels.bytes.reduce(7) { ($0 &* 31 &+ UInt64($1)) & 0xFFFF_FFFF } % UInt64(nodeCount))
    }

    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness { try await inner.selectSeries(request, sink) }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { try await inner.selectLines(request, sink) }

    func selectSeries(
        _ request: SeriesRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness {
        let nodes = (1..<Self.nodeCount).map { _ in
            reducers.reducer(of: plan, for: .metrics, budget: request.budget)
        }
        let completeness = try await inner.selectSeries(request) { batch in
            for number in 0..<Self.nodeCount {
                var part = batch.filter { Self.node(of: $0.labels) == number }
                if number > 0, let reducer = nodes[number - 1] { part = try reducer.add(part) }
                if !part.isEmpty { try sink(part) }
            }
        }
        try finish(nodes, merge)
        return completeness
    }

    func selectLines(
        _ request: LineRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        let nodes = (1..<Self.nodeCount).map { _ in
            reducers.reducer(of: plan, for: .logs, budget: request.budget)
        }
        let completeness = try await inner.selectLines(request) { data in
            for number in 0..<Self.nodeCount {
                let part = Self.part(data, number)
                guard part.lines.count > 0 else { continue }
                if number > 0, let reducer = nodes[number - 1] {
                    _ = try reducer.add(part)
                } else if try !sink(part) {
                    return false
                }
            }
            return true
        }
        try finish(nodes, merge)
        return completeness
    }

    private static func part(_ data: LineData, _ number: Int) -> LineData {
        var part = LineData(streams: data.streams, lines: LineColumns())
        for line in 0..<data.lines.count {
            let stream = data.lines.streamIndexes[line]
            guard node(of: data.streams[Int(stream)].labels ?? .empty) == number else { continue }
            part.lines.append(
                streamIndex: stream, timestamp: data.lines.timestamps[line],
                line: data.lines.bytes[data.lines.lineRange(line)],
                metadata: data.lines.metadataBytes[data.lines.metadataRange(line)])
        }
        return part
    }

    private func finish(
        _ nodes: [(any Reducer)?], _ merge: ([UInt8]) throws -> Void
    ) throws {
        for reducer in nodes {
            try reducer?.finish { part in
                partCount.withLock { $0 += 1 }
                try merge(part)
            }
        }
    }
}
