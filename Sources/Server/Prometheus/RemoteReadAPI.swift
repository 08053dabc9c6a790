internal import Encoding
internal import Ingest
internal import Model

/// `/api/v1/read`: Prometheus' remote read, for a Prometheus that asks this store for what it has not
/// itself. Answers with plain samples, snappy-compressed protobuf.
/// Source: Prometheus documentation, "Remote Read API".
struct RemoteReadAPI: Sendable {
    let context: QueryContext
    let limits: Adjustable<IngestLimits>

    func addRoutes(to table: inout RouteTable) {
        for path in ["/api/v1/read", "/prometheus/api/v1/read"] {
            table.add([.post], path, .query, read)
        }
    }

    func read(_ call: HTTPCall) async throws -> HTTPAnswer {
        let queries: [RemoteReadBody.Query]
        do {
            queries = try RemoteReadBody.parse(
                try ContentCoding.snappy.decode(call.body, limits: limits.value))
        } catch {
            throw HTTPFailure(error)
        }
        let budget = try context.budget(for: call)
        var completeness = Completeness()
        var answer = ByteWriter()
        for query in queries {
            var result = ByteWriter()
            // Behind the last millisecond.
            let end =
                query.endMillis == .max
                ? Timestamp.distantFuture : Timestamp(millis: query.endMillis + 1)
            completeness.merge(
                try await context.querier.selectSeries(
                    SeriesRequest(
                        tenant: call.tenant, selector: Selector(query.matchers),
                        start: Timestamp(millis: query.startMillis), end: end, budget: budget)
                ) { batch in
                    for series in batch {
                        result.field(1, message: RemoteReadMessage.timeSeries(series))
                    }
                })
            answer.field(1, message: result.bytes)
        }
        var response = HTTPAnswer(
            contentType: "application/x-protobuf", headers: [("Content-Encoding", "snappy")],
            body: .bytes(SnappyBlock.compress(answer.bytes)))
        response.warn(completeness)
        return response
    }
}

/// Series as protobuf messages of remote read: prompb/types.proto.
enum RemoteReadMessage {
    /// labels 1 │ samples 2 │ histograms 4
    static func timeSeries(_ series: SeriesData) -> [UInt8] {
        var writer = ByteWriter()
        series.labels.forEachSlice { name, value in
            var label = ByteWriter()
            label.field(1, bytes: name)
            label.field(2, bytes: value)
            writer.field(1, message: label.bytes)
            return true
        }
        var sample = ByteWriter()
        for (nanos, value) in zip(series.timestamps.nanos, series.values) {
            sample.removeAll()
            sample.field(1, double: value)
            sample.field(2, varint: millis(nanos))
            writer.field(2, message: sample.bytes)
        }
        for (nanos, histogram) in zip(series.histogramTimestamps.nanos, series.histograms) {
            writer.field(4, message: RemoteReadMessage.histogram(histogram, millis(nanos)))
        }
        return writer.bytes
    }

    /// Counts are floating point here, so that of each pair of fields the one for floats is sent:
    ///
    ///     count_float 2 │ sum 3 │ schema 4 │ zero_threshold 5 │ zero_count_float 7
    ///     negative spans 8, counts 10 │ positive 11, 13 │ reset_hint 14 │ timestamp 15
    ///     custom_values 16
    private static func histogram(_ histogram: Histogram, _ millis: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.field(2, double: histogram.count)
        writer.field(3, double: histogram.sum)
        writer.field(4, zigzag: Int64(histogram.schema))
        writer.field(5, double: histogram.zeroThreshold)
        writer.field(7, double: histogram.zeroCount)
        for (spans, counts, buckets) in [
            (8, 10, histogram.negative), (11, 13, histogram.positive),
        ] where !buckets.isEmpty {
            for span in RemoteReadMessage.spans(buckets.indexes) {
                writer.field(spans, message: span)
            }
            writer.field(counts, doubles: buckets.counts)
        }
        writer.field(14, varint: UInt64(histogram.resetHint.rawValue))
        writer.field(15, varint: millis)
        if !histogram.customBounds.isEmpty { writer.field(16, doubles: histogram.customBounds) }
        return writer.bytes
    }

    /// Runs of indexes: offset 1 to the end of the one before, length 2.
    private static func spans(_ indexes: [Int32]) -> [[UInt8]] {
        var spans: [[UInt8]] = []
        var end: Int32 = 0
        var place = 0
        while place < indexes.count {
            let first = indexes[place]
            var next = place + 1
            while next < indexes.count, indexes[next] == indexes[next - 1] + 1 { next += 1 }
            var span = ByteWriter()
            span.field(1, zigzag: Int64(first) - Int64(end))
            span.field(2, varint: UInt64(next - place))
            spans.append(span.bytes)
            end = indexes[next - 1] + 1
            place = next
        }
        return spans
    }

    /// Two's complement, as protobuf's int64 goes.
    private static func millis(_ nanos: Int64) -> UInt64 {
        UInt64(bitPattern: Timestamp(nanos: nanos).millis)
    }
}

/// Fields of the protobuf wire format. Source: protobuf.dev, "Encoding".
extension ByteWriter {
    fileprivate mutating func field(_ number: Int, varint value: UInt64) {
        varint(UInt64(number << 3))
        varint(value)
    }

    fileprivate mutating func field(_ number: Int, zigzag value: Int64) {
        varint(UInt64(number << 3))
        zigzag(value)
    }

    fileprivate mutating func field(_ number: Int, double value: Double) {
        varint(UInt64(number << 3 | 1))
        f64(value)
    }

    fileprivate mutating func field(_ number: Int, bytes: ArraySlice<UInt8>) {
        varint(UInt64(number << 3 | 2))
        lengthPrefixed(bytes)
    }

    fileprivate mutating func field(_ number: Int, message: [UInt8]) {
        varint(UInt64(number << 3 | 2))
        lengthPrefixed(message)
    }

    /// Packed.
    fileprivate mutating func field(_ number: Int, doubles: [Double]) {
        varint(UInt64(number << 3 | 2))
        varint(UInt64(doubles.count * 8))
        column(doubles)
    }
}
