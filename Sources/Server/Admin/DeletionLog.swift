internal import Encoding
internal import Model
internal import Synchronization

/// Which deletions of lines were asked for, the last `countMax` of them; in memory only. What is
/// asked for twice is one.
/// Source: Grafana Loki documentation, "HTTP API", list log deletion requests.
final class DeletionLog: Sendable {
    private static let countMax = 1_000
    private static let millisecond: Int64 = 1_000_000

    private let entries = Mutex<[(deletion: Deletion, asked: Timestamp)]>([])

    func add(_ deletion: Deletion, at time: Timestamp) {
        entries.withLock { entries in
            entries.removeAll { $0.deletion == deletion }
            if entries.count >= DeletionLog.countMax { entries.removeFirst() }
            entries.append((deletion, time))
        }
    }

    /// `[{"request_id":…,"start_time":…,"end_time":…,"query":…,"status":…,"created_at":…},…]`; times
    /// in seconds, `created_at` 0 where nobody knows it any more. `waiting`: those whose space is
    /// not free, with the share of shards that hold some of it.
    func answer(
        tenant: Tenant, waiting: [(deletion: Deletion, share: Double)]
    ) -> [UInt8] {
        let known = entries.withLock { $0 }.filter { $0.deletion.tenant == tenant }
        let older = waiting.filter { one in !known.contains { $0.deletion == one.deletion } }
        let rows = older.map { ($0.deletion, Timestamp(nanos: 0)) } + known
        var json = JSONWriter()
        json.raw("[")
        for (index, (deletion, asked)) in rows.enumerated() {
            if index > 0 { json.comma() }
            let share = waiting.first { $0.deletion == deletion }?.share ?? 0
            json.raw("{\"request_id\":\"\(DeletionLog.id(of: deletion))\",\"start_time\":")
            seconds(deletion.start, to: &json)
            json.raw(",\"end_time\":")
            seconds(deletion.end.advanced(byNanos: -DeletionLog.millisecond), to: &json)
            json.raw(",\"query\":")
            json.string(DeletionLog.query(of: deletion))
            json.raw(",\"status\":\"\(DeletionLog.status(share))\",\"created_at\":")
            seconds(asked, to: &json)
            json.raw("}")
        }
        json.raw("]")
        return json.bytes
    }

    private func seconds(_ time: Timestamp, to json: inout JSONWriter) {
        json.seconds(millis: time.millis)
    }

    private static func status(_ share: Double) -> String {
        switch share {
        case 0: "processed"
        case 1...: "received"
        default: "\(Int((1 - share) * 100))% Complete"
        }
    }

    private static func id(of deletion: Deletion) -> String {
        var writer = ByteWriter()
        deletion.write(to: &writer)
        return String(StableHash.hash64(writer.bytes, seed: 0), radix: 16)
    }

    /// The selector and line filters, as they would be asked for.
    private static func query(of deletion: Deletion) -> String {
        let sets = deletion.selector.alternatives.map { matchers in
            "{\(matchers.map(\.description).joined(separator: ", "))}"
        }
        let filters = deletion.filters.map { filter -> String in
            let isRegex = filter.alternatives.contains {
                if case .contains = $0 { false } else { true }
            }
            let sign =
                switch (filter.negated, isRegex) {
                case (false, false): "|="
                case (true, false): "!="
                case (false, true): "|~"
                case (true, true): "!~"
                }
            let texts = filter.alternatives.map { pattern -> String in
                switch pattern {
                case .contains(let bytes): quoted(String(decoding: bytes, as: UTF8.self))
                case .containsFolded(let bytes):
                    quoted("(?i)" + String(decoding: bytes, as: UTF8.self))
                case .matches(let expression): quoted(expression.pattern)
                }
            }
            return " \(sign) \(texts.joined(separator: " or "))"
        }
        return sets.joined(separator: " or ") + filters.joined()
    }

    private static func quoted(_ text: String) -> String {
        var json = JSONWriter()
        json.string(text)
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
