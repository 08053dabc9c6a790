internal import Encoding
package import Model

/// Prometheus text exposition (0.0.4, with the quoted UTF-8 names of 1.0.0) and OpenMetrics 1.0, as
/// posted to `/api/v1/import/prometheus`.
///
/// A bad line is left out and counted, the others are kept: see `ParsedBody.refusal`. Samples
/// without a timestamp get the time of the request. TYPE, HELP and UNIT become metadata; exemplars
/// are kept (`Exemplar`); `_created` samples are samples.
package enum PrometheusTextBody {
    /// What the numbers behind the values mean.
    package enum Dialect: Sendable, Hashable {
        /// Timestamps in ms.
        case prometheus
        /// Timestamps in seconds, possibly with a fraction.
        case openMetrics

        package init(contentType: String?) {
            let type = (contentType ?? "").lowercased()
            self = type.contains("application/openmetrics-text") ? .openMetrics : .prometheus
        }
    }

    /// `now`: for samples without a timestamp.
    package static func parse(
        _ body: [UInt8], dialect: Dialect = .prometheus, tenant: Tenant, now: Timestamp,
        limits: IngestLimits, cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(tenant: tenant, domain: "text")
        var reader = PrometheusTextReader(
            dialect: dialect, tenant: tenant, now: now.nanos, limits: limits)
        reader.read(body, &cache)
        return reader.parsed
    }
}

/// One body being read, line by line.
struct PrometheusTextReader {
    var parsed: ParsedBody
    /// Of a scrape; nil for a push.
    var scrape: ScrapeIntake?
    private let dialect: PrometheusTextBody.Dialect
    private let now: Int64
    let limits: IngestLimits
    var labels: LabelCheck
    private var line = 0
    /// Of the last TYPE line.
    private var familyKind = MetricMetadata.Kind.unknown
    private var metadataIndexes: [String: Int] = [:]
    private var scratch: [UInt8] = []

    init(
        dialect: PrometheusTextBody.Dialect, tenant: Tenant, now: Int64, limits: IngestLimits,
        scrape: ScrapeIntake? = nil
    ) {
        parsed = ParsedBody(tenant: tenant)
        self.scrape = scrape
        self.dialect = dialect
        self.now = now
        self.limits = limits
        labels = LabelCheck(limits: limits)
    }

    mutating func read(_ body: [UInt8], _ cache: inout SeriesCache) {
        var start = 0
        while start < body.count {
            let stop =
                ByteScan.firstIndex(of: 0x0A, in: body, from: start, to: body.count)
                ?? body.count
            line += 1
            var first = start
            var end = stop
            while first < end, isBlank(body[first]) { first += 1 }
            while end > first, isBlank(body[end - 1]) { end -= 1 }
            if first < end {
                if body[first] == 0x23 {
                    comment(body, first, end)
                } else {
                    sample(body, first, end, &cache)
                }
            }
            start = stop + 1
        }
    }

    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    /// Of the line at hand.
    var place: IngestError.Place { .line(line) }

    mutating func bad(_ reason: SkipReason, _ what: String) {
        parsed.skip(reason, what, at: place)
    }

    /// `name{labels} value [timestamp] [# exemplar]`
    private mutating func sample(
        _ body: [UInt8], _ start: Int, _ end: Int, _ cache: inout SeriesCache
    ) {
        let bytes = body.span
        guard let seriesEnd = seriesEnd(bytes, start, end) else {
            return bad(.badLine, "labels without a closing brace")
        }
        var at = seriesEnd
        while at < end, isBlank(bytes[at]) { at += 1 }
        let valueStart = at
        while at < end, !isBlank(bytes[at]) { at += 1 }
        guard
            let value = DoubleText.parse(body, from: valueStart, to: at, words: .nanAndInfinity)
        else { return bad(.badValue, "bad value \"\(text(body, valueStart..<at))\"") }
        while at < end, isBlank(bytes[at]) { at += 1 }
        var nanos = now
        var hasTimestamp = false
        if at < end, bytes[at] != 0x23 {
            let from = at
            while at < end, !isBlank(bytes[at]) { at += 1 }
            guard let stamp = timestamp(body, from, at) else {
                return bad(.badTimestamp, "bad timestamp \"\(text(body, from..<at))\"")
            }
            if scrape?.honorsTimestamps ?? true {
                nanos = stamp
                hasTimestamp = true
            }
            while at < end, isBlank(bytes[at]) { at += 1 }
        }
        if at < end {
            guard bytes[at] == 0x23 else {
                return bad(.badLine, "\"\(text(body, at..<end))\" behind the sample")
            }
        }
        let key = cache.key(body[start..<seriesEnd])
        var number = cache.number(key)
        if number == nil, let made = self.labels(body, start, seriesEnd),
            let labels = shaped(made)
        {
            number = cache.learn(key, labels)
        }
        guard let number, let index = place(number, hasTimestamp: hasTimestamp, &cache) else {
            return
        }
        parsed.batch.samples.append(seriesIndex: index, timestamp: nanos, value: value)
        parsed.acceptedCount += 1
        if at < end { exemplar(body, at, end, of: cache.labels(number), nanos) }
    }

