internal import Model

/// How a rule is: what the API says of it, and what its next evaluation needs of the last.
struct RuleStatus: Sendable {
    /// Whether the last evaluation was all right.
    enum Health: String, Sendable, Hashable {
        case unknown, ok, err
    }

    var health = Health.unknown
    var lastError = ""
    var lastEvaluation: Timestamp?
    var durationNanos: Int64 = 0
    /// Of an alerting rule.
    var alerts: AlertTable?
    /// What the last evaluation that was written gave.
    var series: Set<Labels> = []

    init(_ rule: RuleDefinition, isRestored: Bool) {
        guard case .alert(let hold, let keep, _) = rule.kind else { return }
        alerts = AlertTable(
            name: rule.name, holdNanos: hold, keepNanos: keep, isRestored: isRestored)
    }
}

/// How a group is.
struct RuleGroupStatus: Sendable {
    /// Of each rule of the definition, as many.
    var rules: [RuleStatus]
    var lastEvaluation: Timestamp?
    var durationNanos: Int64 = 0
}
