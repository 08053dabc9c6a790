internal import Model
internal import Query

/// The alerts of one rule, as a state machine: what the condition found goes in, series come out.
/// Source: Prometheus 3, alerting rules.
struct AlertTable: Sendable {
    /// What the condition found for one label set.
    struct Finding: Sendable {
        var labels: Labels
        var annotations: [RulePair]
        var value: Double
    }

    /// How long the end of an alert is told to Alertmanager.
    static let resolvedNanos: Int64 = 15 * 60_000_000_000
    /// Between sending and being forgotten there is room for so many failures.
    private static let failuresAllowed: Int64 = 4

    private var alerts: [Labels: Alert] = [:]
    let name: String
    let holdNanos: Int64
    let keepNanos: Int64
    /// Series are written only when the state from before the start has been taken over: they
    /// would else hide it.
    var isRestored: Bool

    init(name: String, holdNanos: Int64, keepNanos: Int64, isRestored: Bool) {
        self.name = name
        self.holdNanos = holdNanos
        self.keepNanos = keepNanos
        self.isRestored = isRestored
    }

    /// Those that are pending or firing, by labels.
    var active: [Alert] {
        alerts.values.filter { $0.resolvedAt == nil }.sorted { $0.labels < $1.labels }
    }

    /// All of them, by labels: also those that ended a while ago.
    var all: [Alert] { alerts.values.sorted { $0.labels < $1.labels } }

    /// The most serious.
    var state: Alert.State { alerts.values.map(\.state).max() ?? .inactive }

    /// Changes each that is pending or firing.
    mutating func mutateActive(_ change: (inout Alert) -> Void) {
        for alert in active {
            var changed = alert
            change(&changed)
            alerts[alert.labels] = changed
        }
    }

    /// Goes on with the alerts of the rule that was in this one's place.
    mutating func takeOver(_ other: AlertTable) {
        alerts = other.alerts
        isRestored = isRestored || other.isRestored
    }

    /// One evaluation at `now`. Throws when two findings have the same labels, which changes
    /// nothing, and when more than `limit` alerts are active (0: any number), which ends them all.
    mutating func update(
        _ findings: [Finding], at now: Timestamp, limit: Int
    ) throws(RuleProblem) {
        var found: Set<Labels> = []
        for finding in findings {
            guard found.insert(finding.labels).inserted else {
                throw .failed(
                    "vector contains metrics with the same labelset after applying alert labels: "
                        + "\(finding.labels)")
            }
        }
        for finding in findings { note(finding, at: now) }
        var activeCount = 0
        for (labels, alert) in alerts {
            guard
                let next = AlertTable.next(
                    alert, holds: found.contains(labels), at: now, holdNanos, keepNanos)
            else {
                alerts[labels] = nil
                continue
            }
            alerts[labels] = next
            if next.resolvedAt == nil { activeCount += 1 }
        }
        guard limit == 0 || activeCount <= limit else {
            alerts = [:]
            throw .failed("exceeded limit of \(limit) with \(activeCount) alerts")
        }
    }

    private mutating func note(_ finding: Finding, at now: Timestamp) {
        if alerts[finding.labels]?.state ?? .inactive != .inactive {
            alerts[finding.labels]?.value = finding.value
            alerts[finding.labels]?.annotations = finding.annotations
            return
        }
        alerts[finding.labels] = Alert(
            labels: finding.labels, annotations: finding.annotations, value: finding.value,
            activeAt: now)
    }

    /// What an alert is after an evaluation; nil when it is forgotten.
    private static func next(
        _ alert: Alert, holds: Bool, at now: Timestamp, _ holdNanos: Int64, _ keepNanos: Int64
    ) -> Alert? {
        var next = alert
        if holds {
            next.keptSince = nil
        } else {
            switch alert.state {
            case .pending: return nil
            case .inactive:
                let ended = alert.resolvedAt ?? now
                return now.nanos - ended.nanos > resolvedNanos ? nil : alert
            case .firing:
                let since = alert.keptSince ?? now
                if keepNanos > 0 { next.keptSince = since }
                guard keepNanos > 0, now.nanos - since.nanos < keepNanos else {
                    next.state = .inactive
                    next.resolvedAt = now
                    return next
                }
            }
        }
        if next.state == .pending, now.nanos - next.activeAt.nanos >= holdNanos {
            next.state = .firing
            next.firedAt = now
        }
        return next
    }

    /// ALERTS and ALERTS_FOR_STATE of the active ones; none before state is restored.
    var samples: RuleSamples {
        var samples = RuleSamples()
        guard isRestored else { return samples }
        for alert in active {
            var builder = LabelsBuilder(alert.labels)
            builder.set("__name__", "ALERTS")
            builder.set("alertstate", alert.state.text)
            samples.append(builder.build(), .float(1))
            builder = LabelsBuilder(alert.labels)
            builder.set("__name__", AlertTable.stateMetric)
            let seconds = Timestamp(millis: alert.activeAt.millis).nanos / 1_000_000_000
            samples.append(builder.build(), .float(Double(seconds)))
        }
        return samples
    }

    /// Holds since when each alert is active, in seconds.
    static let stateMetric = "ALERTS_FOR_STATE"

    /// The alerts of which Alertmanager is to hear at `now`, noted as sent.
    mutating func takeDue(
        at now: Timestamp, resendNanos: Int64, intervalNanos: Int64
    ) -> [Alert] {
        var due: [Alert] = []
        for alert in all where alert.needsSending(at: now, resendNanos: resendNanos) {
            var sent = alert
            sent.lastSentAt = now
            let pause = max(resendNanos, intervalNanos)
            sent.validUntil = now.advanced(byNanos: Self.failuresAllowed * pause)
            alerts[alert.labels] = sent
            due.append(sent)
        }
        return due
    }
}
