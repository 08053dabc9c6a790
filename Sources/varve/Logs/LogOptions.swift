internal import ArgumentParser
internal import Platform
internal import Query
internal import Server

/// What is looked for, as grep says it.
struct FindingOptions: ParsableArguments {
    @Argument(
        help: "Words, a {selector} with or without words, or a LogQL query; nothing: all lines.")
    var words: [String] = []

    @Option(
        name: [.customShort("e"), .customLong("regexp")],
        help: "A regular expression (RE2); given several times, any of them.")
    var patterns: [String] = []
    @Flag(
        name: [.customShort("F"), .customLong("fixed-strings")],
        help: "What -e says is text, not a pattern.")
    var areFixed = false
    @Flag(
        name: [.customShort("w"), .customLong("word-regexp")],
        help: "Words and patterns match whole words only.")
    var areWhole = false
    @Flag(
        name: [.customShort("i"), .customLong("ignore-case")],
        help: "Words and patterns match in any case.")
    var ignoresCase = false
    @Flag(
        name: [.customShort("v"), .customLong("invert-match"), .customLong("invert")],
        help: "Lines that hold none of the words and patterns.")
    var isInverted = false
    @Flag(
        name: .customLong("stdin"),
        help: "Search standard input instead of a server; a query may begin with its pipeline.")
    var readsInput = false

    func query() throws -> LogQLQuery {
        var terms = LogTerms()
        terms.words = words
        if readsInput, let first = words.first, first.hasPrefix("|") || first.hasPrefix("!") {
            terms.words[0] = "{} \(first)"
        }
        terms.patterns = patterns
        terms.areFixed = areFixed
        terms.areWhole = areWhole
        terms.ignoresCase = ignoresCase
        terms.isInverted = isInverted
        let query = try terms.query()
        guard query.kind == .lines else {
            throw CommandFailure("the query is about numbers: lines are searched here")
        }
        return query
    }
}

/// From when to when.
struct SpanOptions: ParsableArguments {
    @Option(help: "How far back to look, like 1h or 7d.") var since: String = "1h"
    @Option(help: "From this time: RFC 3339, unix seconds, or a duration ago.") var from: String?
    @Option(help: "Up to this time. (default: now)") var to: String?

    /// ns; the end is not in it.
    func span() throws(CommandFailure) -> (start: Int64, end: Int64) {
        let now = SystemTime().wallNanos()
        let end = try to.map { text throws(CommandFailure) in try time("--to", text, now) } ?? now
        if let from {
            let start = try time("--from", from, now)
            guard start < end else { throw CommandFailure("--from is not before --to") }
            return (start, end)
        }
        guard let span = TimeText.duration(since), span > 0 else {
            throw CommandFailure("--since is \"\(since)\": a duration like 1h is allowed")
        }
        return (end - span, end)
    }

    private func time(
        _ name: String, _ text: String, _ now: Int64
    ) throws(CommandFailure) -> Int64 {
        guard let nanos = TimeText.parseRelative(text, nowNanos: now) else {
            throw CommandFailure(
                "\(name) is \"\(text)\": RFC 3339, unix seconds or a duration ago is allowed")
        }
        return nanos
    }
}

/// How many lines, and which beside them.
struct ExtentOptions: ParsableArguments {
    @Option(
        name: [
            .customShort("n"), .customLong("limit"), .customShort("m"), .customLong("max-count"),
        ],
        help: "The newest so many lines; 0 for all.")
    var limit: Int = 100
    @Flag(
        name: .customLong("forward"),
        help: "The oldest so many lines of the span instead of the newest.")
    var isForward = false
    @Flag(
        name: [.customShort("f"), .customLong("follow"), .customLong("tail")],
        help: "Print new lines as they come in.")
    var follows = false
    @Option(
        name: [.customShort("A"), .customLong("after"), .customLong("after-context")],
        help: "Lines to show after each match.")
    var afterCount: Int = 0
    @Option(
        name: [.customShort("B"), .customLong("before"), .customLong("before-context")],
        help: "Lines to show before each match.")
    var beforeCount: Int = 0
    @Option(
        name: [.customShort("C"), .customLong("context")],
        help: "Lines to show around each match.")
    var around: Int = 0

    var before: Int { max(beforeCount, around) }
    var after: Int { max(afterCount, around) }
    var wantsContext: Bool { before > 0 || after > 0 }

    func check() throws(CommandFailure) {
        for (name, count) in [
            ("-n", limit), ("-A", afterCount), ("-B", beforeCount), ("-C", around),
        ] where count < 0 {
            throw CommandFailure("\(name) is \(count): 0 or more is allowed")
        }
    }
}

/// What a line looks like, or what is printed in place of lines.
struct OutputOptions: ParsableArguments {
    /// When to colour.
    enum ColorChoice: String, CaseIterable, ExpressibleByArgument { case auto, always, never }

    /// default: time, where it comes from, text; raw: the text alone; jsonl: an object per line.
    enum Form: String, CaseIterable, ExpressibleByArgument {
        case standard = "default"
        case raw, jsonl
    }

    @Flag(
        name: [.customShort("c"), .customLong("count")],
        help: "How many lines there are, instead of the lines.")
    var isCount = false
    @Flag(
        name: [.customShort("l"), .customLong("files-with-matches"), .customLong("sources")],
        help: "Which hosts and apps have such lines; with -c how many each.")
    var listsSources = false
    @Flag(name: .customLong("histogram"), help: "How many over time, drawn.") var isHistogram =
        false
    @Flag(
        name: .customLong("patterns"),
        help: "Which forms the lines have, and how many have each, most first.")
    var showsPatterns = false
    @Flag(
        name: .customLong("explain"),
        help: "What would be read of the node's segments, and what keeps the rest from it.")
    var explains = false
    @Flag(
        name: [.customShort("o"), .customLong("only-matching")],
        help: "Only the parts of lines that match, one per line.")
    var onlyMatches = false
    @Flag(
        name: [.customShort("q"), .customLong("quiet")],
        help: "Nothing: the exit status tells whether there are such lines.")
    var isQuiet = false
    @Flag(name: .customLong("labels"), help: "All labels of each line.") var showsLabels = false
    @Flag(
        name: .customLong("stats"),
        help: "What the search took, and whether all could be read, on standard error.")
    var showsStatistics = false
    @Option(name: .customLong("output"), help: "default, raw or jsonl.") var form: Form = .standard
    @Flag(name: .customLong("json"), help: "The same as --output jsonl.") var json = false
    @Option(help: "auto, always or never.") var color: ColorChoice = .auto

    var isJSON: Bool { json || form == .jsonl }

    var isColorful: Bool { color == .always || (color == .auto && Terminal.isColorful) }

    /// Whether control characters are written out.
    var isForTerminal: Bool { color == .always || TerminalFacts.isTerminal(.output) }
}
