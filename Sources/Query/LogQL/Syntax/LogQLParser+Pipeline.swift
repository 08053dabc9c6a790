internal import Model

/// Selectors and pipelines.
extension LogQLParser {
    mutating func logExpression() throws(QueryError) -> LogExpression {
        var log = LogExpression(matchers: try selector(), stages: [])
        try stages(into: &log)
        return log
    }

    mutating func selector() throws(QueryError) -> [Matcher] {
        try expect(symbol: "{")
        var matchers: [Matcher] = []
        while !isSymbol("}") {
            let name = try identifier(matchers.isEmpty ? "IDENTIFIER or }" : "IDENTIFIER")
            guard case .symbol(let text) = token.kind,
                let operation = Matcher.Operation(rawValue: text)
            else { throw unexpected(expecting: "= or =~ or !~ or !=") }
            advance()
            let offset = token.offset
            let value = try string()
            matchers.append(try matcher(name, operation, value, at: offset))
            if !accept(symbol: ",") { break }
        }
        guard accept(symbol: "}") else { throw unexpected(expecting: "} or ,") }
        return matchers
    }

    /// As many stages as there are.
    mutating func stages(into log: inout LogExpression) throws(QueryError) {
        while case .symbol(let text) = token.kind {
            let start = token.offset
            if let operation = LineFilterExpression.Operation(rawValue: text) {
                // `!=` may also compare what went before with a number.
                if operation == .notContains, !isLineFilterOperand(peek()) { return }
                advance()
                log.stages.append(.lineFilter(try lineFilter(operation)))
            } else if text == "|" {
                advance()
                if try ending(of: &log) { return }
                log.stages.append(try stage())
            } else {
                return
            }
            guard log.stages.count <= LogQLParser.stagesMax else {
                throw .limit(name: "query.pipeline_stages_max", allowed: LogQLParser.stagesMax)
            }
            try checkUnwrap(of: log, at: start)
        }
    }

    private func isLineFilterOperand(_ token: LogQLToken) -> Bool {
        switch token.kind {
        case .string, .identifier("ip"): true
        default: false
        }
    }

    /// Behind `unwrap` only label filters may stand.
    private func checkUnwrap(
        of log: LogExpression, at offset: Int
    ) throws(QueryError) {
        guard log.stages.count > 1, let last = log.stages.last else { return }
        for case .unwrap in log.stages.dropLast() {
            if case .labelFilter = last { return }
            throw problem("syntax error: only label filters may follow unwrap", at: offset)
        }
    }

    private mutating func lineFilter(
        _ operation: LineFilterExpression.Operation
    ) throws(QueryError) -> LineFilterExpression {
        var filter = LineFilterExpression(operation: operation, alternatives: [])
        repeat {
            let offset = token.offset
            if isWord("ip") {
                guard operation == .contains || operation == .notContains else {
                    throw problem(
                        "ip: filter needs |= or !=, not \(operation.rawValue)", at: offset)
                }
                filter.alternatives.append(.init(text: try addressText(), isAddress: true))
                continue
            }
            let text = try string()
            switch operation {
            case .matches, .notMatches: _ = try regularExpression(text, at: offset)
            case .pattern, .notPattern:
                if let reason = LinePattern.problem(of: text, allowsNames: false) {
                    throw problem(reason, at: offset)
                }
            case .contains, .notContains: break
            }
            filter.alternatives.append(.init(text: text, isAddress: false))
        } while accept(word: "or")
        return filter
    }

    /// `ip("…")`
    private mutating func addressText() throws(QueryError) -> String {
        advance()
        try expect(symbol: "(")
        let offset = token.offset
        let text = try string()
        guard AddressRange(text) != nil else {
            throw problem(
                "ip: invalid pattern (\(text)): neither an address nor a range nor a CIDR",
                at: offset)
        }
        try expect(symbol: ")")
        return text
    }

