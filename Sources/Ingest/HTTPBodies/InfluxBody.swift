internal import Encoding
package import Model

/// Influx line protocol, as posted to `/write` and `/api/v2/write`.
///
///     measurement[,tag=value…] field=value[,field=value…] [timestamp]
///
/// Each numeric field becomes a series `measurement_field`, or `measurement` when the field is
/// `value`, with the tags as labels and the database as label `db` (VictoriaMetrics' mapping).
/// Booleans are 1 and 0; string fields are counted and not kept. A line is taken whole or not at
/// all; a bad one is counted and the others are kept: see `ParsedBody.refusal`.
/// Source: InfluxData, "Line protocol reference".
package enum InfluxBody {
    /// The unit of the timestamps, from the parameter `precision`.
    package enum Precision: Int64, Sendable, Hashable {
        case nanoseconds = 1
        case microseconds = 1_000
        case milliseconds = 1_000_000
        case seconds = 1_000_000_000
        case minutes = 60_000_000_000
        case hours = 3_600_000_000_000

        /// The words of both versions of the API; absent and empty are ns. Nil for others.
        package init?(parameter: String?) {
            switch parameter ?? "" {
            case "", "n", "ns": self = .nanoseconds
            case "u", "us", "µ", "µs": self = .microseconds
            case "ms": self = .milliseconds
            case "s": self = .seconds
            case "m": self = .minutes
            case "h": self = .hours
            default: return nil
            }
        }
    }

    /// How lines become series.
    package struct Options: Sendable, Hashable {
        package var precision = Precision.nanoseconds
        /// The parameter `db` (or `bucket`); empty for none.
        package var database = ""
        /// The label that carries the database; nil for none. A tag of that name wins.
        package var databaseLabel: String? = "db"
        /// Whether names keep characters outside of [a-zA-Z0-9_:]; else these become `_`.
        package var keepsNames = false

        package init() {}
    }

    /// `now`: for lines without a timestamp.
    package static func parse(
        _ body: [UInt8], options: Options = Options(), tenant: Tenant, now: Timestamp,
        limits: IngestLimits, cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(
            tenant: tenant,
            domain: "influx\0\(options.database)\0\(options.databaseLabel ?? "")"
                + "\0\(options.keepsNames)")
        var reader = InfluxReader(options: options, tenant: tenant, now: now, limits: limits)
        reader.read(body, &cache)
        cache.finish(&reader.parsed.batch.series)
        return reader.parsed
    }
}

/// One body being read.
struct InfluxReader {
    var parsed: ParsedBody
    private let options: InfluxBody.Options
    private let now: Int64
    private let names: InfluxNames
    private var labels: LabelCheck
    /// Why `line` has said no.
    private var fault: (reason: SkipReason, what: String) = (.badLine, "")

    init(
        options: InfluxBody.Options, tenant: Tenant, now: Timestamp, limits: IngestLimits
    ) {
        parsed = ParsedBody(tenant: tenant)
        self.options = options
        self.now = now.nanos
        names = InfluxNames(keepsNames: options.keepsNames)
        labels = LabelCheck(limits: limits)
    }

    mutating func read(_ body: [UInt8], _ cache: inout SeriesCache) {
        let bytes = body.span
        let end = bytes.count
        var line = 1
        var at = 0
        while at < end {
            let byte = bytes[at]
            if byte == 0x0A { line += 1 }
            if byte == 0x0A || byte == 0x20 || byte == 0x0D || byte == 0x09 {
                at += 1
                continue
            }
            let start = at
            if byte == 0x23 {
                at = ByteScan.firstIndex(of: 0x0A, in: body, from: at, to: end) ?? end
                continue
            }
            let before = parsed.batch.samples.count
            if self.line(body, bytes, &at, end, &cache) {
                parsed.acceptedCount += 1
            } else {
                drop(backTo: before)
                parsed.skip(fault.reason, fault.what, at: .line(line))
                at = ByteScan.firstIndex(of: 0x0A, in: body, from: at, to: end) ?? end
            }
            // Quoted strings may hold line feeds; `at` stands on the one that ends the line.
            line += ByteScan.count(of: 0x0A, in: body, from: start, to: at)
        }
    }

    private mutating func drop(backTo count: Int) {
        let excess = parsed.batch.samples.count - count
        parsed.batch.samples.seriesIndexes.removeLast(excess)
        parsed.batch.samples.timestamps.removeLast(excess)
        parsed.batch.samples.values.removeLast(excess)
    }

    /// Reads the line at `at` and leaves `at` on its line feed or at the end. False on a fault;
    /// then `at` is somewhere in the line.
    private mutating func line(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int,
        _ cache: inout SeriesCache
    ) -> Bool {
        let start = at
        while at < end, bytes[at] != 0x20, bytes[at] != 0x0A {
            at += bytes[at] == 0x5C && at + 1 < end && bytes[at + 1] != 0x0A ? 2 : 1
        }
        let series = start..<min(at, end)
        guard bytes.has(0x20, at: at, before: end) else { return no(.badLine, "no fields") }
        while bytes.has(0x20, at: at, before: end) { at += 1 }
        let key = cache.key(body[series])
        let first = parsed.batch.samples.count
        var ordinal = 0
        while true {
            guard field(body, bytes, &at, end, series, key, ordinal, &cache) else { return false }
            guard bytes.has(0x2C, at: at, before: end) else { break }
            at += 1
            ordinal += 1
        }
        return timestamp(bytes, &at, end, first)
    }

