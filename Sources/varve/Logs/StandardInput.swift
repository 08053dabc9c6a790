internal import Model
internal import Platform
internal import Query

/// Runs the pipeline of a query on lines of standard input, without a server: all of one stream with
/// the label `source="stdin"`.
struct StandardInput {
    private let query: LogQLQuery
    private let output: OutputOptions
    private let extent: ExtentOptions

    private static let pieceBytesMax = 1 << 20

    init(_ query: LogQLQuery, _ output: OutputOptions, _ extent: ExtentOptions) {
        self.query = query
        self.output = output
        self.extent = extent
    }

    /// Whether a line was found. The limit is none unless one was given with `--forward`, since a file
    /// is read from its start.
    func run() throws -> Bool {
        guard !extent.wantsContext, !extent.follows, !output.isHistogram, !output.listsSources,
            !output.explains
        else {
            throw CommandFailure(
                "--stdin goes without -A, -B, -C, -f, -l, --histogram and --explain")
        }
        var follower = try LogFollower(query)
        let stream = SeriesReference(
            tenant: .standard, labels: Labels([("source", "stdin")]))
        let printer = LogPrinter(output, LogMarks(query), isRaw: !output.showsLabels)
        let limit = extent.isForward && extent.limit > 0 ? extent.limit : Int.max
        var found = 0
        var lines = InputLines(pieceBytesMax: Self.pieceBytesMax)
        while found < limit, let piece = lines.next() {
            let now = SystemTime().wallNanos()
            var data = LineData(streams: [stream], lines: LineColumns())
            for line in piece { data.lines.append(streamIndex: 0, timestamp: now, line: line) }
            let kept = follower.process(data)
            for index in 0..<kept.lines.count where found < limit {
                found += 1
                if output.isQuiet { return true }
                if output.isCount { continue }
                let bytes = kept.lines.bytes[kept.lines.lineRange(index)]
                let labels = kept.streams[Int(kept.lines.streamIndexes[index])].labels
                printer.print(
                    LogEntry(
                        nanos: kept.lines.timestamps[index],
                        line: String(decoding: bytes, as: UTF8.self),
                        labels: Dictionary(
                            labels.pairs.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })))
            }
        }
        if output.isCount { Terminal.print(["\(found)"]) }
        return found > 0
    }
}

/// Whole lines of standard input, many at a time.
private struct InputLines {
    let pieceBytesMax: Int
    private var rest: [UInt8] = []
    private var isAtEnd = false

    init(pieceBytesMax: Int) { self.pieceBytesMax = pieceBytesMax }

    /// Without their newlines; nil at the end.
    mutating func next() -> [ArraySlice<UInt8>]? {
        while !isAtEnd {
            let piece = TerminalFacts.read(countMax: pieceBytesMax)
            isAtEnd = piece.isEmpty
            let buffer = rest + piece
            guard let last = isAtEnd ? buffer.endIndex : buffer.lastIndex(of: 0x0A).map({ $0 + 1 })
            else {
                rest = buffer
                continue
            }
            rest = Array(buffer[last...])
            var lines = buffer[..<last].split(separator: 0x0A, omittingEmptySubsequences: false)
            // Behind the last newline nothing begins.
            if lines.last?.isEmpty == true { lines.removeLast() }
            if !lines.isEmpty { return lines }
        }
        return nil
    }
}
