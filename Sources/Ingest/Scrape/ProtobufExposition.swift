internal import Encoding
internal import Model

/// `io.prometheus.client.MetricFamily` messages, each behind its length: what targets answer in
/// when they are asked for protobuf. The only format with native histograms.
/// Source: prometheus/client_model, metrics.proto.
///
///     MetricFamily  name 1 │ help 2 │ type 3 │ metric 4 │ unit 5
///     Metric        label 1 │ gauge 2 │ counter 3 │ summary 4 │ untyped 5 │ timestamp_ms 6
///                   histogram 7
///     LabelPair     name 1 │ value 2
///     Counter       value 1 │ exemplar 2        Gauge, Untyped   value 1
///     Summary       sample_count 1 │ sample_sum 2 │ quantile 3
///     Quantile      quantile 1 │ value 2
///     Bucket        cumulative_count 1 │ upper_bound 2 │ exemplar 3 │ cumulative_count_float 4
///     Exemplar      label 1 │ value 2 │ timestamp 3
///
/// Bytes that are no such messages throw; a series or a histogram that breaks a rule is left out
/// and counted, as in text.
struct ProtobufExposition {
    var parsed: ParsedBody
    var scrape: ScrapeIntake
    let now: Int64
    let limits: IngestLimits
    private var labels: LabelCheck
    /// The bytes by which the cache knows a series.
    private var key: [UInt8] = []

    /// A family's type, by its number in the format.
    enum Kind: UInt64 {
        case counter = 0
        case gauge = 1
        case summary = 2
        case untyped = 3
        case histogram = 4
        case gaugeHistogram = 5

        var metadata: MetricMetadata.Kind {
            switch self {
            case .counter: .counter
            case .gauge: .gauge
            case .summary: .summary
            case .untyped: .unknown
            case .histogram: .histogram
            case .gaugeHistogram: .gaugeHistogram
            }
        }
    }

    /// What of a series its metric says: where its labels lie, and when it was taken.
    struct Series {
        var family: ArraySlice<UInt8>
        var place: Int
        var pairs: [(name: Range<Int>, value: Range<Int>)] = []
        var millis: Int64?
    }

    init(tenant: Tenant, now: Int64, limits: IngestLimits, scrape: ScrapeIntake) {
        parsed = ParsedBody(tenant: tenant)
        self.scrape = scrape
        self.now = now
        self.limits = limits
        labels = LabelCheck(limits: limits)
    }

    mutating func read(_ body: [UInt8], _ cache: inout SeriesCache) throws(IngestError) {
        var at = 0
        while at < body.count {
            let family = try ProtobufReader.content(body.span, &at, body.count)
            try read(family: family, body, &cache)
        }
    }

    private mutating func read(
        family range: Range<Int>, _ body: [UInt8], _ cache: inout SeriesCache
    ) throws(IngestError) {
        var name = body[range.lowerBound..<range.lowerBound]
        var help = ""
        var unit = ""
        var kind = Kind.counter
        var metrics: [Range<Int>] = []
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                name = body[try ProtobufReader.content(body.span, &at, range.upperBound)]
            case (2, ProtobufReader.bytesWire):
                help = String(
                    decoding: body[try ProtobufReader.content(body.span, &at, range.upperBound)],
                    as: UTF8.self)
            case (3, ProtobufReader.varintWire):
                let number = try ProtobufReader.varint(body.span, &at, range.upperBound)
                guard let known = Kind(rawValue: number) else {
                    throw .malformed(
                        what: "protobuf: metric type \(number)", place: .offset(at))
                }
                kind = known
            case (4, ProtobufReader.bytesWire):
                metrics.append(try ProtobufReader.content(body.span, &at, range.upperBound))
            case (5, ProtobufReader.bytesWire):
                unit = String(
                    decoding: body[try ProtobufReader.content(body.span, &at, range.upperBound)],
                    as: UTF8.self)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        guard !name.isEmpty, UTF8Check.isValid(name) else {
            throw .malformed(what: "protobuf: a family without a name", place: .offset(at))
        }
        parsed.batch.metadata.append(
            MetricMetadata(
                metric: String(decoding: name, as: UTF8.self), kind: kind.metadata, help: help,
                unit: unit))
        parsed.acceptedCount += 1
        for metric in metrics { try read(metric: metric, name, kind, body, &cache) }
    }

