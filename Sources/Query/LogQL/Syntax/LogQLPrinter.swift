internal import Model

/// Writes an expression in canonical form: what the parser reads back as the same tree.
struct LogQLPrinter {
    static func text(of expression: LogQLExpression) -> String {
        switch expression {
        case .log(let log): text(of: log)
        case .metric(let metric): text(of: metric)
        }
    }

    static func text(of log: LogExpression) -> String {
        let selector =
            "{" + log.matchers.map { matcher($0) }.joined(separator: ", ") + "}"
        var parts = [selector] + log.stages.map { stage($0) }
        switch log.ending {
        case .context(let before, let after): parts.append("| context -B \(before) -A \(after)")
        case .patterns: parts.append("| patterns")
        case nil: break
        }
        return parts.joined(separator: " ")
    }

    private static func matcher(_ matcher: Matcher) -> String {
        matcher.name + matcher.operation.rawValue + LogQLText.quoted(matcher.value)
    }

    static func stage(_ stage: PipelineStage) -> String {
        switch stage {
        case .lineFilter(let filter): return lineFilter(filter)
        case .labelFilter(let filter): return "| " + labelFilter(filter, isNested: false)
        case .json(let fields): return "| json" + extractions(fields)
        case .logfmt(let isStrict, let keepsEmpty, let fields):
            return "| logfmt" + (isStrict ? " --strict" : "")
                + (keepsEmpty ? " --keep-empty" : "") + extractions(fields)
        case .regexp(let text): return "| regexp " + LogQLText.quoted(text)
        case .pattern(let text): return "| pattern " + LogQLText.quoted(text)
        case .unpack: return "| unpack"
        case .lineFormat(let text): return "| line_format " + LogQLText.quoted(text)
        case .labelFormat(let assignments):
            return "| label_format " + assignments.map(assignment).joined(separator: ",")
        case .decolorize: return "| decolorize"
        case .distinct(let names): return "| distinct " + names.joined(separator: ",")
        case .drop(let choices): return "| drop " + choices.map(choice).joined(separator: ",")
        case .keep(let choices): return "| keep " + choices.map(choice).joined(separator: ",")
        case .unwrap(let unwrap):
            return unwrap.conversion == .number
                ? "| unwrap \(unwrap.label)"
                : "| unwrap \(unwrap.conversion.rawValue)(\(unwrap.label))"
        }
    }

    private static func lineFilter(_ filter: LineFilterExpression) -> String {
        let alternatives = filter.alternatives.map { alternative in
            let text = LogQLText.quoted(alternative.text)
            return alternative.isAddress ? "ip(\(text))" : text
        }
        return filter.operation.rawValue + " " + alternatives.joined(separator: " or ")
    }

    private static func labelFilter(_ filter: LabelFilterExpression, isNested: Bool) -> String {
        switch filter {
        case .and(let left, let right), .or(let left, let right):
            var word = "and"
            if case .or = filter { word = "or" }
            let text =
                labelFilter(left, isNested: true) + " \(word) "
                + labelFilter(right, isNested: true)
            return isNested ? "(\(text))" : text
        case .string(let condition): return matcher(condition)
        case .quantity(let name, let comparison, _, _, let text):
            return name + comparison.rawValue + text
        case .address(let name, let isNegated, let text):
            return name + (isNegated ? "!=" : "=") + "ip(\(LogQLText.quoted(text)))"
        }
    }

    private static func extractions(_ fields: [FieldExtraction]) -> String {
        if fields.isEmpty { return "" }
        return " "
            + fields.map { "\($0.name)=\(LogQLText.quoted($0.path))" }
            .joined(separator: ",")
    }

    private static func assignment(_ assignment: LabelAssignment) -> String {
        switch assignment.source {
        case .label(let name): "\(assignment.name)=\(name)"
        case .template(let text): "\(assignment.name)=\(LogQLText.quoted(text))"
        }
    }

    private static func choice(_ choice: LabelChoice) -> String {
        switch choice {
        case .name(let name): name
        case .matching(let condition): matcher(condition)
        }
    }

    static func text(of metric: MetricExpression) -> String {
        switch metric {
        case .number(let value): return LogQLText.number(value)
        case .vector(let value): return "vector(\(LogQLText.number(value)))"
        case .range(let range): return rangeAggregation(range)
        case .aggregation(let aggregation):
            let parameter = aggregation.parameter.map { "\($0), " } ?? ""
            let grouping = aggregation.grouping.map { " " + self.grouping($0) + " " } ?? ""
            return aggregation.function.rawValue + grouping
                + "(\(parameter)\(text(of: aggregation.operand)))"
        case .binary(let binary): return self.binary(binary)
        case .variants(let variants):
            let texts = variants.expressions.map(text(of:)).joined(separator: ", ")
            return "variants(\(texts)) of (\(lines(of: variants.lines)))"
        case .labelReplace(let replacement):
            let texts = [
                replacement.destination, replacement.replacement, replacement.source,
                replacement.pattern,
            ]
            return "label_replace(\(text(of: replacement.operand)), "
                + texts.map(LogQLText.quoted).joined(separator: ", ") + ")"
        }
    }

    private static func rangeAggregation(_ range: RangeAggregation) -> String {
        let parameter =
            (range.label ?? range.parameter.map(LogQLText.number)).map { $0 + ", " } ?? ""
        let text = "\(range.function.rawValue)(\(parameter)\(lines(of: range)))"
        guard let grouping = range.grouping else { return text }
        return text + " " + self.grouping(grouping)
    }

    /// Which lines, the range and the offset.
    private static func lines(of range: RangeAggregation) -> String {
        var text = self.text(of: range.log)
        text += " [\(LogQLText.duration(nanos: range.rangeNanos))]"
        if range.offsetNanos != 0 {
            let size = LogQLText.duration(nanos: Int64(clamping: range.offsetNanos.magnitude))
            text += " offset \(range.offsetNanos < 0 ? "-" : "")\(size)"
        }
        return text
    }

    private static func grouping(_ grouping: LabelGrouping) -> String {
        (grouping.isWithout ? "without" : "by") + " (\(grouping.names.joined(separator: ", ")))"
    }

    private static func binary(_ binary: BinaryExpression) -> String {
        var word = binary.operation.rawValue
        if binary.returnsBool { word += " bool" }
        if let matching = binary.matching {
            word += matching.isWithout ? " ignoring" : " on"
            word += " (\(matching.names.joined(separator: ", ")))"
        }
        switch binary.cardinality {
        case .oneToOne: break
        case .manyToOne(let names): word += " group_left (\(names.joined(separator: ", ")))"
        case .oneToMany(let names): word += " group_right (\(names.joined(separator: ", ")))"
        }
        return "(\(text(of: binary.left)) \(word) \(text(of: binary.right)))"
    }
}
