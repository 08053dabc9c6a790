internal import Platform
internal import Raft
internal import Storage

/// Gets a segment that can not be read here from other replicas, whose files of that name are the
/// same, byte for byte.
struct SegmentRepair: Sendable {
    let world: ImageFetcher.Surroundings
    let received: Counter
    let repaired: Counter

    enum Outcome: Sendable {
        case sound
        /// Everybody has it, and nobody whole.
        case damaged
        /// Somebody has it not any more, and nobody else has it whole; or nobody answers.
        case lacking
    }

    /// `attempt`: from 0; each asks another replica first, which may find its own damaged. `onEnd`: on
    /// any thread.
    func repair(
        _ segment: SegmentRecord, of replica: ShardReplica, attempt: Int,
        onEnd: @escaping @Sendable (Outcome) -> Void
    ) {
        FileDownload(
            replica.group, files: segment.files, into: replica.directory,
            from: world.sources(replica.group, attempt: attempt), world, received: received,
            damaged: attempt > 0 ? Set(segment.files.map(\.name)) : []
        ) { [self] end in
            let name = segment.name
            if let trouble = end.trouble {
                world.note("shard \(replica.number): \(name) is damaged: \(trouble)")
                return onEnd(.lacking)
            }
            do throws(StorageError) {
                try StorageInspection.verify(
                    disk: world.disk, directory: replica.directory, segment: segment)
                replica.shard.reopen(name)
                repaired.add()
                world.note("shard \(replica.number): \(name) was damaged and is repaired")
                onEnd(.sound)
            } catch {
                world.note("shard \(replica.number): \(name) came damaged, too: \(error)")
                onEnd(end.isLacking ? .lacking : .damaged)
            }
        }.start()
    }
}
