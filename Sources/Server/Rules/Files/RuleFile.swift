internal import Query
internal import Yams

/// A file of rule groups in Prometheus' YAML, read strictly.
/// Source: Prometheus documentation, "Defining recording rules", "Alerting rules".
struct RuleFile {
    private static let groupKeys = [
        "name", "interval", "query_offset", "limit", "labels", "type", "rules",
    ]
    private static let ruleKeys = [
        "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations",
    ]

    private(set) var groups: [RuleGroupDefinition] = []
    /// Sentences of what is allowed, but may not be meant.
    private(set) var warnings: [FileFault] = []

    /// `intervalNanos`: of groups that name none. Throws everything that is wrong.
    init(path: String, text: String, intervalNanos: Int64) throws(FileFaults) {
        let notes = YAMLSection.Notes(path: path)
        if let file = YAMLSection(text: text, allowed: ["groups"], notes: notes) {
            var known: Set<String> = []
            for (node, key) in file.list("groups") {
                guard
                    let section = YAMLSection(
                        node, key: key, allowed: Self.groupKeys, notes: notes)
                else { continue }
                let group = group(section, path, intervalNanos)
                if !group.name.isEmpty, !known.insert(group.name).inserted {
                    section.note("name", "the group \"\(group.name)\" stands in this file twice")
                }
                groups.append(group)
            }
        }
        guard notes.faults.isEmpty else { throw FileFaults(notes.faults) }
        warnings = likenesses(path)
    }

    private func group(
        _ section: YAMLSection, _ path: String, _ intervalNanos: Int64
    ) -> RuleGroupDefinition {
        var language = RuleQuery.Language.promql
        if let word = section.text("type") {
            if let found = RuleQuery.Language(rawValue: word) {
                language = found
            } else {
                let names = RuleQuery.Language.allCases.map(\.rawValue)
                section.note(
                    "type", "\"\(word)\" is not one of \(names.joined(separator: ", "))")
            }
        }
        let interval = section.duration("interval") ?? 0
        let labels = section.pairs("labels", isAllowed: Self.isLabelName)
        var rules: [RuleDefinition] = []
        for (node, key) in section.list("rules") {
            guard
                let rule = YAMLSection(
                    node, key: key, allowed: Self.ruleKeys, notes: section.notes),
                let read = self.rule(rule, language, labels)
            else { continue }
            if let first = rules.first(where: { $0 == read }) {
                rule.note(
                    read.isAlert ? "alert" : "record", "the same rule stands in line \(first.line)")
            }
            rules.append(read)
        }
        return RuleGroupDefinition(
            name: section.required("name") ?? "", file: path,
            intervalNanos: interval > 0 ? interval : intervalNanos,
            queryOffsetNanos: section.duration("query_offset") ?? 0,
            limit: section.count("limit") ?? 0, rules: rules)
    }

    private func rule(
        _ section: YAMLSection, _ language: RuleQuery.Language, _ groupLabels: [RulePair]
    ) -> RuleDefinition? {
        let record = section.text("record") ?? ""
        let alert = section.text("alert") ?? ""
        let query = query(section, language)
        let own = section.pairs("labels", isAllowed: Self.isLabelName)
        let names = Set(own.map(\.name))
        let labels = (own + groupLabels.filter { !names.contains($0.name) }).sorted {
            $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        let kind: RuleDefinition.Kind
        switch (record.isEmpty, alert.isEmpty) {
        case (true, true):
            section.notes.add(section.node, section.key, "record or alert is expected")
            return nil
        case (false, false):
            section.note("alert", "record or alert is expected, not both")
            return nil
        case (false, true):
            checkRecord(section, record)
            kind = .record
        case (true, false):
            kind = .alert(
                holdNanos: section.duration("for") ?? 0,
                keepNanos: section.duration("keep_firing_for") ?? 0,
                annotations: section.pairs("annotations") { !$0.isEmpty })
            checkTexts(section)
        }
        guard let query else { return nil }
        return RuleDefinition(
            kind: kind, name: record.isEmpty ? alert : record, query: query, labels: labels,
            line: section.node.mark?.line ?? 0)
    }

    private func checkRecord(_ section: YAMLSection, _ name: String) {
        if name.contains("{") || name.contains("}") {
            section.note("record", "\"\(name)\" has braces: a metric's name is expected")
        }
        for key in ["for", "keep_firing_for", "annotations"] where section[key] != nil {
            section.note(key, "only alerts have it")
        }
    }

    /// Labels and annotations of alerts are templates.
    private func checkTexts(_ section: YAMLSection) {
        for key in ["labels", "annotations"] {
            guard let mapping = section[key]?.mapping else { continue }
            for (name, value) in mapping {
                guard let text = value.scalar?.string else { continue }
                if let problem = AlertText.problem(of: text) {
                    section.notes.add(
                        value, "\(section.path(to: key)).\(name.scalar?.string ?? "?")", problem)
                }
            }
        }
    }

    private func query(_ section: YAMLSection, _ language: RuleQuery.Language) -> RuleQuery? {
        guard let text = section.required("expr") else { return nil }
        do {
            return try RuleQuery(reading: text, language)
        } catch {
            section.note("expr", "\(error)")
            return nil
        }
    }

    /// Rules that write or fire under the same name and labels: allowed, but seldom meant.
    private func likenesses(_ path: String) -> [FileFault] {
        var first: [[RulePair]: Int] = [:]
        var warnings: [FileFault] = []
        for rule in groups.flatMap(\.rules) {
            let identity = [RulePair(name: "", value: rule.name)] + rule.labels
            if let line = first[identity] {
                warnings.append(
                    FileFault(
                        path: path, line: rule.line, column: nil, key: "",
                        problem: "\(rule.name) has the name and labels of the rule in line \(line)"
                    ))
            } else {
                first[identity] = rule.line
            }
        }
        return warnings
    }

    private static func isLabelName(_ name: String) -> Bool {
        !name.isEmpty && name != "__name__"
    }
}

extension RuleQuery {
    /// Reads the query, which must answer with numbers. Throws what the parser says.
    init(reading text: String, _ language: Language) throws(QueryError) {
        switch language {
        case .promql:
            self.init(language: language, text: "\(try PromQLEngine.parseOnly(text))")
        case .logql:
            let query = try LogQLQuery(text)
            guard query.kind == .metric else {
                throw .execution(message: "a query of numbers is expected, not of lines")
            }
            self.init(language: language, text: query.description)
        }
    }
}
