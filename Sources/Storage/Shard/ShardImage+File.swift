internal import Encoding
internal import Model
package import Platform

extension ShardImage {
    /// A file of an image.
    package struct File: Sendable, Hashable {
        /// What it is to hold.
        fileprivate enum Content: Sendable, Hashable {
            /// Bytes whose hash is in the name.
            case data(SignalKind)
            /// Bytes of this checksum.
            case index(UInt64)
            /// Bytes of this hash.
            case checkpoint(UInt64)
        }

        /// In the shard's directory.
        package let name: String
        package let byteCount: Int
        fileprivate let content: Content

        /// Whether the file at `path`, which may have another name by now, holds what it is to hold,
        /// without a look inside. Reads all of it. Errors: `corrupt`, those of the disk.
        package func verify(disk: any Disk, at path: DiskPath) throws(StorageError) {
            let (byteCount, content, name) = (byteCount, content, name)
            let isSound = try onDisk { () throws(DiskError) in
                let file = try disk.open(path, .read)
                guard try file.size() == byteCount else { return false }
                switch content {
                case .data(let signal):
                    let digits =
                        switch signal {
                        case .metrics:
                            try SequentialWriter.contentHash(of: file, byteCount: byteCount)
                        case .logs: ContentHash.text(of: try file.read(at: 0, count: byteCount))
                        }
                    return !digits.isEmpty && name.dropFirst("m-".count).hasPrefix(digits)
                case .index(let checksum):
                    return SegmentIndex.checksum(of: try file.read(at: 0, count: byteCount))
                        == checksum
                case .checkpoint(let hash):
                    let bytes = try file.read(at: 0, count: byteCount)
                    return StableHash.hash64(bytes, seed: 0) == hash
                }
            }
            if !isSound { throw .corrupt(file: name, what: "hash", offset: 0) }
        }
    }
}

extension SegmentRecord {
    /// Data and index.
    package var files: [ShardImage.File] {
        [
            ShardImage.File(name: data.name, byteCount: data.byteCount, content: .data(signal)),
            ShardImage.File(
                name: index.name, byteCount: index.byteCount, content: .index(index.hash)),
        ]
    }
}

extension Manifest.FileRecord {
    /// Of a checkpoint.
    var file: ShardImage.File {
        ShardImage.File(name: name, byteCount: byteCount, content: .checkpoint(hash))
    }
}
