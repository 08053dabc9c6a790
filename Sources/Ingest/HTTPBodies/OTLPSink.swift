internal import Encoding
internal import Model

/// A log record as it was read. Zero and empty mean that it was not said.
struct OTLPRecord {
    var timeNanos: Int64 = 0
    var observedNanos: Int64 = 0
    /// 1 to 24 by the data model; others are kept as they are.
    var severityNumber: Int64 = 0
    var severityText: ArraySlice<UInt8> = []
    var body = OTLPValue.none
    var attributes: [OTLPAttribute] = []
    var droppedAttributeCount: UInt64 = 0
    var flags: UInt64 = 0
    /// Hexadecimal.
    var traceID: ArraySlice<UInt8> = []
    var spanID: ArraySlice<UInt8> = []
}

/// Where the records of an OTLP body go: a resource begins, then its scopes, each with its records.
///
/// Structured metadata of a line in this order: attributes of the record, `observed_timestamp`,
/// `severity_number`, `severity_text`, `dropped_attributes_count`, `flags`, `trace_id`, `span_id`,
/// then what the scope and the resource say, and `detected_level` where levels are looked for. Of
/// one name the first counts.
struct OTLPSink {
    private var sink: LokiSink
    private let now: Timestamp
    private var labels: LabelCheck
    private var stream = LokiSink.Stream.refused(.badLine, "no resource")
    private var resourcePairs: [OTLPPair] = []
    private var scopePairs: [OTLPPair] = []
    /// Names of the metadata of the line at hand.
    private var names: [ArraySlice<UInt8>] = []

    var parsed: ParsedBody { sink.parsed }
    var limits: IngestLimits { sink.limits }

    init(tenant: Tenant, now: Timestamp, limits: IngestLimits) {
        sink = LokiSink(tenant: tenant, limits: limits)
        labels = LabelCheck(limits: limits)
        self.now = now
    }

    mutating func beginResource(
        _ attributes: [OTLPAttribute], droppedCount: UInt64, _ cache: inout SeriesCache
    ) {
        labels.removeAll()
        resourcePairs.removeAll(keepingCapacity: true)
        scopePairs.removeAll(keepingCapacity: true)
        var refusal: (SkipReason, String)?
        for attribute in attributes where !attribute.value.isEmpty {
            let isLabel = OTLPNames.labels.contains(String(decoding: attribute.key, as: UTF8.self))
            for pair in [attribute].flattened {
                guard isLabel else {
                    resourcePairs.append(pair)
                    continue
                }
                if let reason = labels.add(pair.name, pair.value, repeatsWin: true) {
                    refusal = (reason, OTLPSink.sentence(pair.name, reason))
                }
            }
        }
        if !labels.isKnown(Array("service_name".utf8)[...]) {
            let name = serviceName(attributes)
            if let reason = labels.add(Array("service_name".utf8)[...], name) {
                refusal = (reason, OTLPSink.sentence("service_name".utf8, reason))
            }
        }
        append(count: droppedCount, "resource_dropped_attributes_count", to: &resourcePairs)
        resourcePairs = cut(resourcePairs)
        if let refusal {
            stream = .refused(refusal.0, refusal.1)
        } else {
            let number = cache.number(of: labels.labels())
            stream = sink.stream(number, &cache)
        }
    }

    mutating func beginScope(
        name: ArraySlice<UInt8>, version: ArraySlice<UInt8>, _ attributes: [OTLPAttribute],
        droppedCount: UInt64
    ) {
        scopePairs = attributes.flattened
        if !name.isEmpty { scopePairs.append(pair("scope_name", name)) }
        if !version.isEmpty { scopePairs.append(pair("scope_version", version)) }
        append(count: droppedCount, "scope_dropped_attributes_count", to: &scopePairs)
        scopePairs = cut(scopePairs)
    }

    /// `offset`: where the record begins in the body. Throws `tooLarge` when what resources and
    /// scopes say, repeated for each record, passes `decodedBytesMax`.
    mutating func add(_ record: OTLPRecord, offset: Int) throws(IngestError) {
        guard sink.parsed.batch.lines.metadataBytes.count <= limits.decodedBytesMax else {
            throw .tooLarge(limit: "body-decoded-max", bytesMax: limits.decodedBytesMax)
        }
        sink.beginLine()
        names.removeAll(keepingCapacity: true)
        for pair in record.attributes.flattened { add(pair) }
        var pairs: [OTLPPair] = []
        if record.timeNanos != 0 {
            append(integer: record.observedNanos, "observed_timestamp", to: &pairs)
        }
        append(integer: record.severityNumber, "severity_number", to: &pairs)
        if !record.severityText.isEmpty {
            pairs.append(pair("severity_text", record.severityText))
        }
        append(count: record.droppedAttributeCount, "dropped_attributes_count", to: &pairs)
        append(count: record.flags, "flags", to: &pairs)
        if !record.traceID.isEmpty { pairs.append(pair("trace_id", record.traceID)) }
        if !record.spanID.isEmpty { pairs.append(pair("span_id", record.spanID)) }
        for pair in pairs { add(pair) }
        for pair in scopePairs { add(pair) }
        for pair in resourcePairs { add(pair) }
        let time = record.timeNanos != 0 ? record.timeNanos : record.observedNanos
        sink.endLine(record.body.text, time != 0 ? time : now.nanos, stream, offset: offset)
    }

    private mutating func add(_ pair: OTLPPair) {
        guard !pair.name.isEmpty, !pair.value.isEmpty else { return }
        guard names.count < limits.metadataCountMax else {
            return sink.parsed.skips.add(.metadataLimit)
        }
        guard !names.contains(pair.name) else { return }
        names.append(pair.name)
        sink.addMetadata(pair.name, pair.value)
    }

    /// No line takes more of them.
    private mutating func cut(_ pairs: [OTLPPair]) -> [OTLPPair] {
        let surplus = pairs.count - limits.metadataCountMax
        guard surplus > 0 else { return pairs }
        sink.parsed.skips.add(.metadataLimit, surplus)
        return Array(pairs.prefix(limits.metadataCountMax))
    }

    private func serviceName(_ attributes: [OTLPAttribute]) -> ArraySlice<UInt8> {
        let pairs = attributes.flattened
        for candidate in OTLPNames.services {
            for pair in pairs
            where !pair.value.isEmpty && pair.name.elementsEqual(candidate.utf8) {
                return pair.value
            }
        }
        return Array("unknown_service".utf8)[...]
    }

    private static func sentence(_ name: some Sequence<UInt8>, _ reason: SkipReason) -> String {
        let text = String(decoding: Array(name.prefix(80)), as: UTF8.self)
        return "resource attribute \(text): \(reason.rawValue)"
    }

    private func pair(_ name: String, _ value: ArraySlice<UInt8>) -> OTLPPair {
        OTLPPair(name: Array(name.utf8)[...], value: value)
    }

    private func append(integer value: Int64, _ name: String, to pairs: inout [OTLPPair]) {
        if value != 0 { pairs.append(pair(name, Array(String(value).utf8)[...])) }
    }

    private func append(count: UInt64, _ name: String, to pairs: inout [OTLPPair]) {
        if count != 0 { pairs.append(pair(name, Array(String(count).utf8)[...])) }
    }
}
