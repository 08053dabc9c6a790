internal import Encoding
internal import Model
internal import Query

/// Rules and alerts as Prometheus' API tells of them. A node of a cluster that does not evaluate
/// them asks the one that does. Source: Prometheus documentation, "HTTP API", rules and alerts.
package struct RulesAPI: Sendable {
    let service: RuleService
    private let relay: DutyRelay

    /// `keeper`: address of HTTP of the node that evaluates; nil when this one does or nobody
    /// knows.
    package init(service: RuleService, keeper: @escaping @Sendable () -> String?) {
        self.service = service
        relay = DutyRelay(keeper: keeper)
    }

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1", "/prometheus/api/v1"] {
            table.add([.get], "\(prefix)/rules", .quick) { call in
                try await relay.answer(call, rules)
            }
            table.add([.get], "\(prefix)/alerts", .quick) { call in
                try await relay.answer(call, alerts)
            }
            table.add([.get], "\(prefix)/alertmanagers", .quick, alertmanagers)
        }
    }

    package func rules(_ call: HTTPCall) throws -> HTTPAnswer {
        let filter = try RuleFilter(call)
        let groups = call.tenant == service.tenant ? service.groups : []
        let page = try filter.page(of: filter.matching(groups))
        return .json(
            PrometheusJSON.success { json in
                json.raw("{\"groups\":[")
                for (index, group) in page.groups.enumerated() {
                    if index > 0 { json.comma() }
                    RulesJSON.write(group, withAlerts: !filter.excludesAlerts, to: &json)
                }
                json.raw("]")
                if let next = page.next {
                    json.raw(",\"groupNextToken\":")
                    json.string(next)
                }
                json.raw("}")
            })
    }

    package func alerts(_ call: HTTPCall) throws -> HTTPAnswer {
        let groups = call.tenant == service.tenant ? service.groups : []
        let alerts = groups.flatMap(\.status.rules).flatMap { $0.alerts?.active ?? [] }
        return .json(
            PrometheusJSON.success { json in
                json.raw("{\"alerts\":")
                RulesJSON.write(alerts, to: &json)
                json.raw("}")
            })
    }

    package func alertmanagers(_ call: HTTPCall) async throws -> HTTPAnswer {
        .json(
            PrometheusJSON.success { json in
                json.raw("{\"activeAlertmanagers\":[")
                for (index, url) in service.notifier.urls.enumerated() {
                    if index > 0 { json.comma() }
                    json.raw("{\"url\":")
                    json.string(url)
                    json.raw("}")
                }
                json.raw("],\"droppedAlertmanagers\":[]}")
            })
    }
}

/// Which groups and rules a call asks for.
struct RuleFilter {
    /// A group with those of its rules that are asked for.
    struct Selected {
        var definition: RuleGroupDefinition
        var status: RuleGroupStatus
        var indexes: [Int]
    }

    private enum Kind { case alert, record }

    private var kind: Kind?
    private let names: Set<String>
    private let groups: Set<String>
    private let files: Set<String>
    private var matchers: [[Matcher]] = []
    let excludesAlerts: Bool
    private let groupLimit: Int?
    private let nextToken: String?

    init(_ call: HTTPCall) throws {
        switch call.parameters["type"]?.lowercased() {
        case nil, "": kind = nil
        case "alert": kind = .alert
        case "record": kind = .record
        case .some(let other):
            throw HTTPFailure.invalid("type", "not supported value \"\(other)\"")
        }
        names = Set(call.parameters.all("rule_name"))
        groups = Set(call.parameters.all("rule_group"))
        files = Set(call.parameters.all("file"))
        for text in call.parameters.all("match") {
            matchers.append(try PromQLEngine.parseSelector(text))
        }
        switch call.parameters["exclude_alerts"]?.lowercased() {
        case nil, "", "false", "0", "f": excludesAlerts = false
        case "true", "1", "t": excludesAlerts = true
        default: throw HTTPFailure.invalid("exclude_alerts", "true or false is allowed")
        }
        groupLimit = try call.count("group_limit")
        nextToken = call.parameters["group_next_token"].flatMap { $0.isEmpty ? nil : $0 }
        if groupLimit == 0 {
            throw HTTPFailure.invalid("group_limit", "it needs to be greater than 0")
        }
        if nextToken != nil, groupLimit == nil {
            throw HTTPFailure.invalid(
                "group_limit", "it needs to be set in order to paginate over the groups")
        }
    }

    /// Groups without rules that are asked for are left out.
    func matching(
        _ all: [(definition: RuleGroupDefinition, status: RuleGroupStatus)]
    ) -> [Selected] {
        all.compactMap { group in
            guard groups.isEmpty || groups.contains(group.definition.name),
                files.isEmpty || files.contains(group.definition.file)
            else { return nil }
            let indexes = group.definition.rules.indices.filter {
                matches(group.definition.rules[$0])
            }
            guard !indexes.isEmpty else { return nil }
            return Selected(
                definition: group.definition, status: group.status, indexes: Array(indexes))
        }
    }

    private func matches(_ rule: RuleDefinition) -> Bool {
        switch kind {
        case .alert where !rule.isAlert, .record where rule.isAlert: return false
        default: break
        }
        guard names.isEmpty || names.contains(rule.name) else { return false }
        guard !matchers.isEmpty else { return true }
        let labels = rule.labels.labels
        return matchers.contains { $0.allSatisfy { $0.matches(labels) } }
    }

    /// The groups from `group_next_token` on, at most `group_limit`, and the token of the rest.
    func page(of all: [Selected]) throws(HTTPFailure) -> (groups: [Selected], next: String?) {
        guard let groupLimit else { return (all, nil) }
        var rest = all[...]
        if let nextToken {
            guard let start = all.firstIndex(where: { token(of: $0) == nextToken }) else {
                throw HTTPFailure.invalid(
                    "group_next_token",
                    "invalid group_next_token '\(nextToken)'. were rule "
                        + "groups changed?")
            }
            rest = all[start...]
        }
        let page = Array(rest.prefix(groupLimit))
        return (page, rest.dropFirst(groupLimit).first.map(token))
    }

    private func token(of group: Selected) -> String {
        let hash = StableHash.hash128(Array(group.definition.key.text.utf8), seed: 0)
        return String(hash.high, radix: 16) + String(hash.low, radix: 16)
    }
}
