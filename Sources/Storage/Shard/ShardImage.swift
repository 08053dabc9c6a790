internal import Encoding
internal import Model
package import Platform
internal import Synchronization

/// A shard as it was at an entry of its log: a manifest, and the files that it lists. What a replica
/// gets that the log can not bring up to date any more. The files are immutable and the same on all
/// replicas, so each may come from whoever has it, and those that are here already stay.
package struct ShardImage: Sendable, Equatable {
    package let manifest: Manifest

    /// The entry that it stands at.
    package var index: UInt64 { manifest.durableIndex }

    /// Ascending by name.
    package var files: [File] {
        var files: [File] = []
        if !manifest.checkpoint.name.isEmpty { files.append(manifest.checkpoint.file) }
        for segment in manifest.segments { files += segment.files }
        return files.sorted { $0.name < $1.name }
    }

    init(_ manifest: Manifest) { self.manifest = manifest }

    /// As the manifest file, which it is.
    package func encoded() -> [UInt8] { manifest.encoded() }

    /// Errors: `newerFormat`, `corrupt`.
    package init(decoding bytes: [UInt8]) throws(StorageError) {
        manifest = try Manifest(decoding: bytes, file: "image")
    }

    /// Whether the files in `directory` hold what their names and the manifest say: reads all of
    /// them. Errors: the first that does not.
    package func verify(disk: any Disk, directory: DiskPath) throws(StorageError) {
        for file in files { try file.verify(disk: disk, at: directory / file.name) }
    }

    /// What of an image is not what it should be.
    package struct Damage: Sendable {
        package fileprivate(set) var hasCheckpoint = false
        package fileprivate(set) var segments: [SegmentRecord] = []
        package fileprivate(set) var files: [File] = []
        /// Of the first that was met.
        package fileprivate(set) var error: StorageError
    }

    /// All in `directory` that is damaged, nil for nothing. Reads everything but `known`, of which that
    /// was done.
    package func damage(
        disk: any Disk, directory: DiskPath, besides known: Set<File>
    ) -> Damage? {
        var damage: Damage?
        for file in files where !known.contains(file) {
            do throws(StorageError) {
                try file.verify(disk: disk, at: directory / file.name)
            } catch {
                damage = damage ?? Damage(error: error)
                damage?.files.append(file)
            }
        }
        guard let names = damage?.files.map(\.name) else { return nil }
        damage?.hasCheckpoint = names.contains(manifest.checkpoint.name)
        damage?.segments = manifest.segments.filter {
            names.contains($0.data.name) || names.contains($0.index.name)
        }
        return damage
    }

    /// Makes the image the shard's content, durably: its files must be in `directory` and checked.
    /// The shard must not be open for jobs. `Shard.open` then finds it and removes all else.
    package func install(disk: any Disk, directory: DiskPath) throws(StorageError) {
        try onDisk { () throws(DiskError) in
            for file in files where !disk.exists(directory / file.name) {
                throw DiskError.notFound(file: (directory / file.name).string)
            }
            try disk.syncDirectory(directory)
        }
        try manifest.store(disk: disk, directory: directory)
    }
}

extension Shard {
    /// What is sealed now; nil before the first seal.
    package var image: ShardImage? {
        let manifest = manifest
        return manifest.durableIndex > 0 ? ShardImage(manifest) : nil
    }
}
