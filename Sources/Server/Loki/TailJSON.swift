internal import Model
internal import Query

/// Messages of a tail. Source: Grafana Loki documentation, "HTTP API", stream logs.
enum TailJSON {
    /// Lines in their order, one group per run of a stream's lines within a batch.
    static func message(_ batches: [LogEntryBatch], _ dropped: [TailQueue.Dropped]) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"streams\":[")
        var isFirst = true
        for batch in batches { write(batch, &isFirst, to: &json) }
        json.raw("],\"dropped_entries\":")
        if dropped.isEmpty {
            json.raw("null}")
            return json.bytes
        }
        json.raw("[")
        for (index, one) in dropped.enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"labels\":")
            json.object(one.labels)
            json.raw(",\"timestamp\":\"\(one.timestamp)\"}")
        }
        json.raw("]}")
        return json.bytes
    }

    private static func write(
        _ batch: LogEntryBatch, _ isFirst: inout Bool, to json: inout JSONWriter
    ) {
        for stream in batch.streams.indices {
            var isOpen = false
            for index in 0..<batch.lines.count
            where Int(batch.lines.streamIndexes[index]) == stream {
                if isOpen {
                    json.comma()
                } else {
                    if !isFirst { json.comma() }
                    isFirst = false
                    isOpen = true
                    json.raw("{\"stream\":")
                    json.object(batch.streams[stream].labels)
                    json.raw(",\"values\":[")
                }
                json.raw("[\"")
                json.integer(batch.lines.timestamps[index])
                json.raw("\",")
                json.string(batch.lines.bytes[batch.lines.lineRange(index)])
                json.raw("]")
            }
            if isOpen { json.raw("]}") }
        }
    }

    /// The lines the other way round.
    static func reversed(_ batch: LogEntryBatch) -> LogEntryBatch {
        var result = LogEntryBatch(streams: batch.streams)
        for index in (0..<batch.lines.count).reversed() {
            result.lines.append(
                streamIndex: batch.lines.streamIndexes[index],
                timestamp: batch.lines.timestamps[index],
                line: batch.lines.bytes[batch.lines.lineRange(index)])
        }
        return result
    }
}
