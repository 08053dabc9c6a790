internal import Model

extension YAMLSection {
    private static let relabelKeys = [
        "source_labels", "separator", "regex", "modulus", "target_label", "replacement", "action",
    ]

    /// A list of relabelling rules; those that are wrong are noted and left out.
    func relabelRules(_ name: String) -> [RelabelRule] {
        list(name).compactMap { item in
            guard
                let section = YAMLSection(
                    item.node, key: item.key, allowed: Self.relabelKeys, notes: notes)
            else { return nil }
            return section.relabelRule()
        }
    }

    private func relabelRule() -> RelabelRule? {
        var fields = RelabelRule.Fields()
        if let word = text("action") {
            guard let action = RelabelRule.Action(rawValue: word.lowercased()) else {
                let names = RelabelRule.Action.allCases.map(\.rawValue).joined(separator: ", ")
                note("action", "\"\(word)\" is not one of \(names)")
                return nil
            }
            fields.action = action
        }
        fields.sourceLabels = texts("source_labels")
        fields.separator = text("separator") ?? fields.separator
        fields.regex = text("regex") ?? fields.regex
        fields.targetLabel = text("target_label") ?? fields.targetLabel
        fields.replacement = text("replacement") ?? fields.replacement
        if let modulus = count("modulus") { fields.modulus = UInt64(modulus) }
        do throws(RelabelProblem) {
            return try RelabelRule(fields)
        } catch {
            note(error.field, error.problem)
            return nil
        }
    }
}
