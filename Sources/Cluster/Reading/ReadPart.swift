package import Encoding
package import Model

/// A part of an answer to a `ReadQuestion`. Layout in docs/format/peer-messages.md.
package struct ReadPart: Sendable {
    static let formatVersion: UInt8 = 1
    /// A part is closed when it has so many bytes: small beside the frames that heartbeats wait
    /// for, large beside its head.
    static let byteCountGoal = 1 << 20
    /// Of one kind in one charge or list: no sum of those overflows.
    static let countMax = 1 << 40

    /// What was spent since the part before.
    var charges = ReadCharges()
    package var content: Content

    package enum Content: Sendable {
        /// Comes first: shards that were asked for and will not be read.
        case opening([UnreadShard])
        case series([SeriesPiece])
        case lines(LineData)
        case strings([String])
        case labelSets([Labels])
        case metadata([MetricMetadata])
        /// A committed entry's lines, for who follows.
        case entry(FollowedEntry)
        /// A part of what a plan's reducer made of series or lines.
        case reduced([UInt8])
    }

    enum Kind: UInt8 {
        case opening = 1
        case series = 2
        case lines = 3
        case strings = 4
        case labelSets = 5
        case metadata = 6
        case entry = 7
        case reduced = 8
    }
}

/// What a node spent for a query of another.
struct ReadCharges: Sendable, Equatable {
    var samples = 0
    var series = 0
    var bytes = 0
}

/// A shard that a node does not read, and why, for a person.
package struct UnreadShard: Sendable, Equatable {
    var shard: Int
    var reason: String
}

/// The lines of one entry of a shard's log.
package struct FollowedEntry: Sendable {
    package var shard: Int
    package var index: UInt64
    package var batch: WriteBatch
}

/// The last word of an answer.
package struct ReadEnd: Sendable, Equatable {
    var charges = ReadCharges()
    var completeness = Completeness()
}

extension ReadCharges {
    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(samples))
        writer.varint(UInt64(series))
        writer.varint(UInt64(bytes))
    }

    init(_ reader: inout ByteReader) throws(EncodingError) {
        samples = try reader.count(limit: ReadPart.countMax)
        series = try reader.count(limit: ReadPart.countMax)
        bytes = try reader.count(limit: ReadPart.countMax)
    }

    /// Makes the query pay for it.
    func charge(_ budget: QueryBudget) throws(QueryLimitError) {
        if series > 0 { try budget.charge(series: series) }
        if samples > 0 { try budget.charge(samples: samples) }
        if bytes > 0 { try budget.charge(bytes: bytes) }
    }
}

extension ReadPart {
    /// The head of a part; what follows is the kind's.
    static func begin(_ kind: Kind, _ charges: ReadCharges, reserving: Int = 64) -> ByteWriter {
        var writer = ByteWriter(reserving: reserving)
        writer.u8(formatVersion)
        writer.u8(kind.rawValue)
        charges.write(to: &writer)
        return writer
    }

    static func opening(_ unread: [UnreadShard]) -> [UInt8] {
        var writer = begin(.opening, ReadCharges())
        writer.varint(UInt64(unread.count))
        for shard in unread {
            writer.varint(UInt64(shard.shard))
            writer.text(shard.reason)
        }
        return writer.bytes
    }

    static func lines(_ data: LineData, tenant: Tenant, _ charges: ReadCharges) -> [UInt8] {
        var batch = WriteBatch(tenant: tenant)
        batch.streams = data.streams
        batch.lines = data.lines
        var writer = begin(.lines, charges)
        writer.raw(batch.encoded())
        return writer.bytes
    }

    static func reduced(_ bytes: [UInt8], _ charges: ReadCharges) -> [UInt8] {
        var writer = begin(.reduced, charges, reserving: bytes.count + 64)
        writer.raw(bytes)
        return writer.bytes
    }

    static func strings(_ strings: some Collection<String>, _ charges: ReadCharges) -> [UInt8] {
        var writer = begin(.strings, charges)
        writer.varint(UInt64(strings.count))
        for string in strings { writer.text(string) }
        return writer.bytes
    }

    static func labelSets(_ sets: some Collection<Labels>, _ charges: ReadCharges) -> [UInt8] {
        var writer = begin(.labelSets, charges)
        writer.varint(UInt64(sets.count))
        for labels in sets { writer.lengthPrefixed(labels.bytes) }
        return writer.bytes
    }

    static func metadata(_ entries: some Collection<MetricMetadata>) -> [UInt8] {
        var writer = begin(.metadata, ReadCharges())
        writer.varint(UInt64(entries.count))
        for entry in entries {
            writer.u8(entry.kind.rawValue)
            writer.text(entry.metric)
            writer.text(entry.help)
            writer.text(entry.unit)
        }
        return writer.bytes
    }

