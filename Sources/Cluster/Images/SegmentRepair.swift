internal import Platform
internal import Raft
internal import Storage

/// Gets a segment that can not be read here from other replicas, whose files of that name are the
/// same, byte for byte.
struct SegmentRepair: Sendable {
    let world: ImageFetcher.Surroundings
    let received: Counter
    let repaired: Counter

    /// `attempt`: from 0; each asks another replica first. `onEnd`: whether it is sound now. On any
    /// thread.
    func repair(
        _ segment: SegmentRecord, of replica: ShardReplica, attempt: Int,
        onEnd: @escaping @Sendable (Bool) -> Void
    ) {
        FileDownload(
            replica.group, files: segment.files, into: replica.directory,
            from: world.sources(replica.group, attempt: attempt), world, received: received
        ) { [self] trouble in
            let name = segment.name
            if let trouble {
                world.note("shard \(replica.number): \(name) is damaged: \(trouble)")
                return onEnd(false)
            }
            do throws(StorageError) {
                try StorageInspection.verify(
                    disk: world.disk, directory: replica.directory, segment: segment)
                replica.shard.reopen(name)
                repaired.add()
                world.note("shard \(replica.number): \(name) was damaged and is repaired")
                onEnd(true)
            } catch {
                world.note("shard \(replica.number): \(name) came damaged, too: \(error)")
                onEnd(false)
            }
        }.start()
    }
}
