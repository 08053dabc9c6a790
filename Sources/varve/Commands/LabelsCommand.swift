internal import ArgumentParser
internal import Platform

/// Which of both is asked about.
struct SignalOptions: ParsableArguments {
    @Flag(name: .customLong("metrics"), help: "Of metrics instead of logs.") var ofMetrics = false

    /// What paths of the API begin with.
    var prefix: String { ofMetrics ? "/api/v1" : "/loki/api/v1" }

    /// A span as that API takes it: logs in nanoseconds, metrics in seconds.
    func parameters(_ span: (start: Int64, end: Int64)) -> [(String, String)] {
        [("start", span.start), ("end", span.end)].map { name, nanos in
            (name, ofMetrics ? "\(Double(nanos / 1_000_000) / 1e3)" : "\(nanos)")
        }
    }
}

/// `varve labels`: which labels there are, and which values one has.
struct LabelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "labels",
        abstract: "List the labels of logs, or the values of one.",
        discussion: "Exit status: 0 there are some, 1 none, 2 an error.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var when: SpanOptions
    @OptionGroup var signal: SignalOptions

    @Argument(help: "A label; nothing: the names of all.") var name: String?
    @Option(help: "Only of streams or series that this selects.") var selector: String?

    mutating func run() async throws {
        try await CommandExit.run {
            let path = name.map { "/label/\($0)/values" } ?? "/labels"
            var parameters = signal.parameters(try when.span())
            if let selector {
                parameters.append((signal.ofMetrics ? "match[]" : "query", selector))
            }
            let (data, warnings) = try await server.client().get(signal.prefix + path, parameters)
            Terminal.warn(warnings)
            let texts = data as? [String] ?? []
            if !texts.isEmpty {
                Terminal.print(texts.map { SafeText.escaped($0, keepsLines: false) })
            }
            return !texts.isEmpty
        }
    }
}

/// `varve series`: the label sets that a selector finds.
struct SeriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "series",
        abstract: "List the streams, or series, that a selector finds.",
        discussion: "Exit status: 0 there are some, 1 none, 2 an error.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var when: SpanOptions
    @OptionGroup var signal: SignalOptions

    @Argument(help: "Like {app=\"shop\"}; nothing: all.") var selector: String?
    @Flag(
        name: .customLong("analyze-labels"),
        help: "How many values each label has, and in how many streams it is.")
    var analyzesLabels = false

    mutating func run() async throws {
        try await CommandExit.run {
            let all = signal.ofMetrics ? "{__name__=~\".+\"}" : "{}"
            let parameters =
                signal.parameters(try when.span()) + [("match[]", selector ?? all)]
            let (data, warnings) = try await server.client().get(
                "\(signal.prefix)/series", parameters)
            Terminal.warn(warnings)
            let sets = data as? [[String: String]] ?? []
            guard !sets.isEmpty else { return false }
            Terminal.print(analyzesLabels ? analysis(of: sets) : sets.map(text))
            return true
        }
    }

    private func text(of labels: [String: String]) -> String {
        let pairs = labels.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
            .map { name, value in
                let escaped = value.map { "\\\"".contains($0) ? "\\\($0)" : String($0) }.joined()
                return "\(name)=\"\(escaped)\""
            }
        let name = labels["__name__"] ?? ""
        return SafeText.escaped("\(name){\(pairs.joined(separator: ", "))}", keepsLines: false)
    }

    /// Most values first.
    private func analysis(of sets: [[String: String]]) -> [String] {
        var values: [String: Set<String>] = [:]
        var counts: [String: Int] = [:]
        for set in sets {
            for (name, value) in set {
                values[name, default: []].insert(value)
                counts[name, default: 0] += 1
            }
        }
        var table = TextTable([("LABEL", .left), ("VALUES", .right), ("STREAMS", .right)])
        for (name, distinct) in values.sorted(by: {
            ($1.value.count, $0.key) < ($0.value.count, $1.key)
        }) {
            table.add([
                SafeText.escaped(name, keepsLines: false), "\(distinct.count)",
                "\(counts[name] ?? 0)",
            ])
        }
        return ["\(sets.count) \(signal.ofMetrics ? "series" : "streams")"] + table.lines
    }
}

/// `varve stats`: how much a selector would read.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "How many streams, lines and bytes a log selector finds.",
        discussion: "Exit status: 0 there are some, 1 none, 2 an error.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var when: SpanOptions

    @Argument(help: "Like {app=\"shop\"}; nothing: all.") var selector: String?

    mutating func run() async throws {
        try await CommandExit.run {
            let span = try when.span()
            let answer = try await server.client().object(
                "/loki/api/v1/index/stats",
                [
                    ("query", selector ?? "{}"), ("start", "\(span.start)"),
                    ("end", "\(span.end)"),
                ])
            func number(_ name: String) -> Int { answer[name] as? Int ?? 0 }
            Terminal.print([
                "streams \(number("streams"))", "lines   \(number("entries"))",
                "bytes   \(NumberText.short(Double(number("bytes"))))B",
            ])
            return number("entries") > 0
        }
    }
}
