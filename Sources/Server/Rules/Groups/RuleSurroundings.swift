internal import Model
internal import Platform

/// What groups of rules need of the world; the same for all of them.
struct RuleSurroundings: Sendable {
    let evaluator: any RuleEvaluator
    let appender: any Appender
    let time: any TimeSource
    let telemetry: Telemetry
    /// Whose series are read and written.
    let tenant: Tenant
    let options: RuleOptions
    /// Takes alerts of which Alertmanager is to hear.
    let notify: @Sendable ([OutgoingAlert]) -> Void
    /// One line for a person.
    let warn: @Sendable (String) -> Void

    func now() -> Timestamp { Timestamp(nanos: time.wallNanos()) }
}

/// What is the same for all rules and can change while they run.
struct RuleOptions: Sendable, Hashable {
    /// Of this store among others: templates name them, and alerts that are sent have them.
    var externalLabels: [RulePair] = []
    /// Where people reach this store, without `/` at the end.
    var externalURL = ""
    /// An alert that goes on is sent again so often.
    var resendNanos: Int64 = 60_000_000_000
    var restore = AlertTable.RestoreLimits()
}
