internal import Encoding
internal import Model
internal import Query

/// Query languages and the small languages in them: read, printed, and run over a few samples and
/// lines.
extension FuzzTargets {
    static let languages = [
        Target("promql", lengthMax: 512, run: promql),
        Target("logql", lengthMax: 512, run: logql),
        Target("logql_lines", lengthMax: 1024, run: logqlLines),
        Target("regex", lengthMax: 256, run: regularExpression),
        Target("numbers", lengthMax: 128, run: numbers),
    ]

    private static let stepNanos: Int64 = 30_000_000_000

    /// Any time may be asked for: an ordinary one, the ends of time, a step beyond them.
    private static let grids: [(start: Int64, end: Int64, step: Int64)] = [
        (FuzzStore.epoch, FuzzStore.epoch + 20 * stepNanos, stepNanos),
        (.min, .min + 3, 1),
        (.max - 5, .max, 2),
        (-stepNanos, stepNanos, stepNanos),
        (FuzzStore.epoch, FuzzStore.epoch + 1, .max),
    ]

    private static func promql(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let grid = grids[input.choice(of: grids.count)]
        let text = input.text
        guard let expression = try? PromQLEngine.parseOnly(text) else { return }
        let printed = "\(expression)"
        guard let again = try? PromQLEngine.parseOnly(printed) else {
            preconditionFailure("can not be read back: \(printed)")
        }
        precondition("\(again)" == printed, "printed otherwise: \(printed), \(again)")
        let engine = PromQLEngine(
            options: PromQLEngine.Options(stepsMax: 100, subqueryStepsMax: 300))
        FuzzExecutor.run {
            _ = try? await engine.instant(
                text, at: Timestamp(nanos: grid.end), tenant: .standard,
                querier: FuzzStore.shared, budget: FuzzStore.budget)
            _ = try? await engine.range(
                text, start: Timestamp(nanos: grid.start), end: Timestamp(nanos: grid.end),
                stepNanos: grid.step, tenant: .standard, querier: FuzzStore.shared,
                budget: FuzzStore.budget)
        }
    }

    private static func logql(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let grid = grids[input.choice(of: grids.count)]
        guard let query = try? LogQLQuery(input.text) else { return }
        let printed = query.description
        guard let again = try? LogQLQuery(printed) else {
            preconditionFailure("can not be read back: \(printed)")
        }
        precondition(again.description == printed, "printed otherwise: \(printed), \(again)")
        answer(query, grid)
    }

    /// The lines come from the input too: a query, a newline, lines.
    private static func logqlLines(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let stages = [
            "| json", "| json a=\"b[0].c\", d", "| logfmt",
            "| logfmt --strict --keep-empty a=\"b\"",
            "| regexp \"(?P<a>[a-z]+)(?P<b>.*)\"", "| pattern \"<a> <_>=<b>,<_>\"", "| unpack",
            "| decolorize", "| json | line_format \"{{.a}}{{.b | ToUpper}}\"",
            "| logfmt | a > 5 or b < 2s and c = ip(\"10.0.0.0/8\") | label_format d=a, e=\"{{.b}}\"",
            "| json | a=\"b\" or a_b!=\"\" | c >= 2", "| logfmt --strict | a=~\"b.*\" | c != 1",
        ]
        let stage = stages[input.choice(of: stages.count)]
        let grid = grids[0]
        let store = FuzzStore(lines: input.rest.split(separator: 10).map(Array.init))
        for text in [
            "{a=\"b\"} \(stage)", "sum by (a) (sum_over_time({a=\"b\"} \(stage) | unwrap a [5m]))",
        ] {
            guard let query = try? LogQLQuery(text) else { continue }
            answer(query, grid, store)
        }
    }

    private static func answer(
        _ query: LogQLQuery, _ grid: (start: Int64, end: Int64, step: Int64),
        _ store: FuzzStore = .shared
    ) {
        let options = LogQLEngine.Options(
            seriesMax: 200, stepsMax: 100, pointsMax: 10_000, labelNamesMax: 1_000)
        let engine = LogQLEngine(querier: store, options: options)
        FuzzExecutor.run {
            for step in [0, grid.step] {
                _ = try? await engine.query(
                    LogQLRequest(
                        tenant: .standard, query: query, start: Timestamp(nanos: grid.start),
                        end: Timestamp(nanos: grid.end), stepNanos: step,
                        budget: FuzzStore.budget))
            }
        }
    }

    /// A pattern and, behind a newline, a text: when the text holds a match, it holds what every
    /// match is said to hold, and it lies in the range.
    private static func regularExpression(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let variant = input.choice(of: 4)
        let parts = input.rest.split(
            separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2,
            let expression = try? RegularExpression(
                String(decoding: parts[0], as: UTF8.self), foldsCase: variant & 1 != 0,
                dotMatchesNewline: variant & 2 != 0)
        else { return }
        let text = parts[1]
        let literals = expression.requiredLiterals
        if expression.matches(in: text) {
            precondition(holds(Array(text), literals), "a match without its literals")
        }
        if expression.matchesWhole(text), let (low, high) = expression.matchRange() {
            precondition(
                !text.lexicographicallyPrecedes(low) && !high.lexicographicallyPrecedes(text),
                "a match out of its range")
        }
        if let whole = expression.firstMatch(in: text)?.first {
            precondition(whole != nil, "a match that is nowhere")
        }
        if let literal = expression.literal, variant & 1 == 0 {
            precondition(
                expression.matchesWhole(text) == text.elementsEqual(literal.utf8),
                "no literal at all")
        }
    }

    private static func holds(_ text: [UInt8], _ literals: RequiredLiterals) -> Bool {
        switch literals {
        case .anything: true
        case .all(let parts): parts.allSatisfy { holds(text, $0) }
        case .either(let parts): parts.contains { holds(text, $0) }
        case .literal(let needle, let ignoresCase):
            contains(ignoresCase ? text.map(lowered) : text, needle)
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }

    private static func contains(_ text: [UInt8], _ needle: [UInt8]) -> Bool {
        guard needle.count <= text.count else { return false }
        return (0...text.count - needle.count).contains { text[$0...].starts(with: needle) }
    }

    private static func numbers(_ bytes: [UInt8]) {
        if let nanos = try? DurationText.parse(bytes) {
            let text = DurationText.format(nanos: nanos)
            precondition((try? DurationText.parse(text)) == nanos, "\(nanos) as \(text)")
        }
        if let value = DoubleText.parse(bytes), value.isFinite {
            var text: [UInt8] = []
            DoubleText.append(value, to: &text)
            precondition(
                DoubleText.parse(text)?.bitPattern == value.bitPattern,
                "\(value) as \(String(decoding: text, as: UTF8.self))")
        }
    }
}
