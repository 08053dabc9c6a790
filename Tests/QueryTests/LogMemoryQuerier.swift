import Model
import QuerySupport

/// A `Querier` over lines in memory, for tests of LogQL: applies selectors, filters, order and
/// limit exactly as the door says, in small batches.
final class LogMemoryQuerier: SilentQuerier {
    struct Line {
        var labels: Labels
        var nanos: Int64
        var text: [UInt8]
        var metadata: Labels
    }

    private let lines: [Line]
    private let batchLines: Int
    private let missing: [String]

    init(_ lines: [Line], batchLines: Int = 3, missing: [String] = []) {
        self.lines = lines
        self.batchLines = batchLines
        self.missing = missing
    }

    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness {
        var chosen = lines.filter { line in
            line.nanos >= request.start.nanos && line.nanos < request.end.nanos
                && request.selector.matches(line.labels)
                && request.filters.allSatisfy { LogMemoryQuerier.passes(line.text, $0) }
        }
        let ordered = chosen.enumerated().sorted {
            ($0.element.nanos, $0.offset) < ($1.element.nanos, $1.offset)
        }.map(\.element)
        switch request.order {
        case .forward: chosen = ordered
        case .backward: chosen = ordered.reversed()
        // Any order is any order: the worst one for whoever relies on it.
        case .any: chosen.reverse()
        }
        if let limit = request.limit { chosen = Array(chosen.prefix(limit)) }
        var rest = chosen[...]
        while !rest.isEmpty {
            let batch = LogMemoryQuerier.batch(rest.prefix(batchLines), request.tenant)
            try request.budget.charge(bytes: batch.lines.bytes.count)
            if try !sink(batch) { break }
            rest = rest.dropFirst(batchLines)
        }
        return Completeness(missing: missing)
    }

    static func batch(_ lines: some Collection<Line>, _ tenant: Tenant) -> LineData {
        var data = LineData(streams: [], lines: LineColumns())
        for line in lines {
            let number =
                data.streams.firstIndex { $0.labels == line.labels } ?? data.streams.count
            if number == data.streams.count {
                data.streams.append(SeriesReference(tenant: tenant, labels: line.labels))
            }
            data.lines.append(
                streamIndex: UInt32(number), timestamp: line.nanos, line: line.text[...],
                metadata: line.metadata.bytes[...])
        }
        return data
    }

    private static func passes(_ text: [UInt8], _ filter: LineFilter) -> Bool {
        let string = String(decoding: text, as: UTF8.self)
        let found = filter.alternatives.contains { pattern in
            switch pattern {
            case .contains(let bytes):
                bytes.isEmpty || string.contains(String(decoding: bytes, as: UTF8.self))
            case .containsFolded(let bytes):
                bytes.isEmpty
                    || string.lowercased().contains(String(decoding: bytes, as: UTF8.self))
            case .matches(let expression): expression.matches(in: text[...])
            }
        }
        return found != filter.negated
    }
}
