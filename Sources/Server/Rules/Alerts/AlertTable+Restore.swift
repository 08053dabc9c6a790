internal import Model

/// After a start: alerts that were pending before go on where they were.
extension AlertTable {
    /// How far back state is looked for, and how long an alert waits at least.
    struct RestoreLimits: Sendable, Hashable {
        /// A longer outage and alerts begin anew.
        var outageNanos: Int64 = 3_600_000_000_000
        /// An alert that would have fired during the outage waits so long; rules that wait for
        /// less than that anyway begin anew.
        var graceNanos: Int64 = 600_000_000_000
    }

    /// Whether there is anything to look for.
    func wantsRestore(_ limits: RestoreLimits) -> Bool {
        !isRestored && holdNanos >= limits.graceNanos
    }

    /// Moves the alerts' beginnings by what ALERTS_FOR_STATE last said.
    mutating func restore(_ states: [LastSample], at now: Timestamp, _ limits: RestoreLimits) {
        isRestored = true
        var known: [Labels: LastSample] = [:]
        for state in states { known[state.labels.withoutMetricName] = state }
        let hold = holdNanos
        mutateActive { alert in
            guard let state = known[alert.labels], !state.value.isNaN else { return }
            let began = Timestamp(seconds: state.value)
            let rest = hold - (state.time.nanos - began.nanos)
            if rest <= 0 {
                // It was firing, and fires again with the next evaluation.
                alert.activeAt = began
            } else if rest < limits.graceNanos {
                alert.activeAt = now.advanced(byNanos: limits.graceNanos - hold)
            } else {
                alert.activeAt = began.advanced(byNanos: now.nanos - state.time.nanos)
            }
        }
    }
}
