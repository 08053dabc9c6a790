internal import Model

/// Counters, gauges, summaries and histograms in their classic form.
extension ProtobufExposition {
    /// A counter, gauge or untyped value.
    mutating func scalar(
        _ series: Series, _ range: Range<Int>, hasExemplar: Bool, _ body: [UInt8],
        _ cache: inout SeriesCache
    ) throws(IngestError) {
        var value = 0.0
        var exemplar: Range<Int>?
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.fixed64Wire):
                value = try ProtobufReader.double(body.span, &at, range.upperBound)
            case (2, ProtobufReader.bytesWire) where hasExemplar:
                exemplar = try ProtobufReader.content(body.span, &at, range.upperBound)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        let labels = sample(series, value: value, body, &cache)
        if let labels, let exemplar {
            try take(exemplar: exemplar, of: labels, nanos(of: series), body)
        }
    }

    mutating func summary(
        _ series: Series, _ range: Range<Int>, _ body: [UInt8], _ cache: inout SeriesCache
    ) throws(IngestError) {
        var count: UInt64 = 0
        var sum = 0.0
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                count = try ProtobufReader.varint(body.span, &at, range.upperBound)
            case (2, ProtobufReader.fixed64Wire):
                sum = try ProtobufReader.double(body.span, &at, range.upperBound)
            case (3, ProtobufReader.bytesWire):
                let content = try ProtobufReader.content(body.span, &at, range.upperBound)
                let (quantile, value) = try ProtobufExposition.quantile(body, content)
                sample(series, extra: ("quantile", quantile), value: value, body, &cache)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        sample(series, suffix: "_sum", value: sum, body, &cache)
        sample(series, suffix: "_count", value: Double(count), body, &cache)
    }

    private static func quantile(
        _ body: [UInt8], _ range: Range<Int>
    ) throws(IngestError) -> (quantile: Double, value: Double) {
        var quantile = 0.0
        var value = 0.0
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.fixed64Wire):
                quantile = try ProtobufReader.double(body.span, &at, range.upperBound)
            case (2, ProtobufReader.fixed64Wire):
                value = try ProtobufReader.double(body.span, &at, range.upperBound)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        return (quantile, value)
    }

    /// A bucket of a histogram, and the exemplar that it may have.
    struct Bucket {
        var bound = 0.0
        var count = 0.0
        var exemplar: Range<Int>?
    }

    /// Takes `_bucket`, `_sum` and `_count`; the bucket of everything is made where it is missing.
    mutating func classic(
        _ series: Series, _ buckets: [Bucket], count: Double, sum: Double, _ body: [UInt8],
        _ cache: inout SeriesCache
    ) throws(IngestError) {
        var hasLast = false
        for bucket in buckets {
            hasLast = hasLast || bucket.bound == .infinity
            let labels = sample(
                series, suffix: "_bucket", extra: ("le", bucket.bound), value: bucket.count, body,
                &cache)
            if let labels, let exemplar = bucket.exemplar {
                try take(exemplar: exemplar, of: labels, nanos(of: series), body)
            }
        }
        if !hasLast {
            sample(series, suffix: "_bucket", extra: ("le", .infinity), value: count, body, &cache)
        }
        sample(series, suffix: "_sum", value: sum, body, &cache)
        sample(series, suffix: "_count", value: count, body, &cache)
    }

    static func bucket(
        _ body: [UInt8], _ range: Range<Int>
    ) throws(IngestError) -> Bucket {
        var bucket = Bucket()
        var float = 0.0
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                bucket.count = Double(
                    try ProtobufReader.varint(body.span, &at, range.upperBound))
            case (2, ProtobufReader.fixed64Wire):
                bucket.bound = try ProtobufReader.double(body.span, &at, range.upperBound)
            case (3, ProtobufReader.bytesWire):
                bucket.exemplar = try ProtobufReader.content(body.span, &at, range.upperBound)
            case (4, ProtobufReader.fixed64Wire):
                float = try ProtobufReader.double(body.span, &at, range.upperBound)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        if float > 0 { bucket.count = float }
        return bucket
    }

    /// Takes an exemplar of the series `labels`; one without a time has that of its sample.
    mutating func take(
        exemplar range: Range<Int>, of series: Labels, _ nanos: Int64, _ body: [UInt8]
    ) throws(IngestError) {
        var builder = LabelCheck(limits: limits)
        var value = 0.0
        var timestamp = Timestamp(nanos: nanos)
        var isGood = true
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.bytesWire):
                let content = try ProtobufReader.content(body.span, &at, range.upperBound)
                let pair = try ProtobufExposition.pair(body, content)
                isGood = isGood && builder.add(body[pair.name], body[pair.value]) == nil
            case (2, ProtobufReader.fixed64Wire):
                value = try ProtobufReader.double(body.span, &at, range.upperBound)
            case (3, ProtobufReader.bytesWire):
                let content = try ProtobufReader.content(body.span, &at, range.upperBound)
                timestamp = try ProtobufExposition.timestamp(body, content)
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        let place = IngestError.Place.offset(range.lowerBound)
        guard isGood else { return parsed.skip(.badExemplar, "bad exemplar", at: place) }
        parsed.append(
            Exemplar(
                series: series, labels: builder.labels(), value: value, timestamp: timestamp),
            limits, at: place)
    }

    /// google.protobuf.Timestamp: seconds 1, nanos 2.
    private static func timestamp(
        _ body: [UInt8], _ range: Range<Int>
    ) throws(IngestError) -> Timestamp {
        var seconds: Int64 = 0
        var nanos: Int64 = 0
        var at = range.lowerBound
        while at < range.upperBound {
            let tag = try ProtobufReader.tag(body.span, &at, range.upperBound)
            switch (tag.field, tag.wire) {
            case (1, ProtobufReader.varintWire):
                seconds = Int64(
                    bitPattern: try ProtobufReader.varint(body.span, &at, range.upperBound))
            case (2, ProtobufReader.varintWire):
                nanos = Int64(
                    bitPattern: try ProtobufReader.varint(body.span, &at, range.upperBound))
            default: try ProtobufReader.skip(tag, body.span, &at, range.upperBound)
            }
        }
        let (millis, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return Timestamp(millis: overflow ? (seconds < 0 ? .min : .max) : millis)
            .advanced(byNanos: nanos)
    }
}
