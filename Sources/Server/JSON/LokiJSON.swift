internal import Model
package import Query

/// Log lines as the Loki HTTP API writes them.
/// Source: Grafana Loki documentation, "HTTP API", query and query_range.
package enum LokiJSON {
    /// Lines grouped by their final labels, in the order in which streams appear.
    package struct Streams: Sendable {
        fileprivate var labels: [LogStreamLabels] = []
        fileprivate var lines: [LineColumns] = []
        private var numbers: [LogStreamLabels: Int] = [:]
        /// Without categories, streams that differ only in where labels came from are one.
        private let isCategorized: Bool

        package init(isCategorized: Bool) { self.isCategorized = isCategorized }

        package mutating func add(_ batch: LogEntryBatch) {
            let places = batch.streams.map { number(of: $0) }
            for index in 0..<batch.lines.count {
                let stream = Int(batch.lines.streamIndexes[index])
                let metadata =
                    isCategorized ? LokiJSON.categories(of: batch.streams[stream]) : []
                lines[places[stream]].append(
                    streamIndex: 0, timestamp: batch.lines.timestamps[index],
                    line: batch.lines.bytes[batch.lines.lineRange(index)],
                    metadata: metadata[...])
            }
        }

        private mutating func number(of stream: LogStreamLabels) -> Int {
            let shown = isCategorized ? stream.stream : stream.labels
            let key = LogStreamLabels(
                labels: shown, stream: shown, metadata: .empty, parsed: .empty)
            if let known = numbers[key] { return known }
            numbers[key] = labels.count
            labels.append(key)
            lines.append(LineColumns())
            return labels.count - 1
        }

        package var isEmpty: Bool { labels.isEmpty }
    }

    /// The answer to a log query.
    package static func answer(
        _ streams: Streams, isCategorized: Bool, statistics: LogQLStatistics,
        warnings: [String]
    ) -> [UInt8] {
        var json = JSONWriter(
            reserving: 256 + streams.lines.reduce(0) { $0 + $1.bytes.count + 40 * $1.count })
        json.raw("{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",")
        if isCategorized { json.raw("\"encodingFlags\":[\"categorize-labels\"],") }
        json.raw("\"result\":[")
        for index in streams.labels.indices {
            if index > 0 { json.comma() }
            json.raw("{\"stream\":")
            json.object(streams.labels[index].labels)
            json.raw(",\"values\":[")
            write(streams.lines[index], isCategorized: isCategorized, to: &json)
            json.raw("]}")
        }
        json.raw("],\"stats\":")
        write(statistics, to: &json)
        json.raw("}")
        if !warnings.isEmpty {
            json.raw(",\"warnings\":")
            json.array(warnings)
        }
        json.raw("}")
        return json.bytes
    }

    /// The answer to a metric query over logs: Prometheus' shapes with Loki's stats.
    package static func answer(_ answer: LogQLAnswer) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":{\"resultType\":")
        PrometheusJSON.write(answer.answer.value, to: &json)
        json.raw(",\"stats\":")
        write(answer.statistics, to: &json)
        json.raw("}")
        let warnings = answer.answer.warnings + answer.answer.completeness.missing
        if !warnings.isEmpty {
            json.raw(",\"warnings\":")
            json.array(warnings)
        }
        json.raw("}")
        return json.bytes
    }

    /// One object per line: `{"ts":"…","line":"…","labels":{…}}`, for streams without an end.
    package static func lines(_ batch: LogEntryBatch) -> [UInt8] {
        var json = JSONWriter(reserving: batch.lines.bytes.count + 128 * batch.lines.count)
        for index in 0..<batch.lines.count {
            line(batch, index, to: &json)
            json.raw("\n")
        }
        return json.bytes
    }

    /// One of these objects.
    static func line(_ batch: LogEntryBatch, _ index: Int, to json: inout JSONWriter) {
        json.raw("{\"ts\":\"")
        json.integer(batch.lines.timestamps[index])
        json.raw("\",\"line\":")
        json.string(batch.lines.bytes[batch.lines.lineRange(index)])
        json.raw(",\"labels\":")
        json.object(batch.streams[Int(batch.lines.streamIndexes[index])].labels)
        if !batch.groupNumbers.isEmpty {
            json.raw(",\"group\":")
            json.integer(Int64(batch.groupNumbers[index]))
        }
        json.raw("}")
    }

    /// Streams of a finished answer, without categories.
    static func write(_ streams: [StreamLines], to json: inout JSONWriter) {
        json.raw("[")
        for (index, stream) in streams.enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"stream\":")
            json.object(stream.labels)
            json.raw(",\"values\":[")
            write(stream.lines, isCategorized: false, to: &json)
            json.raw("]}")
        }
        json.raw("]")
    }

    private static func write(
        _ lines: LineColumns, isCategorized: Bool, to json: inout JSONWriter
    ) {
        for index in 0..<lines.count {
            if index > 0 { json.comma() }
            json.raw("[\"")
            json.integer(lines.timestamps[index])
            json.raw("\",")
            json.string(lines.bytes[lines.lineRange(index)])
            if isCategorized {
                json.comma()
                json.raw(Array(lines.metadataBytes[lines.metadataRange(index)]))
            }
            json.raw("]")
        }
    }

    /// `{"structuredMetadata":{…},"parsed":{…}}`, empty parts left out.
    fileprivate static func categories(of stream: LogStreamLabels) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{")
        if !stream.metadata.isEmpty {
            json.raw("\"structuredMetadata\":")
            json.object(stream.metadata)
        }
        if !stream.parsed.isEmpty {
            if !stream.metadata.isEmpty { json.comma() }
            json.raw("\"parsed\":")
            json.object(stream.parsed)
        }
        json.raw("}")
        return json.bytes
    }

    private static func write(_ statistics: LogQLStatistics, to json: inout JSONWriter) {
        json.raw("{\"summary\":{\"totalBytesProcessed\":")
        json.integer(Int64(statistics.bytesProcessed))
        json.raw(",\"totalLinesProcessed\":")
        json.integer(Int64(statistics.linesProcessed))
        json.raw(",\"totalEntriesReturned\":")
        json.integer(Int64(statistics.entriesReturned))
        json.raw("}}")
    }
}
