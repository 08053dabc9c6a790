internal import Model

extension PromQLExpr: CustomStringConvertible {
    /// The canonical form, as Prometheus' format_query prints a query of one line.
    package var description: String {
        switch self {
        case .number(let node): node.text
        case .string(let node): QuotedText.quote(node.value)
        case .parens(let node):
            if case .binary(let inner) = node.inner, inner.keepsMetricNames {
                "(\(node.inner)) keep_metric_names"
            } else {
                "(\(node.inner))"
            }
        case .vector(let node): node.text(window: "")
        case .matrix(let node):
            node.selector.text(
                window: node.window == .implicit
                    ? "" : "[\(node.window.text(nanos: node.windowNanos))]")
        case .subquery(let node) where node.window == .implicit: node.inner.description
        case .subquery(let node):
            "\(node.inner)[\(node.window.text(nanos: node.windowNanos)):"
                + (node.stepNanos.map { node.step.text(nanos: $0) } ?? "")
                + "]\(node.shift.text)"
        case .call(let node):
            node.function.name + "("
                + node.arguments.map(\.description).joined(separator: ", ") + ")"
                + (node.keepsMetricNames ? " keep_metric_names" : "")
        case .aggregate(let node): node.text
        case .unary(let node): (node.isNegation ? "-" : "+") + node.operand.description
        case .binary(let node):
            "\(node.left) \(node.operation.rawValue)\(node.returnsBool ? " bool" : "")"
                + "\(node.matching.text) \(node.right)"
        }
    }
}

extension PromQLExpr.NumberLiteral {
    fileprivate var text: String {
        guard isDuration else { return NumberText.format(value) }
        return DurationText.format(nanos: Int64(value * 1e9))
    }
}

extension DurationExpr? {
    /// As written, or `nanos` canonically.
    fileprivate func text(nanos: Int64) -> String {
        self?.description ?? DurationText.format(nanos: nanos)
    }
}

extension PromQLExpr.VectorSelector {
    fileprivate func text(window: String) -> String {
        let alternatives = ([matchers] + others).map(conditions).filter { !$0.isEmpty }
        let braces =
            alternatives.isEmpty ? "" : "{" + alternatives.joined(separator: " or ") + "}"
        let modifier = boundary == .plain ? "" : " " + boundary.rawValue
        return name + braces + window + modifier + shift.text
    }

    private func conditions(_ matchers: [Matcher]) -> String {
        let shown = matchers.filter { matcher in
            !(matcher.name == "__name__" && matcher.operation == .equal && !name.isEmpty
                && matcher.value == name)
        }
        return shown.map { matcher in
            QuotedText.labelName(matcher.name) + matcher.operation.rawValue
                + QuotedText.quote(matcher.value)
        }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: ",")
    }
}

extension PromQLExpr.TimeShift {
    fileprivate var text: String {
        var text = ""
        switch anchor {
        case .timestamp(let millis):
            let rest = String(1000 + (millis % 1000).magnitude).dropFirst()
            text = " @ \(millis < 0 ? "-" : "")\((millis / 1000).magnitude).\(rest)"
        case .start: text = " @ start()"
        case .end: text = " @ end()"
        case nil: break
        }
        if let offset {
            text += " offset \(offset)"
        } else if let offsetNanos, offsetNanos != 0 {
            text += " offset \(DurationText.format(nanos: offsetNanos))"
        }
        return text
    }
}

extension PromQLExpr.Aggregate {
    fileprivate var text: String {
        var text = operation.rawValue
        if grouping.isWithout {
            text += " without (\(QuotedText.list(grouping.names))) "
        } else if !grouping.names.isEmpty {
            text += " by (\(QuotedText.list(grouping.names))) "
        }
        return text + "(" + (parameter.map { "\($0), " } ?? "") + "\(operand))"
            + (limit.map { " limit \($0)" } ?? "")
    }
}

extension PromQLExpr.VectorMatching {
    fileprivate var text: String {
        var text = ""
        if !labels.isEmpty || isOn || cardinality != .oneToOne {
            text = " \(isOn ? "on" : "ignoring") (\(QuotedText.list(labels)))"
        }
        switch cardinality {
        case .oneToOne: break
        case .manyToOne: text += " group_left (\(QuotedText.list(include)))"
        case .oneToMany: text += " group_right (\(QuotedText.list(include)))"
        }
        if let fillLeft, fillLeft.bitPattern == fillRight?.bitPattern {
            return text + " fill (\(NumberText.format(fillLeft)))"
        }
        if let fillLeft { text += " fill_left (\(NumberText.format(fillLeft)))" }
        if let fillRight { text += " fill_right (\(NumberText.format(fillRight)))" }
        return text
    }
}

/// Strings and names as PromQL prints them.
enum QuotedText {
    /// With double quotes, escaped as Go does.
    static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value + 0x100, radix: 16).dropFirst()
                result += "\\x\(digits)"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Quoted only when it has to be.
    static func labelName(_ name: String) -> String {
        LabelName.isPlain(name) ? name : quote(name)
    }

    static func list(_ names: [String]) -> String {
        names.map(labelName).joined(separator: ", ")
    }
}
