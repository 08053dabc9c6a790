/// Functions of MetricsQL that are several of others: each is written out as their `union`, told
/// apart by a label.
enum PromQLMacro: String, CaseIterable {
    case rollup
    case rollupRate = "rollup_rate"
    case rollupIncrease = "rollup_increase"
    case rollupDelta = "rollup_delta"
    case rollupDerivative = "rollup_deriv"
    case rollupScrapeInterval = "rollup_scrape_interval"
    case rollupCandlestick = "rollup_candlestick"
    case aggregateOverTime = "aggr_over_time"
    case quantilesOverTime = "quantiles_over_time"
    case quantiles
    case histogramShare = "histogram_share"
    case remainingUse = "ru"
    case timeToFull = "ttf"

    private static let extremes = ["min", "max", "avg"]

    /// The text that it stands for. Nil for arguments that it cannot have.
    func expansion(_ arguments: [PromQLExpr]) -> String? {
        let texts = arguments.map(\.description)
        switch self {
        case .rollup: return rolledUp(texts) { "\($0)_over_time(\($1))" }
        case .rollupRate, .rollupIncrease, .rollupDelta, .rollupDerivative,
            .rollupScrapeInterval:
            guard texts.count == 1 else { return nil }
            return rolledUp(texts) { "\(rawValue)(\($1), \(QuotedText.quote($0)))" }
        case .rollupCandlestick:
            guard texts.count == 1 else { return nil }
            let names = [
                ("open", "first"), ("close", "last"), ("low", "min"), ("high", "max"),
            ]
            return PromQLMacro.union(
                names.map { (label: "rollup", value: $0.0, "\($0.1)_over_time(\(texts[0]))") })
        case .aggregateOverTime:
            guard texts.count > 1 else { return nil }
            let names = arguments.dropLast().compactMap(PromQLMacro.string)
            guard names.count == texts.count - 1 else { return nil }
            return PromQLMacro.union(
                names.map {
                    (label: "rollup", value: $0, "\($0)(\(texts[texts.count - 1]))")
                })
        case .quantilesOverTime: return quantiles(arguments, "quantile_over_time")
        case .quantiles: return quantiles(arguments, "quantile")
        case .histogramShare:
            return texts.count == 2
                ? "histogram_fraction(-Inf, \(texts[0]), \(texts[1]))" : nil
        case .remainingUse:
            guard texts.count == 2 else { return nil }
            return "(clamp_min(\(texts[1]) - clamp_min(\(texts[0]), 0), 0) "
                + "/ clamp_min(\(texts[1]), 0) * 100)"
        case .timeToFull:
            guard texts.count == 1 else { return nil }
            return "(\(texts[0]) / clamp_min(-deriv(\(texts[0])), 0))"
        }
    }

    private static func string(_ expr: PromQLExpr) -> String? {
        if case .string(let literal) = expr.withoutParens { return literal.value }
        return nil
    }

    private static func union(_ parts: [(label: String, value: String, text: String)]) -> String {
        let rows = parts.map { part in
            "label_set(\(part.text), \(QuotedText.quote(part.label)), "
                + "\(QuotedText.quote(part.value)))"
        }
        return "union(" + rows.joined(separator: ", ") + ")"
    }

    /// With a second argument only that one of min, max and avg.
    private func rolledUp(
        _ texts: [String], _ text: (_ name: String, _ argument: String) -> String
    ) -> String? {
        switch texts.count {
        case 1:
            return PromQLMacro.union(
                PromQLMacro.extremes.map {
                    (label: "rollup", value: $0, text($0, texts[0]))
                })
        case 2:
            let name = PromQLMacro.extremes.first { texts[1] == QuotedText.quote($0) }
            return name.map { text($0, texts[0]) }
        default: return nil
        }
    }

    private func quantiles(_ arguments: [PromQLExpr], _ function: String) -> String? {
        guard arguments.count > 2, let label = PromQLMacro.string(arguments[0]),
            let operand = arguments.last?.description
        else { return nil }
        return PromQLMacro.union(
            arguments.dropFirst().dropLast().map { quantile in
                (
                    label: label, value: quantile.withoutParens.description,
                    "\(function)(\(quantile), \(operand))"
                )
            })
    }
}

extension PromQLParser {
    /// What a macro is, at its name.
    mutating func expand(_ macro: PromQLMacro) throws(QueryError) -> Parsed {
        // With two arguments a function of that name computes it.
        let name = advance()
        let (arguments, end) = try argumentList(in: "function call")
        if let function = PromQLFunction.named(macro.rawValue), arguments.count == 2 {
            return try call(
                function, arguments, range: PromQLParser.span(name.range.lowerBound, end))
        }
        isRewritten = true
        guard let text = macro.expansion(arguments.map(\.expr)) else {
            throw failure(
                "wrong arguments in call to \(QuotedText.quote(macro.rawValue))",
                at: name.range.lowerBound)
        }
        let result = try PromQLParser.expansion(text)
        try checkDepth(result.depth)
        return result
    }
}
