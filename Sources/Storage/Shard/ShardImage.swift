internal import Encoding
internal import Model
package import Platform
internal import Synchronization

/// A shard as it was at an entry of its log: a manifest, and the files that it lists. What a replica
/// gets that the log can not bring up to date any more. The files are immutable and the same on all
/// replicas, so each may come from whoever has it, and those that are here already stay.
package struct ShardImage: Sendable, Equatable {
    /// A file of an image.
    package struct File: Sendable, Hashable {
        /// In the shard's directory.
        package let name: String
        package let byteCount: Int
    }

    package let manifest: Manifest

    /// The entry that it stands at.
    package var index: UInt64 { manifest.durableIndex }

    /// Ascending by name.
    package var files: [File] {
        var files: [File] = []
        if !manifest.checkpoint.name.isEmpty {
            files.append(
                File(
                    name: manifest.checkpoint.name, byteCount: manifest.checkpoint.byteCount))
        }
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
        try verifyCheckpoint(disk, directory)
        for segment in manifest.segments {
            try segment.verifyContent(disk: disk, directory: directory)
        }
    }

    /// All files in `directory` that are not what they should be; of a segment both. Reads everything.
    package func damagedFiles(disk: any Disk, directory: DiskPath) -> [File] {
        var damaged: [File] = []
        do throws(StorageError) {
            try verifyCheckpoint(disk, directory)
        } catch {
            let checkpoint = manifest.checkpoint
            damaged.append(File(name: checkpoint.name, byteCount: checkpoint.byteCount))
        }
        for segment in manifest.segments {
            do throws(StorageError) {
                try segment.verifyContent(disk: disk, directory: directory)
            } catch {
                damaged += segment.files
            }
        }
        return damaged
    }

    private func verifyCheckpoint(_ disk: any Disk, _ directory: DiskPath) throws(StorageError) {
        guard !manifest.checkpoint.name.isEmpty else { return }
        let bytes = try onDisk { () throws(DiskError) in
            try disk.readAll(directory / manifest.checkpoint.name)
        }
        guard bytes.count == manifest.checkpoint.byteCount,
            StableHash.hash64(bytes, seed: 0) == manifest.checkpoint.hash
        else {
            throw .corrupt(file: manifest.checkpoint.name, what: "hash", offset: 0)
        }
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

extension SegmentRecord {
    /// Data and index.
    package var files: [ShardImage.File] {
        [data, index].map { ShardImage.File(name: $0.name, byteCount: $0.byteCount) }
    }

    /// Whether both files hold what they are named by, without a look inside. Errors: `corrupt`,
    /// those of the disk.
    func verifyContent(disk: any Disk, directory: DiskPath) throws(StorageError) {
        let (data, index, signal) = (data, index, signal)
        let (digits, checksum) = try onDisk { () throws(DiskError) in
            let file = try disk.open(directory / data.name, .read)
            guard try file.size() == data.byteCount else { return ("", UInt64(0)) }
            let digits: String
            switch signal {
            case .metrics:
                digits = try SequentialWriter.contentHash(of: file, byteCount: data.byteCount)
            case .logs:
                digits = ContentHash.text(of: try file.read(at: 0, count: data.byteCount))
            }
            return (digits, SegmentIndex.checksum(of: try disk.readAll(directory / index.name)))
        }
        guard data.name.dropFirst("m-".count).hasPrefix(digits), !digits.isEmpty else {
            throw .corrupt(file: data.name, what: "hash", offset: 0)
        }
        guard checksum == index.hash else {
            throw .corrupt(file: index.name, what: "hash", offset: 0)
        }
    }
}

extension Shard {
    /// Segments that a compaction could not read.
    package var damagedSegments: [SegmentRecord] {
        state.withLock { state in
            state.manifest.segments.filter { state.damaged.contains($0.name) }
        }
    }

    /// What is sealed now; nil before the first seal.
    package var image: ShardImage? {
        let manifest = manifest
        return manifest.durableIndex > 0 ? ShardImage(manifest) : nil
    }
}
