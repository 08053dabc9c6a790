internal import Encoding
internal import Platform
internal import Raft
internal import Replication
internal import Storage

/// Gives other nodes this node's newest images and the bytes of their files.
struct ImageSource: Sendable {
    /// Bytes of one range at most.
    static let rangeBytesMax = 1 << 20

    /// Codes of refusals.
    enum Code {
        /// Ask again in a while: a younger image is being made.
        static let notYet: UInt8 = 1
        /// There is no such replica or file here.
        static let gone: UInt8 = 2
        static let failed: UInt8 = 3
    }

    let shards: ShardTable
    let meta: MetaReplica
    let leaders: LeaderTable
    let queue: ProposalQueue
    let disk: any Disk
    let leases: ImageLeases
    /// Has a shard sealed soon.
    let sealSoon: @Sendable (Int) -> Void

    /// Answers with the image's reference and its manifest, or the meta group's state.
    func image(_ question: PeerQuestion) {
        guard let group = ImageSource.readGroup(question.body) else {
            return question.refuse(code: Code.failed, "a question without a group")
        }
        if group == ClusterState.metaGroup {
            let (bytes, index) = meta.image
            return answer(question, group, index: index, content: bytes, held: nil) {}
        }
        guard let replica = shards[ShardGroup.shard(of: group)] else {
            return question.refuse(code: Code.gone, "no replica of \(group) is here")
        }
        let held = replica.shard.holdImage()
        let number = replica.number
        answer(
            question, group, index: held?.image.index ?? 0, content: held?.image.encoded() ?? [],
            held: held
        ) {
            // Younger than the change that brought the newcomer in it must be, or back in. Behind a
            // seal whose job waits, or fails, another one makes none.
            let isSealing = replica.shard.isSealing && !Mutant.isOn(.sealsBehindSeals)
            if leaders.isOwn(group), !isSealing { sealSoon(number) }
        }
    }

    private func answer(
        _ question: PeerQuestion, _ group: GroupID, index: UInt64, content: [UInt8],
        held: HeldImage?, orElse: @escaping @Sendable () -> Void
    ) {
        queue.perform { replicator in
            guard let reference = replicator.imageReference(group, at: index),
                admits(question.peer, reference, group, replicator)
            else {
                orElse()
                return question.refuse(code: Code.notYet, "a younger image is to be made")
            }
            if let held { leases.begin(held, of: group, for: question.peer) }
            question.answer([reference.encoded(), content])
        }
    }

    /// Whether the image is younger than the change that brought the peer into the group, or back in.
    private func admits(
        _ peer: NodeID, _ reference: ImageReference, _ group: GroupID, _ replicator: Replicator
    ) -> Bool {
        if Mutant.isOn(.imageOfStrangers) { return true }
        return reference.configuration.admits(peer)
            && (Mutant.isOn(.imageOfEarlierStay)
                || replicator.hasStayed(peer, in: group, since: reference.index))
    }

    /// Answers with bytes of a file: group, offset, count, name, and whether it came damaged before:
    /// then it is looked at here, too.
    func range(_ question: PeerQuestion) {
        guard let head = question.body.first else {
            return question.refuse(code: Code.failed, "a question without a file")
        }
        var reader = ByteReader(head)
        do {
            let group = GroupID(try reader.u32())
            let offset = try reader.count(limit: .max >> 8)
            let count = try reader.count(limit: ImageSource.rangeBytesMax)
            let name = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            let cameDamaged = reader.isAtEnd ? false : try reader.u8() == 1
            // The name is one that the replica lists, or listed: never a path.
            guard group != ClusterState.metaGroup,
                let replica = shards[ShardGroup.shard(of: group)],
                leases.use(name, of: group, by: question.peer)
                    || replica.shard.image?.files.contains(where: { $0.name == name }) == true
            else { return question.refuse(code: Code.gone, "\(group) has no file \(name) here") }
            if cameDamaged { replica.shard.suspect(name) }
            let file = try disk.open(replica.directory / name, .read)
            question.answer([try file.read(at: offset, count: count)])
        } catch {
            question.refuse(code: Code.failed, "\(error)")
        }
    }

    static func writeGroup(_ group: GroupID) -> [[UInt8]] {
        var writer = ByteWriter()
        writer.u32(group.number)
        return [writer.bytes]
    }

    private static func readGroup(_ body: [[UInt8]]) -> GroupID? {
        guard let head = body.first else { return nil }
        var reader = ByteReader(head)
        do {
            return GroupID(try reader.u32())
        } catch {
            return nil
        }
    }

    static func writeRange(
        _ group: GroupID, name: String, offset: Int, count: Int, cameDamaged: Bool = false
    ) -> [[UInt8]] {
        var writer = ByteWriter()
        writer.u32(group.number)
        writer.varint(UInt64(offset))
        writer.varint(UInt64(count))
        writer.lengthPrefixed(Array(name.utf8))
        if cameDamaged { writer.u8(1) }
        return [writer.bytes]
    }
}
