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
            let name = try identifier("a label name or \"}\"")
            guard case .symbol(let text) = token.kind,
                let operation = Matcher.Operation(rawValue: text)
            else { throw unexpected(expecting: "one of = != =~ !~") }
            advance()
            let offset = token.offset
            let value = try string("a label value in quotes")
            matchers.append(try matcher(name, operation, value, at: offset))
            if !accept(symbol: ",") { break }
        }
        try expect(symbol: "}")
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
            throw problem("only label filters may follow unwrap", at: offset)
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
                    throw problem("ip() needs |= or !=", at: offset)
                }
                filter.alternatives.append(.init(text: try addressText(), isAddress: true))
                continue
            }
            let text = try string("a text in quotes")
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
        let text = try string("an address, range or CIDR in quotes")
        guard AddressRange(text) != nil else {
            throw problem(
                "ip: invalid address, range or CIDR \(LogQLText.quoted(text))", at: offset)
        }
        try expect(symbol: ")")
        return text
    }

    private mutating func stage() throws(QueryError) -> PipelineStage {
        let start = token.offset
        guard case .identifier(let name) = token.kind else {
            if isSymbol("(") { return .labelFilter(try labelFilter()) }
            throw unexpected(expecting: "a parser, a formatter or a label filter")
        }
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
            let text = try string("a pattern in quotes")
            if let reason = LinePattern.problem(of: text, allowsNames: true) {
                throw problem(reason, at: offset)
            }
            return .pattern(text)
        case "unpack": return .unpack
        case "line_format":
            let offset = token.offset
            let text = try string("a template in quotes")
            try check(template: text, at: offset)
            return .lineFormat(text)
        case "label_format": return .labelFormat(try assignments())
        case "decolorize": return .decolorize
        case "drop": return .drop(try choices())
        case "keep": return .keep(try choices())
        case "unwrap": return .unwrap(try unwrap())
        case "distinct", "context":
            throw unsupported(name, at: start)
        default:
            throw problem(
                "unexpected \(name), expecting a parser, a formatter or a label filter",
                at: start)
        }
    }

    private func check(template text: String, at offset: Int) throws(QueryError) {
        do {
            _ = try LineTemplate(text)
        } catch {
            throw problem("invalid template: \(error.message)", at: offset)
        }
    }

    private mutating func regexpText() throws(QueryError) -> String {
        let offset = token.offset
        let text = try string("a regular expression in quotes")
        let names = try regularExpression(text, at: offset).groupNames.compactMap { $0 }
        guard !names.isEmpty else {
            throw problem(
                "at least one named capture, as in (?P<name>…), must be supplied", at: offset)
        }
        guard Set(names).count == names.count else {
            throw problem("duplicate capture name", at: offset)
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
            if accept(symbol: "=") { path = try string("a path in quotes") }
            fields.append(FieldExtraction(name: name, path: path))
            if !accept(symbol: ",") { break }
        }
        for field in fields where FieldPath(field.path) == nil {
            throw problem(
                "invalid path \(LogQLText.quoted(field.path))", at: token.offset)
        }
        return fields
    }

    private mutating func assignments() throws(QueryError) -> [LabelAssignment] {
        var result: [LabelAssignment] = []
        repeat {
            let offset = token.offset
            let name = try identifier("a label name")
            guard name != "__error__" else {
                throw problem("__error__ cannot be formatted", at: offset)
            }
            try expect(symbol: "=")
            if case .identifier(let source) = token.kind {
                advance()
                result.append(LabelAssignment(name: name, source: .label(source)))
            } else {
                let text = try string("a label or a template in quotes")
                try check(template: text, at: offset)
                result.append(LabelAssignment(name: name, source: .template(text)))
            }
            if result.dropLast().contains(where: { $0.name == name }) {
                throw problem(
                    "multiple label name \(name) not allowed in a single format operation",
                    at: offset)
            }
        } while accept(symbol: ",")
        return result
    }

    private mutating func choices() throws(QueryError) -> [LabelChoice] {
        var result: [LabelChoice] = []
        repeat {
            let name = try identifier("a label name")
            guard case .symbol(let text) = token.kind,
                let operation = Matcher.Operation(rawValue: text)
            else {
                result.append(.name(name))
                continue
            }
            advance()
            let offset = token.offset
            let value = try string("a label value in quotes")
            result.append(.matching(try matcher(name, operation, value, at: offset)))
        } while accept(symbol: ",")
        return result
    }

    private mutating func unwrap() throws(QueryError) -> UnwrapExpression {
        let offset = token.offset
        let name = try identifier("a label or a conversion")
        guard isSymbol("(") else { return UnwrapExpression(label: name, conversion: .number) }
        guard !name.isEmpty, let conversion = UnwrapExpression.Conversion(rawValue: name) else {
            throw problem("unknown conversion \(name)", at: offset)
        }
        advance()
        let label = try identifier("a label name")
        try expect(symbol: ")")
        return UnwrapExpression(label: label, conversion: conversion)
    }
}