    private mutating func stage() throws(QueryError) -> PipelineStage {
        let start = token.offset
        guard case .identifier(let written) = token.kind else {
            if isSymbol("(") { return .labelFilter(try labelFilter()) }
            throw unexpected()
        }
        let name = written.lowercased()
        // A label may be named as a stage: `| json="x"` filters. But in `| json != "x"` a line
        // filter follows the parser.
        let mayEndHere = ["json", "logfmt", "unpack", "decolorize"].contains(name)
        let isNegated = peek().kind == .symbol("!=") || peek().kind == .symbol("!~")
        if isComparison(peek()), !(mayEndHere && isNegated) {
            return .labelFilter(try labelFilter())
        }
        advance()
        switch name {
        case "json": return .json(try extractions())
        case "logfmt":
            var isStrict = false
            var keepsEmpty = false
            while case .flag(let flag) = token.kind {
                switch flag {
                case "strict": isStrict = true
                case "keep-empty": keepsEmpty = true
                default: throw unexpected(expecting: "--strict or --keep-empty")
                }
                advance()
            }
            return .logfmt(isStrict: isStrict, keepsEmpty: keepsEmpty, try extractions())
        case "regexp": return .regexp(try regexpText())
        case "pattern":
            let offset = token.offset
            let text = try string()
            if let reason = LinePattern.problem(of: text, allowsNames: true) {
                throw problem("invalid pattern parser: \(reason)", at: offset)
            }
            return .pattern(text)
        case "unpack": return .unpack
        case "line_format":
            let offset = token.offset
            let text = try string()
            try check(template: text, at: offset, in: "invalid line template")
            return .lineFormat(text)
        case "label_format": return .labelFormat(try assignments())
        case "decolorize": return .decolorize
        case "drop": return .drop(try choices())
        case "keep": return .keep(try choices())
        case "unwrap":
            if unwrapOffset == nil { unwrapOffset = start }
            return .unwrap(try unwrap())
        case "distinct": return .distinct(try distinctNames())
        default:
            throw problem(
                "syntax error: unexpected IDENTIFIER, expecting a parser, a formatter or a label "
                    + "filter, not \(LogQLText.quoted(written))", at: start)
        }
    }

    private func check(
        template text: String, at offset: Int, in place: String
    ) throws(QueryError) {
        do {
            _ = try LineTemplate(text)
        } catch {
            throw problem("\(place): \(error.message)", at: offset)
        }
    }

    private mutating func regexpText() throws(QueryError) -> String {
        let offset = token.offset
        let text = try string()
        let place = "invalid regexp parser: "
        let names = try regularExpression(text, at: offset, in: place).groupNames
            .compactMap { $0 }
        guard !names.isEmpty else {
            throw problem(
                place + "at least one named capture must be supplied, as in (?P<name>…)",
                at: offset)
        }
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            throw problem(place + "duplicate extracted label name '\(name)'", at: offset)
        }
        return text
    }

    /// `a="x.y", b`; none at all is fine.
    private mutating func extractions() throws(QueryError) -> [FieldExtraction] {
        var fields: [FieldExtraction] = []
        while case .identifier(let name) = token.kind {
            // `{…} | json or …` cannot be: two line expressions have no operator.
            advance()
            var path = name
            if accept(symbol: "=") { path = try string() }
            fields.append(FieldExtraction(name: name, path: path))
            if !accept(symbol: ",") { break }
        }
        for field in fields where FieldPath(field.path) == nil {
            throw problem(
                "cannot parse expression [\(field.path)]: not a path", at: token.offset)
        }
        return fields
    }

    private mutating func assignments() throws(QueryError) -> [LabelAssignment] {
        var result: [LabelAssignment] = []
        repeat {
            let offset = token.offset
            let name = try identifier()
            guard name != "__error__" else {
                throw problem("__error__ cannot be formatted", at: offset)
            }
            try expect(symbol: "=")
            if case .identifier(let source) = token.kind {
                advance()
                result.append(LabelAssignment(name: name, source: .label(source)))
            } else {
                let text = try string()
                try check(
                    template: text, at: offset, in: "invalid template for label '\(name)'")
                result.append(LabelAssignment(name: name, source: .template(text)))
            }
            if result.dropLast().contains(where: { $0.name == name }) {
                throw problem(
                    "multiple label name '\(name)' not allowed in a single format operation",
                    at: offset)
            }
        } while accept(symbol: ",")
        return result
    }

    private mutating func choices() throws(QueryError) -> [LabelChoice] {
        var result: [LabelChoice] = []
        repeat {
            let name = try identifier()
            guard case .symbol(let text) = token.kind,
                let operation = Matcher.Operation(rawValue: text)
            else {
                result.append(.name(name))
                continue
            }
            advance()
            let offset = token.offset
            let value = try string()
            result.append(.matching(try matcher(name, operation, value, at: offset)))
        } while accept(symbol: ",")
        return result
    }

    private mutating func unwrap() throws(QueryError) -> UnwrapExpression {
        let offset = token.offset
        let name = try identifier()
        guard isSymbol("(") else { return UnwrapExpression(label: name, conversion: .number) }
        guard let conversion = UnwrapExpression.Conversion(rawValue: name.lowercased()) else {
            throw problem(
                "syntax error: unexpected IDENTIFIER, unknown conversion \(name)", at: offset)
        }
        advance()
        let label = try identifier()
        try expect(symbol: ")")
        return UnwrapExpression(label: label, conversion: conversion)
    }
}
