internal import Encoding
internal import Raft
internal import Storage

/// The nouns that command and image share, as bytes. Layout in docs/format/cluster-command.md.
extension ByteWriter {
    /// Empty for nil: neither a zone nor a name is ever empty.
    mutating func zone(_ zone: String?) { text(zone ?? "") }

    /// 0 for nil: no node has that number.
    mutating func node(_ node: NodeID?) { varint(node?.number ?? 0) }

    mutating func nodes(_ nodes: [NodeID]) {
        varint(UInt64(nodes.count))
        for node in nodes { varint(node.number) }
    }

    mutating func newcomer(_ newcomer: Newcomer) {
        text(newcomer.name)
        zone(newcomer.zone)
        text(newcomer.address)
        text(newcomer.httpAddress)
        u32(newcomer.featureLevel)
        u8(newcomer.isWitness ? 1 : 0)
        u64(newcomer.token)
    }

    mutating func settings(_ settings: ClusterSettings) {
        varint(UInt64(clamping: settings.limits.seriesMax))
        varint(UInt64(clamping: settings.limits.streamsMax))
        varint(UInt64(clamping: settings.limits.metadataMax))
        u32(settings.limits.idleSeconds)
        u8(settings.retentionNanos == nil ? 0 : 1)
        i64(settings.retentionNanos ?? 0)
        i64(settings.futureNanosMax)
    }
}

extension ByteReader {
    mutating func zone() throws(EncodingError) -> String? {
        let zone = try text()
        return zone.isEmpty ? nil : zone
    }

    mutating func optionalNode() throws(EncodingError) -> NodeID? {
        NodeID(nonzero: try varint())
    }

    mutating func node() throws(EncodingError) -> NodeID {
        let start = offset
        guard let node = try optionalNode() else { throw .corrupt(what: "node", offset: start) }
        return node
    }

    mutating func nodes() throws(EncodingError) -> [NodeID] {
        var nodes: [NodeID] = []
        for _ in 0..<(try count(limit: remaining)) { nodes.append(try node()) }
        return nodes
    }

    mutating func group() throws(EncodingError) -> GroupID {
        GroupID(UInt32(try count(limit: Int(UInt32.max))))
    }

    mutating func memberState() throws(EncodingError) -> Member.State {
        let start = offset
        guard let state = Member.State(rawValue: try u8()) else {
            throw .corrupt(what: "member state", offset: start)
        }
        return state
    }

    mutating func newcomer() throws(EncodingError) -> Newcomer {
        Newcomer(
            name: try text(), zone: try zone(),
            address: try text(),
            httpAddress: try text(),
            featureLevel: try u32(), isWitness: try flag(), token: try u64())
    }

    mutating func settings() throws(EncodingError) -> ClusterSettings {
        var settings = ClusterSettings()
        settings.limits.seriesMax = try count(limit: Int.max)
        settings.limits.streamsMax = try count(limit: Int.max)
        settings.limits.metadataMax = try count(limit: Int.max)
        settings.limits.idleSeconds = try u32()
        let isBounded = try flag()
        let retentionNanos = try i64()
        settings.retentionNanos = isBounded ? retentionNanos : nil
        settings.futureNanosMax = try i64()
        return settings
    }

    /// Reads all of it as `what`, in a format up to `versionMax`.
    mutating func whole<Value>(
        _ what: String, versionMax: UInt8,
        _ body: (inout ByteReader) throws(EncodingError) -> Value
    ) throws(ClusterError) -> Value {
        do {
            let version = try u8()
            guard version > 0 else { throw EncodingError.corrupt(what: "version", offset: 0) }
            guard version <= versionMax else { throw EncodingError.unsupportedVersion(version) }
            let value = try body(&self)
            guard isAtEnd else {
                throw EncodingError.corrupt(what: "bytes after the end", offset: offset)
            }
            return value
        } catch EncodingError.unsupportedVersion(let version) {
            throw .newerFormat(what: what, version: Int(version), versionMax: Int(versionMax))
        } catch {
            throw .corrupt(what: what, reason: "\(error)", offset: offset)
        }
    }
}
