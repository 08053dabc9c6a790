internal import Model
internal import Query

/// Groups of rules over logs as Loki's ruler lists them: YAML by namespace, which is the file's path
/// here. They are changed in their files only. How they fare is at `/prometheus/api/v1/rules`.
/// Source: Grafana Loki documentation, "HTTP API", ruler.
package struct LokiRulesAPI: Sendable {
    let service: RuleService

    package init(service: RuleService) { self.service = service }

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/loki/api/v1/rules", "/api/prom/rules"] {
            table.add([.get], prefix, .quick, rules)
            table.add([.get], "\(prefix)/{namespace}", .quick, rules)
            table.add([.get], "\(prefix)/{namespace}/{group}", .quick, rules)
        }
    }

    package func rules(_ call: HTTPCall) async throws -> HTTPAnswer {
        let namespace = call.pathValues["namespace"]
        let name = call.pathValues["group"]
        let all = call.tenant == service.tenant ? service.groups.map(\.definition) : []
        let groups = all.filter { group in
            group.rules.contains { $0.query.language == .logql }
                && (namespace == nil || LokiRulesAPI.namespace(of: group) == namespace)
                && (name == nil || group.name == name)
        }
        guard !groups.isEmpty else { throw HTTPFailure.notFound("no rule groups found") }
        let text =
            name == nil
            ? LokiRulesAPI.yaml(groups) : LokiRulesAPI.lines(of: groups[0], indent: "")
        return HTTPAnswer(
            contentType: "application/yaml; charset=utf-8", body: .bytes(Array(text.utf8)))
    }

    /// The file's name: a path would not fit into one part of an URL.
    private static func namespace(of group: RuleGroupDefinition) -> String {
        group.file.split(separator: "/").last.map(String.init) ?? group.file
    }

    private static func yaml(_ groups: [RuleGroupDefinition]) -> String {
        var namespaces: [String: [RuleGroupDefinition]] = [:]
        for group in groups { namespaces[namespace(of: group), default: []].append(group) }
        return namespaces.sorted { $0.key < $1.key }.map { name, groups in
            "\(quoted(name)):\n" + groups.map { "  - " + lines(of: $0, indent: "    ") }.joined()
        }.joined()
    }

    /// The first line without its indent.
    private static func lines(of group: RuleGroupDefinition, indent: String) -> String {
        var text = "name: \(quoted(group.name))\n"
        text += "\(indent)interval: \(duration(group.intervalNanos))\n"
        if group.limit > 0 { text += "\(indent)limit: \(group.limit)\n" }
        text += "\(indent)rules:\n"
        for rule in group.rules where rule.query.language == .logql {
            let inner = indent + "    "
            text += "\(indent)  - \(rule.isAlert ? "alert" : "record"): \(quoted(rule.name))\n"
            text += "\(inner)expr: \(quoted(rule.query.text))\n"
            if case .alert(let hold, let keep, let annotations) = rule.kind {
                if hold > 0 { text += "\(inner)for: \(duration(hold))\n" }
                if keep > 0 { text += "\(inner)keep_firing_for: \(duration(keep))\n" }
                text += map("annotations", annotations, inner)
            }
            text += map("labels", rule.labels, inner)
        }
        return text
    }

    private static func map(_ name: String, _ pairs: [RulePair], _ indent: String) -> String {
        guard !pairs.isEmpty else { return "" }
        return "\(indent)\(name):\n"
            + pairs.map { "\(indent)    \(quoted($0.name)): \(quoted($0.value))\n" }.joined()
    }

    private static func duration(_ nanos: Int64) -> String { "\(nanos / 1_000_000)ms" }

    /// A YAML string in double quotes is one of JSON.
    private static func quoted(_ text: String) -> String {
        var json = JSONWriter()
        json.string(text)
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
