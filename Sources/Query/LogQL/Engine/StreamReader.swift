internal import Model

/// Reads one stream from a place on, a few lines at first and more as its reader goes on. Streams
/// that have the same labels and more are passed over.
struct StreamReader {
    private let labels: Labels
    private let selector: Selector
    private let request: LogQLRequest
    private let querier: any Querier

    /// Lines that are asked for at once.
    private static let countMax = 1 << 14

    /// `request`: whose tenant and budget count.
    init(_ labels: Labels, request: LogQLRequest, querier: any Querier) {
        self.labels = labels
        self.request = request
        self.querier = querier
        selector = Selector(labels.pairs.map { Matcher($0.name, equals: $0.value) })
    }

    /// Gives `body` the lines in [start, end), in `order`, until it returns false. `count`: how
    /// many it is expected to want.
    func read(
        from start: Int64, to end: Int64, _ order: LineRequest.Order, count: Int,
        _ body: (LineData, Int) throws -> Bool
    ) async throws -> Completeness {
        var completeness = Completeness()
        var (start, end, count) = (start, end, max(1, count))
        // Lines at the end of what was read, all at one time, with which the next answer begins.
        var skipCount = 0
        while true {
            var (deliveredCount, isStopped) = (0, false)
            var boundary: Int64?
            var boundaryCount = 0
            let lines = LineRequest(
                tenant: request.tenant, selector: selector, start: Timestamp(nanos: start),
                end: Timestamp(nanos: end), filters: [], order: order, limit: count + skipCount,
                budget: request.budget)
            let found = try await querier.selectLines(lines) { data in
                try request.budget.check()
                for index in 0..<data.lines.count {
                    deliveredCount += 1
                    let time = data.lines.timestamps[index]
                    boundaryCount = time == boundary ? boundaryCount + 1 : 1
                    boundary = time
                    let stream = Int(data.lines.streamIndexes[index])
                    guard deliveredCount > skipCount,
                        data.streams[stream].labels ?? .empty == labels
                    else { continue }
                    if try !body(data, index) {
                        isStopped = true
                        return false
                    }
                }
                return true
            }
            completeness.merge(found)
            guard !isStopped, deliveredCount == count + skipCount, let boundary else {
                return completeness
            }
            if order == .backward { end = boundary + 1 } else { start = boundary }
            skipCount = boundaryCount
            count = min(count * 8, StreamReader.countMax)
        }
    }
}
