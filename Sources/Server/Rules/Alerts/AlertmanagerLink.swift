package import Platform
internal import Synchronization

/// What carries a request to an Alertmanager.
package protocol AlertCarrier: Sendable {
    /// POSTs JSON; returns when the answer is a success.
    func post(_ body: [UInt8], to url: String) async throws(NetworkError)
}

/// The network.
struct HTTPAlertCarrier: AlertCarrier {
    private static let secondsMax: Int64 = 10
    private static let answerBytesMax = 1 << 20

    func post(_ body: [UInt8], to url: String) async throws(NetworkError) {
        let answer = try await HTTPClient().post(
            url, body: body, contentType: "application/json", secondsMax: Self.secondsMax,
            bodyBytesMax: Self.answerBytesMax)
        guard answer.status / 100 == 2 else {
            throw .refused(status: answer.status, body: answer.body)
        }
    }
}

/// The way to one Alertmanager: a queue and a task that empties it, so that one that is slow or away
/// holds up no other. What could not be sent is dropped: an alert that goes on is sent again after
/// the resend delay, as Prometheus does it.
final class AlertmanagerLink: Sendable {
    private struct State {
        var queue = NotificationQueue()
        var isClosed = false
    }

    /// With the path of the API.
    let url: String
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let carrier: any AlertCarrier
    private let time: any TimeSource
    private let telemetry: Telemetry
    private let sent: Counter
    private let errors: Counter
    private let dropped: Counter
    private let latency: Latency
    private let warn: @Sendable (String) -> Void

    /// `url`: of the Alertmanager, with its prefix if it has one.
    init(
        _ url: String, carrier: any AlertCarrier, time: any TimeSource, telemetry: Telemetry,
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.url = AlertmanagerLink.endpoint(of: url)
        self.carrier = carrier
        self.time = time
        self.telemetry = telemetry
        self.warn = warn
        (wakes, wake) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let labels = [(Self.label, self.url)]
        sent = telemetry.counter(
            "varve_notifications_sent_total", help: "Alerts that Alertmanager took.",
            labels: labels)
        errors = telemetry.counter(
            "varve_notifications_errors_total", help: "Requests to Alertmanager that failed.",
            labels: labels)
        dropped = telemetry.counter(
            "varve_notifications_dropped_total",
            help: "Alerts that were not delivered: no room in the queue, or the request failed.",
            labels: labels)
        latency = telemetry.latency(
            "varve_notifications_latency_seconds", help: "Requests to Alertmanager.",
            labels: labels)
        telemetry.gauge(
            "varve_notifications_queue_capacity", help: "Alerts that may wait.", labels: labels
        ).set(NotificationQueue.countMax)
        telemetry.computed(
            "varve_notifications_queue_length", help: "Alerts that wait to be sent.",
            labels: labels
        ) { [weak self] in Double(self?.state.withLock { $0.queue.count } ?? 0) }
    }

    private static let label = "alertmanager"

    /// `http://host:9093/api/v2/alerts` of `http://host:9093/`.
    static func endpoint(of url: String) -> String {
        var base = url[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        return "\(base)/api/v2/alerts"
    }

    /// Queues alerts; the oldest that wait are dropped when there is no room.
    func add(_ alerts: [OutgoingAlert]) {
        let excess = state.withLock { $0.isClosed ? alerts.count : $0.queue.add(alerts) }
        dropped.add(excess)
        wake.yield()
    }

    /// Sends what waits, until `close`: then what still waits, until something fails.
    func run() async {
        for await _ in wakes { await sendWaiting() }
        await sendWaiting()
        telemetry.remove(label: Self.label, value: url)
    }

    /// No more is taken.
    func close() {
        state.withLock { $0.isClosed = true }
        wake.finish()
    }

    /// One request after the other, until nothing waits.
    func sendWaiting() async {
        while true {
            let batch = state.withLock { $0.queue.take() }
            if batch.isEmpty { return }
            let started = time.monotonicNanos()
            do throws(NetworkError) {
                try await carrier.post(OutgoingAlert.json(batch), to: url)
                sent.add(batch.count)
            } catch {
                errors.add()
                dropped.add(batch.count)
                warn("\(batch.count) alerts could not be sent to \(url): \(error)")
                if state.withLock({ $0.isClosed }) { return dropWaiting() }
            }
            latency.record(nanos: time.monotonicNanos() - started)
        }
    }

    private func dropWaiting() {
        var count = 0
        while true {
            let batch = state.withLock { $0.queue.take() }
            if batch.isEmpty { break }
            count += batch.count
        }
        dropped.add(count)
    }
}
