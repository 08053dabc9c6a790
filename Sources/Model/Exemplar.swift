/// One measurement that a series' sample counted, with labels of its own: of a trace, say.
///
/// It is kept as a log line of a tenant beside the series' one (`Tenant.exemplars`), so it is
/// replicated, sealed, indexed and expired as lines are:
///
///     stream      {__name__="http_request_seconds_bucket"}
///     metadata    the series' other labels, in the encoding of `Labels`
///     line        0.043 trace_id="4bf92f3577b34da6" span_id="00f067aa0ba902b7"
///
/// Source: OpenMetrics 1.0, exemplars.
package struct Exemplar: Sendable, Hashable {
    /// Of the series, its name among them.
    package var series: Labels
    package var labels: Labels
    package var value: Double
    package var timestamp: Timestamp

    package init(series: Labels, labels: Labels, value: Double, timestamp: Timestamp) {
        self.series = series
        self.labels = labels
        self.value = value
        self.timestamp = timestamp
    }

    /// What the line says. Names that are no plain words are quoted as values are.
    var line: [UInt8] {
        var line = Array("\(value)".utf8)
        labels.forEachSlice { name, value in
            line.append(0x20)
            if name.allSatisfy(Exemplar.isWord) {
                line += name
            } else {
                Exemplar.quote(name, into: &line)
            }
            line.append(0x3D)
            Exemplar.quote(value, into: &line)
            return true
        }
        return line
    }

    /// What `line` says; nil when it is none of an exemplar's. `metric`: the stream's name;
    /// `metadata`: the line's.
    package init?(
        metric: String, metadata: ArraySlice<UInt8>, line: ArraySlice<UInt8>, timestamp: Timestamp
    ) {
        guard let others = Labels(checking: Array(metadata)) else { return nil }
        var builder = LabelsBuilder()
        others.forEachSlice { name, value in
            builder.set(name, value)
            return true
        }
        builder.set("__name__", metric)
        let head = line.prefix { $0 != 0x20 }
        guard let value = Double(String(decoding: head, as: UTF8.self)),
            let labels = Exemplar.labels(of: line[head.endIndex...])
        else { return nil }
        self.init(series: builder.build(), labels: labels, value: value, timestamp: timestamp)
    }

    private static func labels(of text: ArraySlice<UInt8>) -> Labels? {
        var builder = LabelsBuilder()
        var rest = text
        while rest.popFirst() == 0x20 {
            var name = Array(rest.prefix { isWord($0) })
            rest = rest.dropFirst(name.count)
            if name.isEmpty {
                guard let quoted = unquote(&rest) else { return nil }
                name = quoted
            }
            guard rest.popFirst() == 0x3D, let value = unquote(&rest) else { return nil }
            builder.set(name[...], value[...])
        }
        return rest.isEmpty ? builder.build() : nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        default: false
        }
    }

    private static func quote(_ text: ArraySlice<UInt8>, into line: inout [UInt8]) {
        line.append(0x22)
        for byte in text {
            switch byte {
            case 0x0A: line += [0x5C, 0x6E]
            case 0x22, 0x5C: line += [0x5C, byte]
            default: line.append(byte)
            }
        }
        line.append(0x22)
    }

    private static func unquote(_ text: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard text.popFirst() == 0x22 else { return nil }
        var result: [UInt8] = []
        while let byte = text.popFirst() {
            if byte == 0x22 { return result }
            guard byte == 0x5C else {
                result.append(byte)
                continue
            }
            guard let escaped = text.popFirst() else { return nil }
            result.append(escaped == 0x6E ? 0x0A : escaped)
        }
        return nil
    }
}

/// Exemplars on their way in: as lines of one batch.
package struct ExemplarLines: Sendable {
    package private(set) var batch: WriteBatch
    private var streams: [String: UInt32] = [:]

    /// Nil when `tenant` has no room for exemplars (`Tenant.exemplars`).
    package init?(of tenant: Tenant) {
        guard let exemplars = tenant.exemplars else { return nil }
        batch = WriteBatch(tenant: exemplars)
    }

    package mutating func append(_ exemplar: Exemplar) {
        let metric = exemplar.series.metricName
        let index = streams[metric] ?? UInt32(batch.streams.count)
        if index == batch.streams.count {
            streams[metric] = index
            batch.streams.append(
                SeriesReference(tenant: batch.tenant, labels: Labels([("__name__", metric)])))
        }
        batch.lines.append(
            streamIndex: index, timestamp: exemplar.timestamp.nanos, line: exemplar.line[...],
            metadata: exemplar.series.withoutMetricName.bytes[...])
    }
}