    private mutating func read(
        metric range: Range<Int>, _ family: ArraySlice<UInt8>, _ kind: Kind, _ body: [UInt8],
        _ cache: inout SeriesCache
    ) throws(IngestError) {
        var series = Series(family: family, place: range.lowerBound)
        var value: (field: Int, range: Range<Int>)?
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                let pair = try ProtobufReader.content(body.span, &at, range.upperBound)
                series.pairs.append(try ProtobufExposition.pair(body, pair))
            case (2...5, ProtobufReader.bytesWire), (7, ProtobufReader.bytesWire):
                let content = try ProtobufReader.content(body.span, &at, range.upperBound)
                if tag.field == ProtobufExposition.field(of: kind) { value = (tag.field, content) }
            case (6, ProtobufReader.varintWire):
                series.millis = Int64(
                    bitPattern: try ProtobufReader.varint(body.span, &at, range.upperBound))
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        guard let value else {
            throw .malformed(
                what: "protobuf: a metric without what its type needs",
                place: .offset(range.lowerBound))
        }
        switch kind {
        case .counter, .gauge, .untyped:
            try scalar(series, value.range, hasExemplar: kind == .counter, body, &cache)
        case .summary: try summary(series, value.range, body, &cache)
        case .histogram, .gaugeHistogram:
            try histogram(
                series, value.range, isGauge: kind == .gaugeHistogram, body, &cache)
        }
    }

    private static func field(of kind: Kind) -> Int {
        switch kind {
        case .gauge: 2
        case .counter: 3
        case .summary: 4
        case .untyped: 5
        case .histogram, .gaugeHistogram: 7
        }
    }

    static func pair(
        _ body: [UInt8], _ range: Range<Int>
    ) throws(IngestError) -> (name: Range<Int>, value: Range<Int>) {
        var name = range.lowerBound..<range.lowerBound
        var value = name
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                name = try ProtobufReader.content(body.span, &at, range.upperBound)
            case (2, ProtobufReader.bytesWire):
                value = try ProtobufReader.content(body.span, &at, range.upperBound)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        return (name, value)
    }
}

/// From what a metric says to samples.
extension ProtobufExposition {
    /// Takes a sample of the series whose name is the family's and `suffix`, with one more label if
    /// `extra` has one. The labels of the series where it was taken, for its exemplar.
    @discardableResult
    mutating func sample(
        _ series: Series, suffix: String = "", extra: (name: String, value: Double)? = nil,
        value: Double, _ body: [UInt8], _ cache: inout SeriesCache
    ) -> Labels? {
        guard let (index, labels) = place(series, suffix, extra, body, &cache) else { return nil }
        parsed.batch.samples.append(
            seriesIndex: index, timestamp: nanos(of: series), value: value)
        parsed.acceptedCount += 1
        return labels
    }

    /// Takes a native histogram.
    mutating func sample(
        _ series: Series, _ histogram: Histogram, _ body: [UInt8], _ cache: inout SeriesCache
    ) -> Labels? {
        guard let (index, labels) = place(series, "", nil, body, &cache) else { return nil }
        parsed.batch.histograms.append(
            HistogramSample(
                seriesIndex: index, timestamp: nanos(of: series), histogram: histogram))
        parsed.acceptedCount += 1
        return labels
    }

    func nanos(of series: Series) -> Int64 {
        guard scrape.honorsTimestamps, let millis = series.millis else { return now }
        return Timestamp(millis: millis).nanos
    }

    private mutating func place(
        _ series: Series, _ suffix: String, _ extra: (name: String, value: Double)?,
        _ body: [UInt8], _ cache: inout SeriesCache
    ) -> (index: UInt32, labels: Labels)? {
        key.removeAll(keepingCapacity: true)
        key += series.family
        key += suffix.utf8
        for pair in series.pairs {
            // Lengths, so that no two lists of pairs look the same.
            Varint.append(UInt64(pair.name.count), to: &key)
            key += body[pair.name]
            Varint.append(UInt64(pair.value.count), to: &key)
            key += body[pair.value]
        }
        if let extra {
            key.append(0xFF)
            Varint.append(extra.value.bitPattern, to: &key)
        }
        let hash = cache.key(key[...])
        var number = cache.number(hash)
        if number == nil, let sent = labels(series, suffix, extra, body) {
            let names = labels
            let shaped = scrape.shaped(sent) { names.isKnown(Array($0.utf8)[...]) }
            number = shaped.map { cache.learn(hash, $0) }
        }
        guard let number else { return nil }
        let hasTimestamp = scrape.honorsTimestamps && series.millis != nil
        guard
            let index = scrape.place(
                number, hasTimestamp: hasTimestamp, &cache, in: &parsed.batch.series)
        else { return nil }
        return (index, cache.labels(number))
    }

    private mutating func labels(
        _ series: Series, _ suffix: String, _ extra: (name: String, value: Double)?,
        _ body: [UInt8]
    ) -> Labels? {
        labels.removeAll()
        var reason = labels.add(Array("__name__".utf8)[...], series.family + Array(suffix.utf8))
        for pair in series.pairs where reason == nil {
            reason = labels.add(body[pair.name], body[pair.value])
        }
        if let extra, reason == nil {
            reason = labels.add(
                Array(extra.name.utf8)[...],
                Array(BoundText.format(extra.value).utf8)[...])
        }
        if let reason {
            parsed.skip(
                reason, "labels of \(String(decoding: series.family.prefix(80), as: UTF8.self))",
                at: .offset(series.place))
            return nil
        }
        return labels.labels()
    }
}
