internal import Platform

/// The figures of one group, named as Prometheus names them behind `varve_`.
struct RuleFigures: Sendable {
    let evaluations: Counter
    let failures: Counter
    let iterations: Counter
    let missed: Counter
    let duration: Latency
    let lastDuration: Gauge
    let lastEvaluation: Gauge
    let lastSamples: Gauge
    let lastRestore: Gauge

    private static let label = "rule_group"

    init(_ group: RuleGroupDefinition, _ telemetry: Telemetry) {
        let labels = [(Self.label, group.key.text)]
        evaluations = telemetry.counter(
            "varve_rule_evaluations_total", help: "Evaluations of rules.", labels: labels)
        failures = telemetry.counter(
            "varve_rule_evaluation_failures_total",
            help: "Evaluations of rules that failed, or whose samples could not be written.",
            labels: labels)
        iterations = telemetry.counter(
            "varve_rule_group_iterations_total",
            help: "Evaluations of groups that were due, missed ones included.", labels: labels)
        missed = telemetry.counter(
            "varve_rule_group_iterations_missed_total",
            help: "Evaluations of groups that were left out because the one before took too long.",
            labels: labels)
        duration = telemetry.latency(
            "varve_rule_evaluation_duration_seconds", help: "Evaluation of one rule.")
        lastDuration = telemetry.gauge(
            "varve_rule_group_last_duration_seconds",
            help: "How long the last evaluation of the group took.", labels: labels)
        lastEvaluation = telemetry.gauge(
            "varve_rule_group_last_evaluation_timestamp_seconds",
            help: "When the group was last evaluated.", labels: labels)
        lastSamples = telemetry.gauge(
            "varve_rule_group_last_evaluation_samples",
            help: "Samples that the last evaluation of the group gave.", labels: labels)
        lastRestore = telemetry.gauge(
            "varve_rule_group_last_restore_duration_seconds",
            help: "How long it took to take over the state of alerts from before.", labels: labels)
        telemetry.gauge(
            "varve_rule_group_interval_seconds", help: "The interval of the group.", labels: labels
        ).set(Double(group.intervalNanos) / 1e9)
        telemetry.gauge(
            "varve_rule_group_rules", help: "The rules of the group.", labels: labels
        ).set(group.rules.count)
    }

    /// Of a group that is no more.
    static func remove(_ group: RuleGroupDefinition, _ telemetry: Telemetry) {
        telemetry.remove(label: Self.label, value: group.key.text)
    }
}
