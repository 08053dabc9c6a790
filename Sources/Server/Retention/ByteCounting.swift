internal import Model
internal import Query

/// How many bytes of text the lines of a selector have, hour by hour, from the newest back.
struct ByteCounting {
    private let rule: RetentionRule
    private let context: QueryContext
    private let nowNanos: Int64

    private static let hour: Int64 = 3_600_000_000_000
    /// Hours that one query counts.
    private static let hoursPerQuery: Int64 = 24
    /// Lines are looked for as far back.
    private static let hoursMax: Int64 = 24 * 3_660

    init(_ rule: RetentionRule, _ context: QueryContext, nowNanos: Int64) {
        self.rule = rule
        self.context = context
        self.nowNanos = nowNanos
    }

    /// The start of the oldest hour that fits, with those after it, in `bytesMax`; `known`: of hours
    /// that are over, which are not read again. The hour that is not over stays whole.
    func cut(keeping bytesMax: Int, _ known: inout [Int64: Int]) async throws -> Timestamp {
        let current = nowNanos - nowNanos % Self.hour
        var first = current
        // Lines that are dated ahead count for the hour that is not over.
        var total = try await bytes(from: current, hours: 2).reduce(0) { $0 + $1.value }
        while current - first < Self.hoursMax * Self.hour {
            let start = first - Self.hoursPerQuery * Self.hour
            let hours = (1...Self.hoursPerQuery).map { first - $0 * Self.hour }
            if hours.contains(where: { known[$0] == nil }) {
                guard try await isAnythingThere(before: first) else { return .distantPast }
                let found = try await bytes(from: start, hours: Self.hoursPerQuery)
                for hour in hours { known[hour] = found[hour] ?? 0 }
            }
            for hour in hours {
                total += known[hour] ?? 0
                // What is known of this hour stays: the next count ends here too, without reading.
                if total > bytesMax { return Timestamp(nanos: hour + Self.hour) }
            }
            first = start
        }
        return .distantPast
    }

    private func isAnythingThere(before end: Int64) async throws -> Bool {
        let answer = try await context.querier.labelSets(
            LabelRequest(
                tenant: rule.tenant, signal: .logs, selector: Selector(rule.matchers),
                end: Timestamp(nanos: end), limit: 1, budget: context.budget()))
        return !answer.values.isEmpty
    }

    /// By the start of the hour. Throws when not all could be read: then nothing is known.
    private func bytes(from start: Int64, hours: Int64) async throws -> [Int64: Int] {
        let query = try LogQLQuery("sum(bytes_over_time(\(rule.text)[1h]))")
        let first = start + Self.hour - 1
        let answer = try await LogQLEngine(querier: context.querier).query(
            LogQLRequest(
                tenant: rule.tenant, query: query, start: Timestamp(nanos: first),
                end: Timestamp(nanos: first + (hours - 1) * Self.hour), stepNanos: Self.hour,
                budget: context.budget()))
        if let missing = answer.answer.completeness.missing.first {
            throw QueryError.execution(message: missing)
        }
        guard case .matrix(let rows) = answer.answer.value, let row = rows.first else { return [:] }
        var found: [Int64: Int] = [:]
        for (millis, value) in zip(row.timestampsMillis, row.values) {
            // Evaluated one nanosecond before the next hour.
            let hour = (millis * 1_000_000) / Self.hour * Self.hour
            found[hour] = Int(value)
        }
        return found
    }
}