    static func entry(_ entry: FollowedEntry) -> [UInt8] {
        var writer = begin(.entry, ReadCharges())
        writer.varint(UInt64(entry.shard))
        writer.u64(entry.index)
        writer.raw(entry.batch.encoded())
        return writer.bytes
    }
}

extension ReadPart {
    /// Reads a part of an answer for `tenant`, of bytes that may be anything. Errors:
    /// `EncodingError`, `ModelError`.
    package init(decoding bytes: [UInt8], tenant: Tenant) throws {
        var reader = ByteReader(bytes)
        try reader.version(upTo: ReadPart.formatVersion)
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "kind", offset: 1)
        }
        charges = try ReadCharges(&reader)
        content = try ReadPart.content(kind, &reader, tenant)
        guard reader.isAtEnd else {
            throw EncodingError.corrupt(what: "bytes after the end", offset: reader.offset)
        }
    }

    private static func content(
        _ kind: Kind, _ reader: inout ByteReader, _ tenant: Tenant
    ) throws -> Content {
        switch kind {
        case .opening:
            var unread: [UnreadShard] = []
            for _ in 0..<(try reader.count(limit: DataDirectory.shardCountMax)) {
                let shard = try reader.count(limit: DataDirectory.shardCountMax - 1)
                unread.append(UnreadShard(shard: shard, reason: try reader.text()))
            }
            return .opening(unread)
        case .series: return .series(try SeriesPiece.readAll(&reader))
        case .lines:
            let batch = try lineBatch(&reader, tenant)
            return .lines(LineData(streams: batch.streams, lines: batch.lines))
        case .strings:
            var strings: [String] = []
            for _ in 0..<(try reader.count(limit: reader.remaining)) {
                strings.append(try reader.text())
            }
            return .strings(strings)
        case .labelSets:
            var sets: [Labels] = []
            for _ in 0..<(try reader.count(limit: reader.remaining)) {
                sets.append(try reader.labels())
            }
            return .labelSets(sets)
        case .metadata: return .metadata(try readMetadata(&reader))
        case .reduced: return .reduced(try reader.raw(reader.remaining))
        case .entry:
            let shard = try reader.count(limit: DataDirectory.shardCountMax - 1)
            let index = try reader.u64()
            return .entry(
                FollowedEntry(
                    shard: shard, index: index, batch: try lineBatch(&reader, tenant)))
        }
    }

    private static func readMetadata(_ reader: inout ByteReader) throws -> [MetricMetadata] {
        var entries: [MetricMetadata] = []
        for _ in 0..<(try reader.count(limit: reader.remaining)) {
            guard let kind = MetricMetadata.Kind(rawValue: try reader.u8()) else {
                throw EncodingError.corrupt(what: "metadata kind", offset: reader.offset)
            }
            let metric = try reader.text()
            let help = try reader.text()
            entries.append(
                MetricMetadata(metric: metric, kind: kind, help: help, unit: try reader.text()))
        }
        return entries
    }

    /// A batch that holds nothing but lines, all of whose streams have labels.
    private static func lineBatch(
        _ reader: inout ByteReader, _ tenant: Tenant
    ) throws -> WriteBatch {
        let start = reader.offset
        let batch = try WriteBatch(decoding: try reader.raw(reader.remaining))
        guard batch.tenant == tenant, batch.streams.allSatisfy({ $0.labels != nil }),
            batch.lines.hasReadableMetadata
        else { throw EncodingError.corrupt(what: "lines", offset: start) }
        return batch
    }
}

extension ReadEnd {
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(ReadPart.formatVersion)
        charges.write(to: &writer)
        writer.varint(UInt64(completeness.missing.count))
        for sentence in completeness.missing { writer.text(sentence) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(EncodingError) {
        var reader = ByteReader(bytes)
        try reader.version(upTo: ReadPart.formatVersion)
        charges = try ReadCharges(&reader)
        for _ in 0..<(try reader.count(limit: reader.remaining)) {
            completeness.missing.append(try reader.text())
        }
        guard reader.isAtEnd else {
            throw .corrupt(what: "bytes after the end", offset: reader.offset)
        }
    }
}

extension LineColumns {
    /// Whether the structured metadata of every line is pairs of fields, as readers take for
    /// granted.
    fileprivate var hasReadableMetadata: Bool {
        guard !metadataBytes.isEmpty else { return true }
        for row in 0..<count {
            let range = metadataRange(row)
            guard !range.isEmpty else { continue }
            var fields = ByteReader(metadataBytes[range])
            do throws(EncodingError) {
                while !fields.isAtEnd {
                    for _ in 0..<2 { try fields.skip(try fields.count(limit: 1 << 28)) }
                }
            } catch {
                return false
            }
        }
        return true
    }
}
