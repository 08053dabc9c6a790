internal import Encoding
internal import Model
internal import Query

/// Groups, rules and alerts as Prometheus' API writes them.
enum RulesJSON {
    /// What Go writes for no time.
    private static let never = "0001-01-01T00:00:00Z"

    static func write(
        _ group: RuleFilter.Selected, withAlerts: Bool, to json: inout JSONWriter
    ) {
        json.raw("{\"name\":")
        json.string(group.definition.name)
        json.raw(",\"file\":")
        json.string(group.definition.file)
        json.raw(",\"rules\":[")
        for (place, index) in group.indexes.enumerated() {
            if place > 0 { json.comma() }
            write(
                group.definition.rules[index], group.status.rules[index], withAlerts: withAlerts,
                to: &json)
        }
        json.raw("],\"interval\":\(seconds(group.definition.intervalNanos))")
        json.raw(",\"limit\":\(group.definition.limit)")
        times(group.status.lastEvaluation, group.status.durationNanos, to: &json)
        json.raw("}")
    }

    private static func write(
        _ rule: RuleDefinition, _ status: RuleStatus, withAlerts: Bool,
        to json: inout JSONWriter
    ) {
        json.raw("{")
        if let alerts = status.alerts {
            let state = status.lastEvaluation == nil ? "unknown" : alerts.state.text
            json.raw("\"state\":\"\(state)\",")
        }
        json.raw("\"name\":")
        json.string(rule.name)
        json.raw(",\"query\":")
        json.string(rule.query.text)
        if case .alert(let hold, let keep, let annotations) = rule.kind {
            json.raw(",\"duration\":\(seconds(hold)),\"keepFiringFor\":\(seconds(keep))")
            json.raw(",\"labels\":")
            json.object(rule.labels)
            json.raw(",\"annotations\":")
            json.object(annotations)
            json.raw(",\"alerts\":")
            write(withAlerts ? status.alerts?.active ?? [] : [], to: &json)
        } else if !rule.labels.isEmpty {
            json.raw(",\"labels\":")
            json.object(rule.labels)
        }
        json.raw(",\"health\":\"\(status.health.rawValue)\"")
        if !status.lastError.isEmpty {
            json.raw(",\"lastError\":")
            json.string(status.lastError)
        }
        times(status.lastEvaluation, status.durationNanos, to: &json)
        json.raw(",\"type\":\"\(rule.isAlert ? "alerting" : "recording")\"}")
    }

    /// A list of alerts.
    static func write(_ alerts: [Alert], to json: inout JSONWriter) {
        json.raw("[")
        for (index, alert) in alerts.enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"labels\":")
            json.object(alert.labels)
            json.raw(",\"annotations\":")
            json.object(alert.annotations)
            json.raw(",\"state\":\"\(alert.state.text)\",\"activeAt\":")
            json.string(TimeText.format(alert.activeAt, decimals: 0))
            if let since = alert.keptSince {
                json.raw(",\"keepFiringSince\":")
                json.string(TimeText.format(since, decimals: 0))
            }
            json.raw(",\"value\":\"\(exponential(alert.value))\"}")
        }
        json.raw("]")
    }

    private static func times(
        _ last: Timestamp?, _ nanos: Int64, to json: inout JSONWriter
    ) {
        json.raw(",\"evaluationTime\":\(seconds(nanos)),\"lastEvaluation\":")
        json.string(last.map { TimeText.format($0, decimals: 0) } ?? never)
    }

    private static func seconds(_ nanos: Int64) -> String {
        NumberText.format(Double(nanos) / 1e9)
    }

    /// `1.5e+03`: as few digits as it takes, as Go's format 'e' writes them.
    static func exponential(_ value: Double) -> String {
        value.isFinite ? DoubleText.exponential(value) : NumberText.format(value)
    }
}
