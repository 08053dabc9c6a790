/// One step of relabelling: changes a label set, or drops what has it. Checked once, here; shared
/// by targets, scraped series and alerts.
/// Source: Prometheus documentation, "Configuration", relabel_config.
package struct RelabelRule: Sendable, Hashable {
    /// What a rule does.
    package enum Action: String, Sendable, Hashable, CaseIterable {
        case replace, keep, drop, labelmap, labeldrop, labelkeep, hashmod, lowercase, uppercase
        case keepequal, dropequal
    }

    /// A rule as it is written; what is not written has its default.
    package struct Fields: Sendable, Hashable {
        package var sourceLabels: [String] = []
        package var separator = ";"
        /// RE2, matched against the whole of a text.
        package var regex = "(.*)"
        package var modulus: UInt64 = 0
        package var targetLabel = ""
        package var replacement = "$1"
        package var action = Action.replace

        package init() {}
    }

    package let fields: Fields
    let expression: RegularExpression
    let target: ReplacementTemplate
    let replacement: ReplacementTemplate

    /// Throws the field that is wrong.
    package init(_ fields: Fields) throws(RelabelProblem) {
        do throws(ModelError) {
            expression = try RegularExpression(
                "^(?:\(fields.regex))$", dotMatchesNewline: true)
        } catch {
            throw RelabelProblem(field: "regex", problem: "\(error)")
        }
        try RelabelRule.check(fields)
        self.fields = fields
        target = ReplacementTemplate(fields.targetLabel, groupNames: expression.groupNames)
        replacement = ReplacementTemplate(fields.replacement, groupNames: expression.groupNames)
    }

    private static func check(_ fields: Fields) throws(RelabelProblem) {
        let action = fields.action
        switch action {
        case .replace, .hashmod, .lowercase, .uppercase, .keepequal, .dropequal:
            if fields.targetLabel.isEmpty {
                throw RelabelProblem(
                    field: "target_label", problem: "\(action) needs it, and it is missing")
            }
        case .labelmap:
            if fields.replacement.isEmpty {
                throw RelabelProblem(field: "replacement", problem: "labelmap needs a name")
            }
        case .keep, .drop, .labeldrop, .labelkeep: break
        }
        if action == .hashmod, fields.modulus == 0 {
            throw RelabelProblem(field: "modulus", problem: "hashmod needs one above 0")
        }
        if let extra = superfluous(fields) {
            throw RelabelProblem(field: extra, problem: "\(action) has no use for it")
        }
    }

    /// A field that was given and that the action ignores, where Prometheus refuses it.
    private static func superfluous(_ fields: Fields) -> String? {
        let standard = Fields()
        let changed = [
            "source_labels": fields.sourceLabels != standard.sourceLabels,
            "separator": fields.separator != standard.separator,
            "regex": fields.regex != standard.regex,
            "modulus": fields.modulus != standard.modulus,
            "target_label": fields.targetLabel != standard.targetLabel,
            "replacement": fields.replacement != standard.replacement,
        ]
        let unused: [String]
        switch fields.action {
        case .lowercase, .uppercase: unused = ["replacement"]
        case .keepequal, .dropequal: unused = ["separator", "regex", "modulus", "replacement"]
        case .labeldrop, .labelkeep:
            unused = ["source_labels", "separator", "modulus", "target_label", "replacement"]
        default: unused = []
        }
        return unused.first { changed[$0] == true }
    }

    package static func == (a: RelabelRule, b: RelabelRule) -> Bool { a.fields == b.fields }

    package func hash(into hasher: inout Hasher) { hasher.combine(fields) }
}

/// What is wrong with a rule.
package struct RelabelProblem: Error, Sendable, Hashable {
    /// As it is written: `target_label`.
    package var field: String
    package var problem: String
}
