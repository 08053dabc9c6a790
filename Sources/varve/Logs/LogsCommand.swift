internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Query
internal import Server

/// `varve logs`: finds lines by words, patterns or LogQL, and follows new ones. Habits of grep, ripgrep
/// and logcli.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Search and follow log lines.",
        discussion: """
            Bare words find lines that hold all of them, in all streams; "quoted words" a phrase. \
            What begins with { is LogQL; words may follow a {selector}.

              varve logs payment failed            both words, in the last hour
              varve logs -i -w -e 'err(or)?' -f    a pattern, as a word of any case; then live
              varve logs '{app="shop"}' timeout -C 3 --since 1d
              varve logs timeout --histogram       how many, over time
              varve logs --stdin '| json | status >= 500' < access.log

            Exit status: 0 lines were found, 1 none, 2 an error.
            """)

    @OptionGroup(title: "The server") var server: ServerOptions
    @OptionGroup(title: "What to find") var finding: FindingOptions
    @OptionGroup(title: "When") var when: SpanOptions
    @OptionGroup(title: "How much, and around") var extent: ExtentOptions
    @OptionGroup(title: "What to print") var output: OutputOptions

    mutating func run() async throws {
        try await CommandExit.run { try await dispatch() }
    }

    private func dispatch() async throws -> Bool {
        try extent.check()
        var query = try finding.query()
        if output.showsPatterns { query = try LogQLQuery("\(query) | patterns") }
        if finding.readsInput { return try StandardInput(query, output, extent).run() }
        let span = try when.span()
        if output.explains {
            return try await SearchPlan(client: try server.client(), query: query).print(span)
        }
        let hits = HitCount(
            client: try server.client(), query: query, start: span.start, end: span.end)
        if output.isHistogram { return try await hits.printHistogram(output) }
        if output.listsSources { return try await hits.printSources(withCounts: output.isCount) }
        if output.isCount { return try await hits.printTotal() }
        return try await search(query, span)
    }

    private func search(
        _ query: LogQLQuery, _ span: (start: Int64, end: Int64)
    ) async throws -> Bool {
        let progress = output.isQuiet ? nil : Progress("searching")
        defer { progress?.end() }
        let client = try server.client()
        let printer = LogPrinter(output, LogMarks(query), progress: progress)
        let limit = output.isQuiet ? 1 : extent.limit
        let search = LogFetch(
            client: client,
            parameters: [
                ("query", around(query)), ("start", "\(span.start)"), ("end", "\(span.end)"),
                ("limit", "\(limit)"), ("direction", extent.isForward ? "forward" : "backward"),
                ("stats", output.showsStatistics ? "1" : "0"),
            ], progress: progress)
        let printed = Collected()
        // All lines come oldest first, as they are found; the newest few have to be turned round.
        var entries: [LogEntry] = []
        var found = false
        let streams = (limit == 0 || extent.isForward) && !extent.wantsContext && !output.isQuiet
        if streams {
            found = try await search.stream(forward: true) { entry in
                printer.print(entry)
                if extent.follows, entry.nanos >= span.end - FollowLedger.overlapNanos {
                    printed.add(entry)
                }
            }
        } else {
            entries = try await search.collect()
            found = !entries.isEmpty
            if output.isQuiet { return found }
            if extent.isForward { entries.reverse() }
            if extent.wantsContext {
                printer.print(groups(entries.reversed()))
            } else {
                // Of forms the most frequent come first, of lines the oldest.
                let ordered = output.showsPatterns ? entries : entries.reversed()
                for entry in ordered { printer.print(entry) }
            }
        }
        progress?.end()
        guard extent.follows else { return found }
        // What the limit left out is not made up for.
        let matches = entries.filter { $0.labels["__context__"] == nil }
        let isCut = limit > 0 && matches.count >= limit
        let oldest = isCut ? (matches.last?.nanos ?? span.end) + 1 : span.start
        var ledger = FollowLedger(
            startNanos: max(oldest, span.end - FollowLedger.overlapNanos), nowNanos: span.end)
        for entry in matches + printed.all { ledger.note(entry) }
        try await LogFollow(client: client, query: query.description)
            .run(ledger) { printer.print($0) }
        return true
    }

    private func around(_ query: LogQLQuery) -> String {
        guard extent.wantsContext, !output.isQuiet else { return query.description }
        return "\(query) | context -B \(extent.before) -A \(extent.after)"
    }

    /// `entries`, oldest first, as what stands together: that which begins first before the others.
    private func groups(_ entries: [LogEntry]) -> [[LogEntry]] {
        var groups: [[LogEntry]] = []
        var places: [Int: Int] = [:]
        for entry in entries {
            let number = entry.group ?? 0
            let place = places[number] ?? groups.count
            if place == groups.count {
                places[number] = place
                groups.append([])
            }
            groups[place].append(entry)
        }
        return groups
    }
}
