internal import Encoding
package import Raft

/// What a node tells another of the groups that it leads.
extension GroupReport {
    /// By group, ascending.
    package static func encode(_ reports: [GroupID: GroupReport]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(UInt64(reports.count))
        for group in reports.keys.sorted() {
            guard let report = reports[group] else { continue }
            writer.u32(group.number)
            writer.u64(report.leader?.number ?? 0)
            writer.u64(report.term)
            writer.u64(report.commitIndex)
            writer.u64(report.appliedIndex)
            for nodes in [report.voters, report.learners] {
                writer.varint(UInt64(nodes.count))
                for node in nodes { writer.u64(node.number) }
            }
            writer.varint(UInt64(report.lags.count))
            for node in report.lags.keys.sorted() {
                writer.u64(node.number)
                writer.varint(report.lags[node] ?? 0)
            }
            writer.u8(report.isJoint ? 1 : 0)
            writer.lengthPrefixed(Array((report.waitsFor ?? "").utf8))
            writer.u64(report.seal?.durableIndex ?? 0)
            writer.u64(report.seal?.completedIndex ?? 0)
            writer.u64(report.seal?.hash ?? 0)
            writer.varint(report.byteCount)
        }
        return writer.bytes
    }

    /// Nil for what no peer sends.
    package static func decode(_ bytes: [UInt8]) -> [GroupID: GroupReport]? {
        var reader = ByteReader(bytes)
        var reports: [GroupID: GroupReport] = [:]
        do {
            for _ in 0..<(try reader.count(limit: DataDirectory.shardCountMax + 1)) {
                let group = GroupID(try reader.u32())
                var report = GroupReport(
                    leader: NodeID(nonzero: try reader.u64()), term: try reader.u64(),
                    commitIndex: try reader.u64(), appliedIndex: try reader.u64(), voters: [])
                report.voters = try readNodes(&reader)
                report.learners = try readNodes(&reader)
                for _ in 0..<(try reader.count(limit: ClusterState.membersMax)) {
                    guard let node = NodeID(nonzero: try reader.u64()) else { return nil }
                    report.lags[node] = try reader.varint()
                }
                report.isJoint = try reader.u8() == 1
                let waitsFor = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
                report.waitsFor = waitsFor.isEmpty ? nil : waitsFor
                let seal = SealDigest(
                    durableIndex: try reader.u64(), completedIndex: try reader.u64(),
                    hash: try reader.u64())
                report.seal = seal.durableIndex > 0 ? seal : nil
                report.byteCount = try reader.varint()
                reports[group] = report
            }
        } catch {
            return nil
        }
        return reports
    }

    private static func readNodes(_ reader: inout ByteReader) throws(EncodingError) -> [NodeID] {
        var nodes: [NodeID] = []
        for _ in 0..<(try reader.count(limit: ClusterState.membersMax)) {
            if let node = NodeID(nonzero: try reader.u64()) { nodes.append(node) }
        }
        return nodes
    }
}
