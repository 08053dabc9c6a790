internal import Encoding
internal import Model

/// `# {trace_id="a"} 0.67 1520879607.789` behind a sample. Source: OpenMetrics 1.0.
extension PrometheusTextReader {
    /// From the `#` at `start` on. `nanos`: the sample's time, for an exemplar without one.
    mutating func exemplar(
        _ body: [UInt8], _ start: Int, _ end: Int, of series: Labels, _ nanos: Int64
    ) {
        let bytes = body.span
        var at = start + 1
        skipBlanks(bytes, &at, end)
        guard bytes.has(0x7B, at: at, before: end) else {
            return badExemplar(body, start..<end)
        }
        at += 1
        labels.removeAll()
        while true {
            while at < end, isBlank(bytes[at]) || bytes[at] == 0x2C { at += 1 }
            if bytes.has(0x7D, at: at, before: end) { break }
            guard at < end, let pair = pair(body, &at, end),
                labels.add(pair.name, pair.value) == nil
            else { return badExemplar(body, start..<end) }
        }
        at += 1
        let words = body[at..<end].split(whereSeparator: isBlank)
        guard (1...2).contains(words.count),
            let value = DoubleText.parse(
                body, from: words[0].startIndex, to: words[0].endIndex, words: .nanAndInfinity)
        else { return badExemplar(body, start..<end) }
        var timestamp = Timestamp(nanos: nanos)
        if words.count == 2 {
            guard
                let seconds = DoubleText.parse(
                    body, from: words[1].startIndex, to: words[1].endIndex)
            else { return badExemplar(body, start..<end) }
            timestamp = Timestamp(seconds: seconds)
        }
        parsed.append(
            Exemplar(
                series: series, labels: labels.labels(), value: value, timestamp: timestamp),
            limits, at: place)
    }

    private mutating func badExemplar(_ body: [UInt8], _ range: Range<Int>) {
        bad(.badExemplar, "bad exemplar \"\(text(body, range))\"")
    }

    private func skipBlanks(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) {
        while at < end, isBlank(bytes[at]) { at += 1 }
    }
}
