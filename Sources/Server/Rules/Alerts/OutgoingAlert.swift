internal import Model

/// An alert on its way to Alertmanagers.
struct OutgoingAlert: Sendable, Hashable {
    var labels: Labels
    var annotations: [RulePair]
    var startsAt: Timestamp
    var endsAt: Timestamp
    /// Where a person sees the rule's query.
    var link: String

    init(_ alert: Alert, link: String) {
        labels = alert.labels
        annotations = alert.annotations
        startsAt = alert.firedAt ?? alert.activeAt
        endsAt = alert.resolvedAt ?? alert.validUntil ?? alert.activeAt
        self.link = link
    }

    /// As Prometheus links a query: its table.
    static func link(to query: String, at url: String) -> String {
        let escaped = FormParameters.encoded(query).replacing("%20", with: "+")
        return "\(url)/graph?g0.expr=\(escaped)&g0.tab=1"
    }

    /// With labels that tell this store from others, where the alert has no such label itself.
    func labelled(_ external: [RulePair]) -> OutgoingAlert {
        var builder = LabelsBuilder()
        for label in external { builder.set(label.name, label.value) }
        labels.forEachSlice { name, value in
            builder.set(name, value)
            return true
        }
        var labelled = self
        labelled.labels = builder.build()
        return labelled
    }

    /// A list of them as Alertmanager's API v2 takes it.
    /// Source: Alertmanager, api/v2/openapi.yaml, postableAlerts.
    static func json(_ alerts: [OutgoingAlert]) -> [UInt8] {
        var json = JSONWriter()
        json.raw("[")
        for (index, alert) in alerts.enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"labels\":")
            json.object(alert.labels)
            json.raw(",\"annotations\":")
            json.object(alert.annotations)
            json.raw(",\"startsAt\":")
            json.string(TimeText.format(alert.startsAt))
            json.raw(",\"endsAt\":")
            json.string(TimeText.format(alert.endsAt))
            json.raw(",\"generatorURL\":")
            json.string(alert.link)
            json.raw("}")
        }
        json.raw("]")
        return json.bytes
    }
}

extension JSONWriter {
    /// `{"name":"text",…}`
    mutating func object(_ pairs: [RulePair]) {
        raw("{")
        for (index, pair) in pairs.enumerated() {
            if index > 0 { comma() }
            string(pair.name)
            raw(":")
            string(pair.value)
        }
        raw("}")
    }
}
