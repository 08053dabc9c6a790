package import Model

/// The final label set of log lines, whole and by where the labels came from: what Grafana shows
/// as indexed labels, structured metadata and parsed fields.
package struct LogStreamLabels: Sendable, Hashable {
    /// All of them.
    package let labels: Labels
    /// Those of the stream that the pipeline left.
    package let stream: Labels
    /// Structured metadata.
    package let metadata: Labels
    /// Made by parsers and formatters.
    package let parsed: Labels

    package init(labels: Labels, stream: Labels, metadata: Labels, parsed: Labels) {
        self.labels = labels
        self.stream = stream
        self.metadata = metadata
        self.parsed = parsed
    }
}

/// Log lines as a pipeline left them, in the order asked for. `lines.streamIndexes` refer to
/// `streams`, each of which has at least one line; metadata columns are empty: they are in
/// `streams`.
package struct LogEntryBatch: Sendable {
    package var streams: [LogStreamLabels]
    package var lines: LineColumns
    /// Of `| context`, for each line: lines that stand next to each other in their stream have one
    /// number. Empty otherwise.
    package var groupNumbers: [Int] = []

    package init(streams: [LogStreamLabels] = [], lines: LineColumns = LineColumns()) {
        self.streams = streams
        self.lines = lines
    }
}

/// Runs a pipeline over batches from storage or from the live feed and collects what it keeps.
struct LogEntryCollector: Sendable {
    private(set) var pipeline: LogPipeline
    private var groups = LineGroups(grouping: nil, unwrapName: nil)
    /// Number in `batch.streams` by group.
    private var groupNumbers: [UInt32] = []
    private var labelsBuilder = StreamLabelsBuilder()
    private var batch = LogEntryBatch()
    /// Number in `batch.streams` by stream of the data, −1 while it has no line: for lines whose
    /// labels are those of their stream.
    private var plainNumbers: [Int32] = []
    /// Lines that went in, and their bytes.
    private(set) var lineCount = 0
    private(set) var byteCount = 0

    /// `now`: the query's time; nil for that of each line.
    init(_ log: LogExpression, now: Timestamp?) {
        pipeline = LogPipeline(log, needs: .all, now: now)
    }

    /// Has `distinct` begin afresh.
    mutating func forgetDistinct() { pipeline.forgetDistinct() }

    /// The lines of `data` that stay, at most `limit`. `isSelected`: by stream, nil for all;
    /// `appliesHead`: the storage has not filtered.
    mutating func collect(
        _ data: LineData, limit: Int, appliesHead: Bool, isSelected: ((Int) -> Bool)? = nil
    ) -> LogEntryBatch {
        batch = LogEntryBatch()
        groups.removeAll()
        groupNumbers.removeAll(keepingCapacity: true)
        plainNumbers = [Int32](repeating: -1, count: data.streams.count)
        var current = -1
        for index in 0..<data.lines.count {
            if batch.lines.count >= limit { break }
            let stream = Int(data.lines.streamIndexes[index])
            if let isSelected, !isSelected(stream) { continue }
            let range = data.lines.lineRange(index)
            lineCount += 1
            byteCount += range.count
            if appliesHead, !pipeline.passesHead(data.lines.bytes, range) { continue }
            let metadata = data.lines.metadataRange(index)
            if pipeline.isIdentity, metadata.isEmpty {
                addPlain(data, index, stream, range)
                continue
            }
            if stream != current {
                pipeline.beginStream(data.streams[stream].labels ?? .empty)
                current = stream
            }
            add(data, index, range, metadata)
        }
        defer { batch = LogEntryBatch() }
        return batch
    }

    private mutating func addPlain(
        _ data: LineData, _ index: Int, _ stream: Int, _ range: Range<Int>
    ) {
        if plainNumbers[stream] < 0 {
            let labels = data.streams[stream].labels ?? .empty
            plainNumbers[stream] = Int32(batch.streams.count)
            batch.streams.append(
                LogStreamLabels(labels: labels, stream: labels, metadata: .empty, parsed: .empty))
        }
        batch.lines.append(
            streamIndex: UInt32(plainNumbers[stream]), timestamp: data.lines.timestamps[index],
            line: data.lines.bytes[range])
    }

    private mutating func add(
        _ data: LineData, _ index: Int, _ range: Range<Int>, _ metadata: Range<Int>
    ) {
        let timestamp = data.lines.timestamps[index]
        let isKept = pipeline.run(
            data.lines.bytes, range, metadata: data.lines.metadataBytes[metadata],
            timestamp: timestamp)
        guard isKept else { return }
        let (group, isNew) = groups.number(of: pipeline.fields, byOrigin: true)
        if isNew {
            groupNumbers.append(UInt32(batch.streams.count))
            batch.streams.append(labelsBuilder.labels(of: pipeline.fields))
        }
        batch.lines.append(
            streamIndex: groupNumbers[group], timestamp: timestamp,
            line: pipeline.line(data.lines.bytes, range))
    }
}