    private mutating func no(_ reason: SkipReason, _ what: String) -> Bool {
        fault = (reason, what)
        return false
    }

    /// `key=value`; leaves `at` behind the value.
    private mutating func field(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int,
        _ series: Range<Int>, _ seriesKey: SeriesCache.Key, _ ordinal: Int,
        _ cache: inout SeriesCache
    ) -> Bool {
        let start = at
        while at < end, bytes[at] != 0x3D, bytes[at] != 0x0A, bytes[at] != 0x20 {
            at += bytes[at] == 0x5C && at + 1 < end && bytes[at + 1] != 0x0A ? 2 : 1
        }
        guard at > start, bytes.has(0x3D, at: at, before: end) else {
            return no(.badLine, "a field without value")
        }
        let name = start..<at
        at += 1
        if bytes.has(0x22, at: at, before: end) {
            at += 1
            while at < end, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
            guard at < end else {
                at = end
                return no(.badLine, "a string without its closing quote")
            }
            at += 1
            parsed.skips.add(.stringField)
            return true
        }
        let from = at
        while at < end, bytes[at] != 0x2C, bytes[at] != 0x20, bytes[at] != 0x0A, bytes[at] != 0x0D {
            at += 1
        }
        guard let value = value(body, bytes, from, at) else {
            let text = String(decoding: body[from..<min(at, from + 80)], as: UTF8.self)
            return no(.badValue, "bad value \"\(text)\"")
        }
        let key = cache.key(body[name], after: seriesKey, ordinal: ordinal)
        let number: UInt32
        if let known = cache.number(key) {
            number = known
        } else if let made = makeLabels(body, series, name) {
            number = cache.learn(key, made)
        } else {
            return false
        }
        let index = cache.place(number, in: &parsed.batch.series)
        parsed.batch.samples.append(seriesIndex: index, timestamp: now, value: value)
        return true
    }

    /// A float, an integer with `i`, an unsigned one with `u`, or a boolean.
    private func value(
        _ body: [UInt8], _ bytes: Span<UInt8>, _ from: Int, _ to: Int
    ) -> Double? {
        guard from < to else { return nil }
        switch bytes[to - 1] {
        case 0x69: return DecimalText.integer(bytes, from, to - 1).map { Double($0) }
        case 0x75: return DecimalText.magnitude(bytes, from, to - 1).map { Double($0) }
        case 0x30...0x39, 0x2E: return DoubleText.parse(body, from: from, to: to)
        default: break
        }
        for word in ["t", "T", "true", "True", "TRUE"] where word.utf8.count == to - from {
            if bytes.starts(with: word, at: from, before: to) { return 1 }
        }
        for word in ["f", "F", "false", "False", "FALSE"] where word.utf8.count == to - from {
            if bytes.starts(with: word, at: from, before: to) { return 0 }
        }
        return nil
    }

    /// The rest of the line: nothing, or the timestamp of the samples from `first` on.
    private mutating func timestamp(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ first: Int
    ) -> Bool {
        while at < end, bytes[at] == 0x20 || bytes[at] == 0x0D { at += 1 }
        guard at < end, bytes[at] != 0x0A else { return true }
        let from = at
        while at < end, bytes[at] != 0x0A, bytes[at] != 0x20, bytes[at] != 0x0D { at += 1 }
        let to = at
        while at < end, bytes[at] == 0x20 || bytes[at] == 0x0D { at += 1 }
        guard at == end || bytes[at] == 0x0A, let count = DecimalText.integer(bytes, from, to)
        else { return no(.badTimestamp, "bad timestamp") }
        let (nanos, overflow) = count.multipliedReportingOverflow(by: options.precision.rawValue)
        guard !overflow else { return no(.badTimestamp, "timestamp out of range") }
        for index in first..<parsed.batch.samples.count {
            parsed.batch.samples.timestamps[index] = nanos
        }
        return true
    }

    /// The labels of one field's series; nil (with the fault noted) when they break a rule.
    private mutating func makeLabels(
        _ body: [UInt8], _ series: Range<Int>, _ field: Range<Int>
    ) -> Labels? {
        labels.removeAll()
        let parts = names.split(body, series)
        guard let measurement = parts.first, !measurement.isEmpty else {
            fault = (.missingMetricName, "no measurement")
            return nil
        }
        let name = names.metric(measurement, names.unescaped(body[field]))
        var reason = labels.add(Array("__name__".utf8)[...], name[...])
        var hasDatabase = options.database.isEmpty || options.databaseLabel == nil
        for part in parts.dropFirst() where reason == nil {
            guard let equals = names.equals(part) else {
                fault = (.badLine, "a tag without value")
                return nil
            }
            let name = names.label(names.unescaped(part[..<equals]))
            if let label = options.databaseLabel, name.elementsEqual(label.utf8) {
                hasDatabase = true
            }
            reason = labels.add(name[...], names.unescaped(part[(equals + 1)...])[...])
        }
        if !hasDatabase, reason == nil, let label = options.databaseLabel {
            reason = labels.add(Array(label.utf8)[...], Array(options.database.utf8)[...])
        }
        if let reason {
            fault = (reason, "series: \(reason.rawValue)")
            return nil
        }
        return labels.labels()
    }
}