    private mutating func shaped(_ sent: Labels) -> Labels? {
        guard scrape != nil else { return sent }
        let names = labels
        return scrape?.shaped(BoundText.normalised(sent, of: familyKind)) {
            names.isKnown(Array($0.utf8)[...])
        }
    }

    private mutating func place(
        _ number: UInt32, hasTimestamp: Bool, _ cache: inout SeriesCache
    ) -> UInt32? {
        guard scrape != nil else { return cache.index(number, in: &parsed.batch.series) }
        return scrape?.place(
            number, hasTimestamp: hasTimestamp, &cache, in: &parsed.batch.series)
    }

    /// Behind the name and the braces; blanks may stand between the two.
    private func seriesEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var at = start
        while at < end, !isBlank(bytes[at]), bytes[at] != 0x7B { at += 1 }
        let nameEnd = at
        while at < end, isBlank(bytes[at]) { at += 1 }
        guard bytes.has(0x7B, at: at, before: end) else { return nameEnd }
        var isQuoted = false
        while at < end {
            let byte = bytes[at]
            if isQuoted {
                if byte == 0x5C { at += 1 } else if byte == 0x22 { isQuoted = false }
            } else if byte == 0x22 {
                isQuoted = true
            } else if byte == 0x7D {
                return at + 1
            }
            at += 1
        }
        return nil
    }

    private func timestamp(_ body: [UInt8], _ from: Int, _ to: Int) -> Int64? {
        switch dialect {
        case .prometheus:
            guard let millis = DecimalText.integer(body.span, from, to) else { return nil }
            return Timestamp(millis: millis).nanos
        case .openMetrics:
            guard let seconds = DoubleText.parse(body, from: from, to: to) else { return nil }
            return Timestamp(seconds: seconds).nanos
        }
    }

    /// The labels of `name{a="b", "quoted name"="c"}`, where the name may stand quoted inside;
    /// nil when they break a rule, which is then noted.
    private mutating func labels(_ body: [UInt8], _ start: Int, _ end: Int) -> Labels? {
        labels.removeAll()
        let bytes = body.span
        var at = start
        while at < end, !isBlank(bytes[at]), bytes[at] != 0x7B { at += 1 }
        let name = start..<at
        if !name.isEmpty, !add(Self.nameLabel[...], body[name]) { return nil }
        while at < end, isBlank(bytes[at]) { at += 1 }
        if at < end {
            at += 1
            while true {
                while at < end, isBlank(bytes[at]) || bytes[at] == 0x2C { at += 1 }
                if at >= end || bytes[at] == 0x7D { break }
                guard let pair = pair(body, &at, end) else {
                    bad(.badLine, "bad labels \"\(text(body, start..<end))\"")
                    return nil
                }
                guard add(pair.name, pair.value) else { return nil }
            }
        }
        guard labels.hasMetricName else {
            bad(.missingMetricName, "no metric name")
            return nil
        }
        return labels.labels()
    }

    private mutating func add(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Bool {
        guard let reason = labels.add(name, value) else { return true }
        bad(reason, "label \(String(decoding: name.prefix(80), as: UTF8.self))")
        return false
    }

    private static let nameLabel = Array("__name__".utf8)

    /// `name="value"`, or a quoted name alone, which is the metric's.
    mutating func pair(
        _ body: [UInt8], _ at: inout Int, _ end: Int
    ) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)? {
        let bytes = body.span
        let name: ArraySlice<UInt8>
        if bytes[at] == 0x22 {
            guard let quoted = quoted(bytes, &at, end) else { return nil }
            name = quoted[...]
        } else {
            let start = at
            while at < end,
                bytes[at].isWordByte || bytes[at] == 0x3A || bytes[at] == 0x2E
                    || bytes[at] >= 0x80
            {
                at += 1
            }
            name = body[start..<at]
        }
        while at < end, isBlank(bytes[at]) { at += 1 }
        guard bytes.has(0x3D, at: at, before: end) else {
            let isNameAlone =
                bytes.has(0x2C, at: at, before: end) || bytes.has(0x7D, at: at, before: end)
            return isNameAlone && !name.isEmpty ? (Self.nameLabel[...], name) : nil
        }
        at += 1
        while at < end, isBlank(bytes[at]) { at += 1 }
        guard bytes.has(0x22, at: at, before: end), let value = quoted(bytes, &at, end)
        else { return nil }
        return (name, value[...])
    }

    /// A quoted text at `at`, with `\\`, `\"` and `\n`; other backslashes are themselves.
    private func quoted(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> [UInt8]? {
        var result: [UInt8] = []
        at += 1
        while at < end {
            let byte = bytes[at]
            at += 1
            if byte == 0x22 { return result }
            if byte == 0x5C, at < end {
                switch bytes[at] {
                case 0x6E: result.append(0x0A)
                case 0x5C: result.append(0x5C)
                case 0x22: result.append(0x22)
                default: result += [byte, bytes[at]]
                }
                at += 1
            } else {
                result.append(byte)
            }
        }
        return nil
    }

    func text(_ body: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: body[range].prefix(80), as: UTF8.self)
    }
}

