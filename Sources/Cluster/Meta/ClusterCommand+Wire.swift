internal import Encoding
internal import Raft

/// Layout in docs/format/cluster-command.md.
extension ClusterCommand {
    /// Of what `encoded` writes.
    package static let formatVersion: UInt8 = 1

    /// The payload of an entry.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(ClusterCommand.formatVersion)
        switch self {
        case .found(let clusterID, let shardCount, let founder, let newcomer, let settings):
            writer.u8(0)
            writer.u64(clusterID)
            writer.varint(UInt64(clamping: shardCount))
            writer.node(founder)
            writer.newcomer(newcomer)
            writer.settings(settings)
        case .join(let newcomer, let replaced):
            writer.u8(1)
            writer.newcomer(newcomer)
            writer.node(replaced)
        case .setMemberState(let node, let state):
            writer.u8(2)
            writer.node(node)
            writer.u8(state.rawValue)
        case .updateMember(let node, let address, let httpAddress, let zone, let level):
            writer.u8(3)
            writer.node(node)
            writer.text(address)
            writer.text(httpAddress)
            writer.zone(zone)
            writer.u32(level)
        case .assign(let group, let replicas):
            writer.u8(4)
            writer.varint(UInt64(group.number))
            writer.nodes(replicas)
        case .set(let setting, let value):
            writer.u8(5)
            writer.u8(setting.rawValue)
            writer.u8(value == nil ? 0 : 1)
            writer.i64(value ?? 0)
        case .raiseFeatureLevel(let level):
            writer.u8(6)
            writer.u32(level)
        case .recover(let clusterID, let survivors, let holders):
            writer.u8(7)
            writer.u64(clusterID)
            writer.nodes(survivors)
            writer.nodes(holders)
        }
        return writer.bytes
    }

    /// Throws `newerFormat` for what a later version wrote and `corrupt` for what none did.
    package init(decoding payload: [UInt8]) throws(ClusterError) {
        var reader = ByteReader(payload)
        self = try reader.whole(
            "cluster command", versionMax: ClusterCommand.formatVersion, ClusterCommand.read)
    }

    private static func read(_ reader: inout ByteReader) throws(EncodingError) -> ClusterCommand {
        switch try reader.u8() {
        case 0:
            return .found(
                clusterID: try reader.u64(),
                shardCount: try reader.count(limit: Int.max),
                founder: try reader.node(), try reader.newcomer(), try reader.settings())
        case 1: return .join(try reader.newcomer(), replaces: try reader.optionalNode())
        case 2: return .setMemberState(try reader.node(), try reader.memberState())
        case 3:
            return .updateMember(
                try reader.node(), address: try reader.text(),
                httpAddress: try reader.text(),
                zone: try reader.zone(), featureLevel: try reader.u32())
        case 4: return .assign(try reader.group(), try reader.nodes())
        case 5:
            guard let setting = ClusterSetting(rawValue: try reader.u8()) else {
                throw .corrupt(what: "setting", offset: 2)
            }
            let isGiven = try reader.flag()
            let value = try reader.i64()
            return .set(setting, isGiven ? value : nil)
        case 6: return .raiseFeatureLevel(try reader.u32())
        case 7:
            return .recover(
                clusterID: try reader.u64(), survivors: try reader.nodes(),
                holders: try reader.nodes())
        default: throw .corrupt(what: "command kind", offset: 1)
        }
    }
}
