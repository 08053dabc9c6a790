internal import Platform
internal import Synchronization

/// How many queries run: those whose answer is still being streamed count.
final class QuerySlots: Sendable {
    /// One query's place; given back by `release` or when it is let go.
    final class Slot: Sendable {
        private let slots: QuerySlots
        private let isReleased = Atomic<Bool>(false)

        fileprivate init(_ slots: QuerySlots) { self.slots = slots }

        deinit { release() }

        func release() {
            guard !isReleased.exchange(true, ordering: .relaxed) else { return }
            slots.running.subtract(1, ordering: .relaxed)
        }
    }

    private let running = Atomic<Int>(0)
    private let refused: Counter

    init(_ telemetry: Telemetry) {
        refused = telemetry.counter(
            "varve_queries_refused_total", help: "Queries refused at query-concurrency.")
        telemetry.computed("varve_queries_running", help: "Queries that run now.") { [weak self] in
            Double(self?.running.load(ordering: .relaxed) ?? 0)
        }
    }

    /// Throws a 429 when `countMax` queries are running.
    func take(upTo countMax: Int) throws(HTTPFailure) -> Slot {
        let count = running.add(1, ordering: .relaxed).newValue
        let slot = Slot(self)
        guard count <= countMax else {
            refused.add()
            throw HTTPFailure(
                status: 429, type: "unavailable",
                message: "query-concurrency: \(countMax) queries are running, no more are allowed",
                retryAfterSeconds: 1)
        }
        return slot
    }
}