/// `# TYPE`, `# HELP` and `# UNIT`.
extension PrometheusTextReader {
    fileprivate mutating func comment(_ body: [UInt8], _ start: Int, _ end: Int) {
        let words = body[start..<end].split(
            maxSplits: 3, omittingEmptySubsequences: true
        ) { isBlank($0) }
        guard words.count >= 3, words[0].elementsEqual([0x23]) else { return }
        let keyword = String(decoding: words[1], as: UTF8.self)
        guard ["TYPE", "HELP", "UNIT"].contains(keyword) else { return }
        var name = String(decoding: words[2], as: UTF8.self)
        if name.hasPrefix("\""), name.hasSuffix("\""), name.utf8.count > 2 {
            name = String(name.dropFirst().dropLast())
        }
        let text = words.count > 3 ? String(decoding: words[3], as: UTF8.self) : ""
        let index = metadataIndexes[name] ?? parsed.batch.metadata.count
        if index == parsed.batch.metadata.count {
            parsed.batch.metadata.append(MetricMetadata(metric: name, kind: .unknown))
            metadataIndexes[name] = index
        }
        switch keyword {
        case "TYPE":
            familyKind = kind(text)
            parsed.batch.metadata[index].kind = familyKind
        case "HELP": parsed.batch.metadata[index].help = unescaped(text)
        default: parsed.batch.metadata[index].unit = text
        }
        parsed.acceptedCount += 1
    }

    private func kind(_ word: String) -> MetricMetadata.Kind {
        switch word {
        case "counter": .counter
        case "gauge": .gauge
        case "histogram": .histogram
        case "gaugehistogram": .gaugeHistogram
        case "summary": .summary
        case "info": .info
        case "stateset": .stateSet
        default: .unknown
        }
    }

    private func unescaped(_ text: String) -> String {
        var result = ""
        var isEscaped = false
        for character in text.unicodeScalars {
            if isEscaped {
                isEscaped = false
                switch character {
                case "n": result.unicodeScalars.append("\n")
                case "\\", "\"": result.unicodeScalars.append(character)
                default:
                    result.unicodeScalars.append("\\")
                    result.unicodeScalars.append(character)
                }
            } else if character == "\\" {
                isEscaped = true
            } else {
                result.unicodeScalars.append(character)
            }
        }
        if isEscaped { result.unicodeScalars.append("\\") }
        return result
    }
}
