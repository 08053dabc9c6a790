internal import Model

/// One alert: a label set for which the condition of an alerting rule holds, or lately held.
struct Alert: Sendable, Hashable {
    /// Ascending by how serious it is.
    enum State: Int, Sendable, Hashable, Comparable {
        case inactive, pending, firing

        var text: String {
            switch self {
            case .inactive: "inactive"
            case .pending: "pending"
            case .firing: "firing"
            }
        }

        static func < (a: State, b: State) -> Bool { a.rawValue < b.rawValue }
    }

    var state = State.pending
    /// With `alertname`.
    var labels: Labels
    var annotations: [RulePair]
    /// Of the condition, when it was last true.
    var value: Double
    /// Since when the condition holds; moved when state is restored.
    var activeAt: Timestamp
    var firedAt: Timestamp?
    /// When the condition ceased to hold; nil while it holds or the alert is kept firing.
    var resolvedAt: Timestamp?
    /// Since when it only fires because it is kept.
    var keptSince: Timestamp?
    var lastSentAt: Timestamp?
    /// Until when Alertmanager is to take it for firing without hearing of it again.
    var validUntil: Timestamp?

    /// Whether Alertmanager is to hear of it at `now`: at once of its end, else again and again.
    func needsSending(at now: Timestamp, resendNanos: Int64) -> Bool {
        if state == .pending { return false }
        guard let lastSentAt else { return true }
        if let resolvedAt, resolvedAt > lastSentAt { return true }
        return lastSentAt.advanced(byNanos: resendNanos) < now
    }
}
