internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Server

/// `varve logs`: finds lines by words or LogQL, and follows new ones. Habits of grep and logcli.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Search and follow log lines.",
        discussion: """
            Bare words find lines that hold all of them, in all streams; "quoted words" a phrase. \
            What begins with { is LogQL. Exit status: 0 lines were found, 1 none, 2 an error.
            """)

    @OptionGroup var server: ServerOptions

    @Argument(help: "Words, a {selector} or a LogQL query; nothing for all lines.")
    var query: [String] = []

    @Option(help: "How far back to look, like 1h or 7d.") var since: String = "1h"
    @Option(help: "From this time: RFC 3339, unix seconds, or a duration ago.") var from: String?
    @Option(help: "Up to this time. (default: now)") var to: String?
    @Option(name: [.short, .customLong("limit")], help: "The newest so many lines; 0 for all.")
    var number: Int = 100
    @Flag(name: [.short, .long], help: "Print new lines as they come in.") var follow = false
    @Flag(name: [.customShort("i"), .long], help: "Words match in any case.")
    var ignoreCase = false
    @Flag(name: [.customShort("v"), .long], help: "Lines that hold none of the words.")
    var invert = false
    @Option(name: [.customShort("A"), .long], help: "Lines to show after each match.")
    var after: Int = 0
    @Option(name: [.customShort("B"), .long], help: "Lines to show before each match.")
    var before: Int = 0
    @Option(name: [.customShort("C"), .long], help: "Lines to show around each match.")
    var context: Int = 0
    @Flag(help: "One JSON object per line.") var json = false
    @Option(help: "auto, always or never.") var color: ColorChoice = .auto

    /// When to colour.
    enum ColorChoice: String, CaseIterable, ExpressibleByArgument { case auto, always, never }

    mutating func run() async throws {
        try await CommandExit.run { try await search() }
    }

    private func search() async throws -> Bool {
        let span = try timeSpan()
        let text = try LogQueryText(words: query, ignoresCase: ignoreCase, inverts: invert)
        let progress = Progress("searching")
        defer { progress?.end() }
        let printer = LogPrinter(
            isJSON: json,
            isColorful: color == .always || (color == .auto && Terminal.isColorful),
            highlights: invert ? [] : text.words, foldsCase: ignoreCase,
            isForTerminal: color == .always || TerminalFacts.isTerminal(.output),
            progress: progress)
        let client = server.client()
        var parameters = [
            ("query", text.query), ("start", "\(span.start)"), ("end", "\(span.end)"),
            ("limit", "\(number)"), ("direction", "backward"),
        ]
        if ignoreCase { parameters.append(("ignore_case", "1")) }
        let search = LogFetch(client: client, parameters: parameters, progress: progress)
        let printed = Collected()
        // All lines come oldest first, as they are found; the newest few have to be turned round.
        var entries: [LogEntry] = []
        var found = false
        if number == 0, !wantsContext {
            found = try await search.stream(forward: true) { entry in
                printer.print(entry)
                if follow, entry.nanos >= span.end - FollowLedger.overlapNanos {
                    printed.add(entry)
                }
            }
        } else {
            entries = try await search.collect()
            found = !entries.isEmpty
            if wantsContext {
                let groups = try await LogContext(
                    client: client, before: max(before, context), after: max(after, context)
                ).groups(around: entries)
                printer.print(groups)
            } else {
                for entry in entries.reversed() { printer.print(entry) }
            }
        }
        progress?.end()
        guard follow else { return found }
        // What the limit left out is not made up for.
        let isCut = number > 0 && entries.count >= number
        let oldest = isCut ? (entries.last?.nanos ?? span.end) + 1 : span.start
        var ledger = FollowLedger(
            startNanos: max(oldest, span.end - FollowLedger.overlapNanos), nowNanos: span.end)
        for entry in entries + printed.all { ledger.note(entry) }
        try await LogFollow(client: client, query: text.query, ignoresCase: ignoreCase)
            .run(ledger) { printer.print($0) }
        return true
    }

    private var wantsContext: Bool { before > 0 || after > 0 || context > 0 }

    private func timeSpan() throws(CommandFailure) -> (start: Int64, end: Int64) {
        guard number >= 0 else { throw CommandFailure("-n is \(number): 0 or more is allowed") }
        for (name, count) in [("-A", after), ("-B", before), ("-C", context)] where count < 0 {
            throw CommandFailure("\(name) is \(count): 0 or more is allowed")
        }
        let now = SystemTime().wallNanos()
        let end = try to.map { text throws(CommandFailure) in try time("--to", text, now) } ?? now
        if let from { return (try time("--from", from, now), end) }
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
