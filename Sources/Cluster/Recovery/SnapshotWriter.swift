internal import Platform
internal import Raft
internal import Replication
internal import Storage

/// What a snapshot holds.
package struct Snapshot: Sendable {
    /// Of its directory, in `snapshots`.
    package var name: String
    /// Of its files, which it shares with the shards as long as these have them.
    package var byteCount: Int
    /// What is not in it though the cluster has it, a line for a person each.
    package var missing: [String]
}

/// Gives the sealed files of a node's shards a second name in `snapshots/NAME`: a data directory of its
/// own, of a node of one, which costs no space until the shards drop their files.
///
///     snapshots/20261127T181000Z-5be650b6d019eb54/varve.format    last: before, nothing opens it
///     …/shards/0007/                                              manifest and files of a shard
///     …/shards/0007.image                                         the entry that they stand at
struct SnapshotWriter: Sendable {
    static let directory = DiskPath("snapshots")
    /// A compaction may drop files between a look at the manifest and their second name.
    private static let attemptsMax = 8

    let disk: any Disk
    let name: String

    private var root: DiskPath { SnapshotWriter.directory / name }

    /// Durable when it returns. Errors: of the disk, after which nothing of it is left.
    func write(_ shards: ShardTable, _ leaders: LeaderTable) throws -> Snapshot {
        do {
            return try link(shards, leaders)
        } catch {
            // What can not be removed either is not opened by anybody, and goes at the next start.
            try? disk.removeTree(root)
            throw error
        }
    }

    /// Removes what a crash left of snapshots that were being made: it would hold on to the space of
    /// files that the shards have dropped.
    static func removeUnfinished(_ disk: any Disk) throws(DiskError) {
        guard disk.exists(directory) else { return }
        for entry in try disk.list(directory) where entry.isDirectory {
            let mark = directory / entry.name / DataDirectory.path.string
            let isWhole =
                disk.exists(mark)
                ? try disk.readAll(mark) != Array(DataDirectory.unfinished.utf8) : false
            if !isWhole { try disk.removeTree(directory / entry.name) }
        }
    }

    private func link(_ shards: ShardTable, _ leaders: LeaderTable) throws -> Snapshot {
        try disk.makeDirectoriesDurably(root)
        let mark = root / DataDirectory.path.string
        try disk.replaceDurably(mark, with: Array(DataDirectory.unfinished.utf8))
        try disk.makeDirectories(root / "shards")
        var snapshot = Snapshot(name: name, byteCount: 0, missing: [])
        for number in 0..<shards.shardCount {
            guard let replica = shards[number] else {
                snapshot.missing.append("shard \(number) is not on this node")
                continue
            }
            if !leaders.isOwn(replica.group), replica.shard.unsealedBytes > 0 {
                snapshot.missing.append(
                    "shard \(number): another node leads it, what is not sealed is missing")
            }
            snapshot.byteCount += try link(replica)
        }
        try disk.syncDirectory(root / "shards")
        try disk.syncDirectory(root)
        let format = DataDirectory(shardCount: shards.shardCount)
        try disk.replaceDurably(mark, with: Array(format.text.utf8))
        return snapshot
    }

    /// Bytes of the shard's files; 0 when nothing of it is sealed.
    private func link(_ replica: ShardReplica) throws -> Int {
        var attempt = 1
        while true {
            guard let image = replica.shard.image else { return 0 }
            do {
                try link(image, of: replica)
                return image.files.reduce(0) { $0 + $1.byteCount }
            } catch DiskError.notFound(let file) {
                guard attempt < SnapshotWriter.attemptsMax else {
                    throw DiskError.notFound(file: file)
                }
                attempt += 1
            }
        }
    }

    private func link(_ image: ShardImage, of replica: ShardReplica) throws {
        let target = root / replica.directory.string
        try disk.makeDirectories(target)
        for file in image.files where !disk.exists(target / file.name) {
            try disk.link(replica.directory / file.name, to: target / file.name)
        }
        try image.install(disk: disk, directory: target)
        // Who opens it begins a log behind the image, and a cluster of its own.
        let reference = ImageReference(
            index: image.index, term: 1,
            configuration: GroupConfiguration(index: image.index, voters: []))
        try disk.replaceDurably(
            root / ImageReference.path(of: replica.group).string, with: reference.encoded())
    }
}
