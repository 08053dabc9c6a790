internal import Encoding
package import Model

/// Loki's push API: `POST /loki/api/v1/push` as JSON, or as a snappy block of the protobuf message
/// `logproto.PushRequest`.
///
/// Lines are kept byte for byte, empty ones too. A stream whose labels break a rule is left out and
/// its lines are counted; JSON that is broken, or a timestamp that is none, refuses the whole body.
/// A stream without labels gets `service_name="unknown_service"`, as Loki gives it. Lines over
/// `lineBytesMax` are kept in parts that are marked like those of syslog. Lines get their level
/// (`MetadataLevel`) where the limits say so.
/// Source: grafana/loki pkg/loghttp/push, pkg/push/push.proto.
package enum LokiBody {
    /// A JSON body, decoded: `{"streams":[{"stream":{…},"values":[["ns","line",{…}],…]},…]}`.
    package static func parseJSON(
        _ body: [UInt8], tenant: Tenant, limits: IngestLimits, cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(tenant: tenant, domain: "loki_json")
        var reader = LokiJSONReader(body, sink: LokiSink(tenant: tenant, limits: limits))
        try reader.read(&cache)
        return reader.sink.parsed
    }

    /// A protobuf body after `ContentCoding.snappy`.
    package static func parseProtobuf(
        _ body: [UInt8], tenant: Tenant, limits: IngestLimits, cache: inout SeriesCache
    ) throws(IngestError) -> ParsedBody {
        cache.begin(tenant: tenant, domain: "loki_protobuf")
        var reader = LokiProtobufReader(sink: LokiSink(tenant: tenant, limits: limits))
        try reader.read(body, &cache)
        return reader.sink.parsed
    }
}

/// Where the lines of a push go.
struct LokiSink {
    /// The stream at hand: its index in the batch, or why its lines are left out.
    enum Stream {
        case index(UInt32)
        case refused(SkipReason, String)
    }

    var parsed: ParsedBody
    let limits: IngestLimits
    /// Metadata of the line at hand.
    var metadata: [UInt8] = []
    private var metadataCount = 0
    private var level = MetadataLevel()
    /// What the labels say of the level of each stream of the batch, where levels are looked for.
    private var streamLevels: [SaidLevel] = []

    init(tenant: Tenant, limits: IngestLimits) {
        parsed = ParsedBody(tenant: tenant)
        self.limits = limits
    }

    mutating func beginLine() {
        metadata.removeAll(keepingCapacity: true)
        metadataCount = 0
        level.begin()
    }

    /// Adds a pair to the line at hand, unless that passes a limit.
    mutating func addMetadata(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
        guard metadataCount < limits.metadataCountMax,
            metadata.count + name.count + value.count + 8 <= limits.metadataBytesMax
        else {
            parsed.skips.add(.metadataLimit)
            return
        }
        metadataCount += 1
        let stored = limits.discoversLevels ? level.take(name, value) : value
        PairBytes.append(name, stored, to: &metadata)
    }

    mutating func endLine(
        _ line: ArraySlice<UInt8>, _ timestamp: Int64, _ stream: Stream, offset: Int
    ) {
        switch stream {
        case .index(let index):
            if limits.discoversLevels {
                level.append(to: &metadata, stream: streamLevels[Int(index)], line: line)
            }
            parsed.batch.lines.appendInParts(
                streamIndex: index, timestamp: timestamp, line: line, metadata: &metadata,
                partBytesMax: limits.lineBytesMax)
            parsed.acceptedCount += 1
        case .refused(let reason, let what):
            parsed.skip(reason, what, at: .offset(offset))
        }
    }

    /// The stream with the labels that `check` has collected, learnt under `key`.
    mutating func stream(
        _ check: inout LabelCheck, _ key: SeriesCache.Key, _ cache: inout SeriesCache
    ) -> Stream {
        let labels = check.labels()
        let number = cache.learn(
            key, labels.isEmpty ? Labels(["service_name": "unknown_service"]) : labels)
        return stream(number, &cache)
    }

    /// The stream that `cache` knows by `number`.
    mutating func stream(_ number: UInt32, _ cache: inout SeriesCache) -> Stream {
        let index = cache.index(number, in: &parsed.batch.streams)
        if limits.discoversLevels, Int(index) == streamLevels.count {
            streamLevels.append(SaidLevel(cache.labels(number)))
        }
        return .index(index)
    }
}

extension LineColumns {
    /// Appends `line`, in marked parts when it is longer than `partBytesMax`. `metadata` is used as
    /// scratch.
    mutating func appendInParts(
        streamIndex: UInt32, timestamp: Int64, line: ArraySlice<UInt8>, metadata: inout [UInt8],
        partBytesMax: Int
    ) {
        guard line.count > partBytesMax else {
            return append(
                streamIndex: streamIndex, timestamp: timestamp, line: line,
                metadata: metadata[...])
        }
        let shared = metadata.count
        var at = line.startIndex
        var part = 1
        while at < line.endIndex {
            let stop = min(at + partBytesMax, line.endIndex)
            metadata.removeLast(metadata.count - shared)
            PairBytes.append("varve_part", String(part), to: &metadata)
            if stop == line.endIndex {
                PairBytes.append("varve_part_last", "true", to: &metadata)
            }
            append(
                streamIndex: streamIndex, timestamp: timestamp, line: line[at..<stop],
                metadata: metadata[...])
            at = stop
            part += 1
        }
    }
}
