internal import Model

/// `| label_format a=b, c="{{.d}}"`: renames labels, or sets them from templates. Renames see what
/// came before them; all templates read the labels as they were at the first of them.
struct LabelFormatStage: Sendable {
    private enum Source: Sendable {
        case label(Int)
        case template(LineTemplateStage)
    }

    private let assignments: [(name: Int, source: Source)]
    private let templateCount: Int

    /// Nil for a template that the parser would have refused.
    init?(_ list: [LabelAssignment], nowNanos: Int64?, names: inout FieldNames) {
        var assignments: [(name: Int, source: Source)] = []
        var templateCount = 0
        for assignment in list {
            let name = names.number(of: assignment.name)
            switch assignment.source {
            case .label(let label):
                assignments.append((name, .label(names.number(of: label))))
            case .template(let text):
                let template = LineTemplateStage.make(
                    text, name: "label", nowNanos: nowNanos, &names)
                guard let template else { return nil }
                assignments.append((name, .template(template)))
                templateCount += 1
            }
        }
        self.assignments = assignments
        self.templateCount = templateCount
    }

    /// Changes `fields` of the line `text[range]`.
    func apply(
        _ text: [UInt8], _ range: Range<Int>, timestamp: Int64, _ fields: inout LineFields
    ) {
        var before: LineFields?
        for assignment in assignments {
            switch assignment.source {
            case .label(let source):
                guard let value = fields.value(of: source) else { continue }
                fields.set(assignment.name, .parsed, Array(fields.arena[value]))
                if source != assignment.name { fields.remove(source) }
            case .template(let template):
                if before == nil, templateCount > 1 { before = fields }
                var result: [UInt8] = []
                let problem = template.render(
                    text, range, timestamp: timestamp, before ?? fields, into: &result)
                if let problem {
                    fields.setError("TemplateFormatErr", details: problem.message)
                } else {
                    fields.set(assignment.name, .parsed, result)
                }
            }
        }
    }
}

/// `| drop a, b="x"` and `| keep a, b="x"`.
struct LabelChoiceStage: Sendable {
    private let isKeep: Bool
    private let choices: [(name: Int, matcher: Matcher?)]

    init(_ list: [LabelChoice], isKeep: Bool, names: inout FieldNames) {
        self.isKeep = isKeep
        var choices: [(name: Int, matcher: Matcher?)] = []
        for choice in list {
            var condition: Matcher?
            if case .matching(let matcher) = choice { condition = matcher }
            choices.append((names.number(of: choice.name), condition))
        }
        self.choices = choices
    }

    func apply(_ fields: inout LineFields) {
        if !isKeep {
            for choice in choices where isChosen(choice, fields) { fields.remove(choice.name) }
            return
        }
        var others: [Int] = []
        fields.forEachLive { field in
            // What went wrong is not for `keep` to hide.
            if field.name == FieldNames.error || field.name == FieldNames.errorDetails { return }
            let isKept = choices.contains { $0.name == field.name && isChosen($0, fields) }
            if !isKept { others.append(field.name) }
        }
        for name in others { fields.remove(name) }
    }

    private func isChosen(_ choice: (name: Int, matcher: Matcher?), _ fields: LineFields) -> Bool {
        choice.matcher?.matches(fields.bytes(of: choice.name)) ?? true
    }
}

/// `| unwrap label`: the label's value as the line's number.
struct UnwrapStage: Sendable {
    let name: Int
    private let conversion: UnwrapExpression.Conversion

    init(_ unwrap: UnwrapExpression, names: inout FieldNames) {
        name = names.number(of: unwrap.label)
        conversion = unwrap.conversion
    }

    /// Nil when the line has no such label. What cannot be read marks the line and counts as 0.
    func value(_ fields: inout LineFields) -> Double? {
        guard let range = fields.value(of: name), !range.isEmpty else { return nil }
        let text = fields.arena[range]
        let value: Double? =
            switch conversion {
            case .number: LogQLQuantity.number(text)
            case .bytes: LogQLQuantity.byteCount(text)
            case .duration, .durationSeconds:
                LogQLQuantity.durationNanos(text).map { Double($0) / 1e9 }
            }
        if let value { return value }
        let problem =
            switch conversion {
            case .number: LogQLQuantity.numberProblem(text)
            case .bytes: LogQLQuantity.byteCountProblem(text)
            case .duration, .durationSeconds: LogQLQuantity.durationProblem(text)
            }
        fields.setError("SampleExtractionErr", details: problem)
        return 0
    }
}
