internal import Model
internal import NIOCore
internal import Platform
internal import Synchronization

/// One aggregator, its delivery and its figures: what the listeners and the timers of a
/// `StatsdService` share. The aggregator's lock is held for a batch of datagrams or for a flush.
final class StatsdSink: Sendable {
    /// What an attempt to deliver came to.
    enum Delivery: Sendable { case empty, waiting, busy }

    private struct Outbox {
        var queue: StatsdQueue
        var isDelivering = false
    }

    private let settings: Mutex<(now: StatsdOptions, next: StatsdOptions?)>
    private let random: any RandomSource
    private let aggregator: Mutex<StatsdAggregator>
    private let outbox: Mutex<Outbox>
    private let appender: any Appender
    private let time: any TimeSource
    private let telemetry: Telemetry
    private let labels: [(String, String)]
    private let flushLatency: Latency
    private let heldFlushes: Counter
    private let failedAttempts: Counter
    private let givenUp: Counter
    private let lineTooLong: Counter

    init(
        name: String, options: StatsdOptions, appender: any Appender, time: any TimeSource,
        random: any RandomSource, telemetry: Telemetry
    ) {
        settings = Mutex((options, nil))
        self.random = random
        self.appender = appender
        self.time = time
        self.telemetry = telemetry
        labels = [("listener", name)]
        aggregator = Mutex(StatsdAggregator(options: options, seed: random.next()))
        outbox = Mutex(
            Outbox(
                queue: StatsdQueue(
                    source: random.next(), countMax: options.limits.pendingBatchesMax)))
        flushLatency = telemetry.latency(
            "varve_statsd_flush_seconds", help: "Time to turn an interval into batches.",
            labels: labels)
        heldFlushes = telemetry.counter(
            "varve_statsd_flushes_held_total",
            help: "Intervals merged into the next because too many batches wait for delivery.",
            labels: labels)
        failedAttempts = telemetry.counter(
            "varve_statsd_delivery_failures_total",
            help: "Attempts to append a batch that failed; the batch is kept.", labels: labels)
        givenUp = telemetry.counter(
            "varve_statsd_undeliverable_items_total",
            help: "Values and lines in batches that no attempt could ever append.", labels: labels)
        lineTooLong = telemetry.counter(
            "varve_statsd_stream_lines_dropped_total",
            help: "Lines on connections that were longer than the limit.", labels: labels)
        publish()
    }

    /// By which lines are read now.
    var options: StatsdOptions { settings.withLock { $0.now } }

    /// Reads lines by other options from the end of this interval on.
    func reload(_ options: StatsdOptions) { settings.withLock { $0.next = options } }

    /// Takes lines from a datagram batch or a stream.
    func take(_ bytes: [UInt8], _ ranges: [Range<Int>], arrivedNanos: Int64) {
        aggregator.withLock { $0.take(bytes, ranges: ranges, arrivedNanos: arrivedNanos) }
    }

    /// Takes whole lines from a stream, read just now.
    func take(_ bytes: [UInt8]) {
        take(bytes, [0..<bytes.count], arrivedNanos: time.wallNanos())
    }

    func dropLongLine() { lineTooLong.add() }

    /// Ends the interval at `endNanos`; true when there is something to deliver.
    func flush(endNanos: Int64) -> Bool {
        guard !outbox.withLock({ $0.queue.isFull }) else {
            heldFlushes.add()
            return true
        }
        let start = time.monotonicNanos()
        let batches = aggregator.withLock { aggregator in
            let batches = aggregator.flush(endNanos: endNanos)
            // Not when the clock stepped back: then it still holds what it had.
            if aggregator.lastEndNanos == endNanos, let options = takeNextOptions() {
                aggregator = StatsdAggregator(
                    continuing: aggregator, options: options, seed: random.next())
            }
            return batches
        }
        flushLatency.record(nanos: time.monotonicNanos() - start)
        return outbox.withLock { outbox in
            outbox.queue.enqueue(batches)
            return outbox.queue.count > 0
        }
    }

    private func takeNextOptions() -> StatsdOptions? {
        settings.withLock { settings in
            guard let next = settings.next else { return nil }
            settings = (next, nil)
            return next
        }
    }

    /// Ends the interval that is under way, for the last flush; false when it has to wait because
    /// the queue is full.
    func flushRemainder() -> Bool {
        guard !outbox.withLock({ $0.queue.isFull }) else { return false }
        let end = StatsdAggregator.intervalEnd(
            after: time.wallNanos(), intervalNanos: options.intervalNanos)
        _ = flush(endNanos: end)
        return true
    }

    var hasPending: Bool { outbox.withLock { $0.queue.count > 0 } }

    /// Appends what waits until there is nothing left or an attempt fails. One caller at a time
    /// delivers; others are told `busy`.
    func deliver() async -> Delivery {
        let begins = outbox.withLock { outbox in
            defer { outbox.isDelivering = true }
            return !outbox.isDelivering
        }
        guard begins else { return .busy }
        var result = Delivery.empty
        while let batch = outbox.withLock({ $0.queue.head() }) {
            do {
                let receipt = try await appender.append(batch)
                outbox.withLock { $0.queue.delivered() }
                for rejection in receipt.rejections { count(rejection) }
            } catch {
                failedAttempts.add()
                if case .gaveUp(let itemCount) = outbox.withLock({ $0.queue.failed(error) }) {
                    givenUp.add(itemCount)
                } else {
                    result = .waiting
                    break
                }
            }
        }
        outbox.withLock { $0.isDelivering = false }
        return result
    }

    private func count(_ rejection: AppendReceipt.Rejection) {
        telemetry.counter(
            "varve_statsd_rejected_items_total",
            help: "Values and lines that the store refused, by limit.",
            labels: labels + [("reason", rejection.reason)]
        ).add(rejection.itemCount)
    }

    /// Offers the aggregator's figures to whoever looks.
    private func publish() {
        figure("varve_statsd_lines_total", "Lines received.", .counter) { $0.lineCount }
        figure("varve_statsd_values_total", "Values taken.", .counter) { $0.valueCount }
        figure("varve_statsd_slow_lines_total", "Lines read by the complete parser.", .counter) {
            $0.slowLineCount
        }
        figure("varve_statsd_series", "Series in memory.", .gauge) { $0.seriesCount }
        for reason in StatsdReason.allCases {
            let isRefusal = reason.isRefusal
            figure(
                isRefusal ? "varve_statsd_refused_total" : "varve_statsd_adjusted_total",
                isRefusal
                    ? "Lines and values that were refused, by reason."
                    : "Values stored with something left out, by reason.",
                .counter, [("reason", reason.rawValue)]
            ) { $0[reason] }
        }
        telemetry.computed(
            "varve_statsd_pending_batches", help: "Batches that wait for delivery.",
            labels: labels
        ) { [weak self] in Double(self?.outbox.withLock { $0.queue.count } ?? 0) }
    }

    private func figure(
        _ name: String, _ help: String, _ kind: MetricFamilySample.Kind,
        _ more: [(String, String)] = [], _ read: @escaping @Sendable (StatsdFigures) -> Int
    ) {
        telemetry.computed(name, help: help, kind: kind, labels: labels + more) { [weak self] in
            Double(self?.aggregator.withLock { read($0.figures) } ?? 0)
        }
    }
}
