internal import Encoding
internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Storage
internal import Synchronization

/// This node's copy of one shard: the state machine, and what the node does around it.
final class ShardReplica: Sendable {
    let number: Int
    private let configuration: ShardConfiguration
    private let disk: any Disk
    private let telemetry: Telemetry
    /// Replaced when an image is installed; whoever has the old one reads on in it.
    private let current: Mutex<Shard>
    /// One job at a time, and none while an image is installed.
    private let jobs = Monitor(false)
    private let progress: Atomic<UInt64>
    /// Up to where the log was told that its entries are not needed.
    private let released = Atomic<UInt64>(0)
    /// The last one made.
    private let digest = Mutex<SealDigest?>(nil)

    private init(
        number: Int, shard: Shard, configuration: ShardConfiguration, disk: any Disk,
        telemetry: Telemetry
    ) {
        self.number = number
        self.configuration = configuration
        self.disk = disk
        self.telemetry = telemetry
        current = Mutex(shard)
        progress = Atomic(shard.durableIndex)
    }

    static func open(
        _ number: Int, _ configuration: NodeConfiguration, _ world: Node.Surroundings
    ) throws(StorageError) -> ShardReplica {
        let shard = try Shard.open(
            disk: world.disk, directory: directory(of: number), number: number,
            configuration: configuration.shard, telemetry: world.telemetry)
        return ShardReplica(
            number: number, shard: shard, configuration: configuration.shard, disk: world.disk,
            telemetry: world.telemetry)
    }

    /// `shards/0007`
    static func directory(of number: Int) -> DiskPath {
        let digits = String(number)
        let name = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return DiskPath("shards") / name
    }

    /// Removes all that a replica of the shard left on the disk; none may be open. Not durable.
    /// Errors: the disk's, then some of it may be gone.
    static func removeFiles(of number: Int, from disk: any Disk) throws(DiskError) {
        // First what says that the files are an image: without it they are nobody's.
        try disk.removeTree(ImageReference.path(of: ShardGroup.group(of: number)))
        try disk.removeTree(directory(of: number))
    }

    var directory: DiskPath { ShardReplica.directory(of: number) }

    var group: GroupID { ShardGroup.group(of: number) }

    var shard: Shard { current.withLock { $0 } }

    /// What is sealed, in short; nil before the first seal.
    var sealDigest: SealDigest? {
        let manifest = shard.manifest
        guard manifest.durableIndex > 0 else { return nil }
        return digest.withLock { known in
            if let known, known.durableIndex == manifest.durableIndex,
                known.completedIndex == manifest.completedIndex
            {
                return known
            }
            let made = SealDigest(
                durableIndex: manifest.durableIndex, completedIndex: manifest.completedIndex,
                hash: StableHash.hash64(shard.image?.encoded() ?? [], seed: 0))
            known = made
            return made
        }
    }

    /// Everything of the log up to here is applied, or has nothing to apply.
    var appliedIndex: UInt64 { progress.load(ordering: .acquiring) }

    /// Applies what the journal holds beyond the shard's files; jobs that it orders are run at
    /// once, so that memory stays bounded however long the journal is. From one that fails on they
    /// stay queued for the maintenance, which counts and tries again: with a full disk a node comes
    /// up all the same, to be read.
    func replay(from replicator: Replicator) throws {
        let shard = shard
        var jobFailure: StorageError?
        try replicator.replay(group, after: shard.durableIndex) { entry in
            _ = try apply(index: entry.index, payload: entry.payload)
            guard jobFailure == nil else { return }
            do throws(StorageError) { try shard.runJobs() } catch { jobFailure = error }
        }
        note(progress: replicator.commitIndex(of: group))
        replicator.release(group, through: shard.durableIndex)
    }

    func apply(index: UInt64, payload: [UInt8]) throws(StorageError) -> ApplyOutcome {
        defer { note(progress: index) }
        return try shard.apply(index: index, payload: payload)
    }

    func note(progress index: UInt64) { progress.max(index, ordering: .acquiringAndReleasing) }

    /// Whether an entry ordered work for the maintenance thread.
    var hasJob: Bool { shard.hasPendingJob }

    /// Runs all jobs that are due; how many. None while an image is installed.
    func runJobs() throws(StorageError) -> Int {
        let isFree = jobs.update { isBusy in
            defer { isBusy = true }
            return !isBusy
        }
        guard isFree else { return 0 }
        defer { endJobs() }
        return try shard.runJobs()
    }

    /// Up to where the log's entries are not needed any more, when that has grown.
    func takeRelease() -> UInt64? {
        let index = Mutant.isOn(.releasesUnsealed) ? appliedIndex : shard.durableIndex
        return released.exchange(index, ordering: .relaxed) == index ? nil : index
    }

    /// Keeps jobs away until `endJobs`: false when one is running.
    func holdJobs() -> Bool {
        jobs.update { isBusy in
            defer { isBusy = true }
            return !isBusy
        }
    }

    func endJobs() { jobs.update { $0 = false } }

    /// Makes the image this replica's content, durably. Jobs must be held. Errors: those of disk
    /// and files; then the old content is still in place.
    func install(_ image: ShardImage, now: Timestamp) throws(StorageError) {
        try image.install(disk: disk, directory: directory)
        let shard = try Shard.open(
            disk: disk, directory: directory, number: number, configuration: configuration,
            telemetry: telemetry)
        shard.beginSealClock(now: now)
        current.withLock { $0 = shard }
        digest.withLock { $0 = nil }
        note(progress: image.index)
    }
}
