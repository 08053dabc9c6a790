internal import Encoding
internal import Raft

/// The state as bytes, for a replica that the log can not bring up any more. Everything is in the
/// order of ids, so that equal states are equal bytes. Layout in docs/format/cluster-command.md.
extension ClusterState {
    /// Of what `image` writes.
    package static let imageVersion: UInt8 = 1

    /// All of it.
    package func image() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(ClusterState.imageVersion)
        writer.u64(clusterID)
        writer.varint(UInt64(shardCount))
        writer.node(founder)
        writer.u32(featureLevel)
        writer.u64(nextNodeNumber)
        writer.u64(appliedIndex)
        writer.settings(settings)
        writer.varint(UInt64(members.count))
        for member in membersByID {
            writer.node(member.id)
            writer.u8(member.state.rawValue)
            writer.newcomer(member.profile)
        }
        writer.varint(UInt64(assignments.count))
        for group in assignments.keys.sorted() {
            writer.varint(UInt64(group.number))
            writer.nodes(assignments[group] ?? [])
        }
        return writer.bytes
    }

    /// Throws `newerFormat` for what a later version wrote and `corrupt` for what none did.
    package init(image bytes: [UInt8]) throws(ClusterError) {
        var reader = ByteReader(bytes)
        self = try reader.whole(
            "cluster image", versionMax: ClusterState.imageVersion, ClusterState.read)
    }

    private static func read(_ reader: inout ByteReader) throws(EncodingError) -> ClusterState {
        var state = ClusterState()
        state.clusterID = try reader.u64()
        state.shardCount = try reader.count(limit: DataDirectory.shardCountMax)
        state.founder = try reader.optionalNode()
        state.featureLevel = try reader.u32()
        state.nextNodeNumber = try reader.u64()
        state.appliedIndex = try reader.u64()
        state.settings = try reader.settings()
        for _ in 0..<(try reader.count(limit: membersMax)) {
            let id = try reader.node()
            let memberState = try reader.memberState()
            state.members[id] = Member(id: id, try reader.newcomer(), state: memberState)
        }
        for _ in 0..<(try reader.count(limit: DataDirectory.shardCountMax + 1)) {
            let group = try reader.group()
            state.assignments[group] = try reader.nodes()
        }
        return state
    }
}

extension Member {
    /// What it says of itself.
    package var profile: Newcomer {
        Newcomer(
            name: name, zone: zone, address: address, httpAddress: httpAddress,
            featureLevel: featureLevel, isWitness: isWitness, token: token)
    }
}
