internal import Encoding
internal import Platform
package import Raft
internal import Replication

/// How the entry that an image stands at travels, and lies beside the image until the journal
/// knows: index, term, who is in the group, a checksum.
extension ImageReference {
    /// The bytes.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.u64(index)
        writer.u64(term)
        writer.raw(configuration.encoded())
        writer.u32(CRC32C.checksum(of: writer.bytes))
        return writer.bytes
    }

    /// Nil for what `encoded` did not write.
    package init?(decoding bytes: [UInt8]) {
        guard bytes.count > 20 else { return nil }
        var reader = ByteReader(bytes)
        do {
            let index = try reader.u64()
            let term = try reader.u64() - (Mutant.isOn(.imageOfAnyTerm) ? 1 : 0)
            let content = try reader.slice(bytes.count - 20)
            guard try reader.u32() == CRC32C.checksum(of: bytes[..<(bytes.count - 4)]),
                let configuration = GroupConfiguration(index: index, decoding: content)
            else { return nil }
            self.init(index: index, term: term, configuration: configuration)
        } catch {
            return nil
        }
    }

    /// Where it lies while an image is installed: `shards/0007.image`, `cluster/image`.
    static func path(of group: GroupID) -> DiskPath {
        guard group != ClusterState.metaGroup else { return DiskPath("cluster") / "image" }
        let directory = ShardReplica.directory(of: ShardGroup.shard(of: group))
        return DiskPath(directory.string + ".image")
    }

    /// What lies there; nil when there is nothing, or nothing whole.
    static func read(_ disk: any Disk, _ group: GroupID) throws(DiskError) -> ImageReference? {
        let path = path(of: group)
        guard disk.exists(path) else { return nil }
        return ImageReference(decoding: try disk.readAll(path))
    }
}
