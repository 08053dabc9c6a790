internal import Encoding
internal import Platform

/// The replicated state of a shard right after a seal, when its memtables are empty: what replay
/// starts from. Layout in docs/format/checkpoint.md.
///
/// The body is compressed in parts of 16 MiB, so that no buffer grows with the shard.
struct Checkpoint: Sendable {
    /// The entry of the seal.
    var index: UInt64
    var sources: SourceTable
    var metrics: MetricState
    var logs: LogState

    static let partBytes = 16 << 20

    static func fileName(_ index: UInt64) -> String { "checkpoint-\(index)" }

    /// Writes the file, durably but for its name. Returns its record.
    func store(
        disk: any Disk, directory: DiskPath
    ) throws(StorageError) -> Manifest.FileRecord {
        var body = ByteWriter()
        body.varint(index)
        sources.write(to: &body)
        metrics.write(to: &body)
        logs.write(to: &body)
        // Without other limits than every shard's first ones an older version reads it, too.
        let hasLimits = metrics.limits != ShardLimits()
        if hasLimits { metrics.limits.write(to: &body) }
        var content = ByteWriter()
        content.varint(UInt64(body.count))
        var place = 0
        while place < body.count {
            let end = min(body.count, place + Checkpoint.partBytes)
            content.lengthPrefixed(LZ4Block.compress(body.bytes[place..<end]))
            place = end
        }
        let bytes = SegmentFormat.frame(
            magic: SegmentFormat.checkpointMagic,
            version: hasLimits ? SegmentFormat.checkpointVersion : 1,
            content.bytes)
        let name = Checkpoint.fileName(index)
        let path = directory / name
        try onDisk { () throws(DiskError) in
            let file = try disk.open(path, .replace)
            try file.write(bytes, at: 0)
            try file.sync()
            try file.close()
        }
        return Manifest.FileRecord(
            name: name, byteCount: bytes.count, hash: StableHash.hash64(bytes, seed: 0))
    }

    /// Reads the file of `record`.
    static func load(
        disk: any Disk, directory: DiskPath, record: Manifest.FileRecord,
        configuration: ShardConfiguration
    ) throws(StorageError) -> Checkpoint {
        let path = directory / record.name
        let bytes = try onDisk { () throws(DiskError) in try disk.readAll(path) }
        let (version, content) = try SegmentFormat.unframe(
            bytes, magic: SegmentFormat.checkpointMagic,
            versionMax: SegmentFormat.checkpointVersion, file: path.string, what: "checkpoint")
        return try parsing(path.string, "checkpoint", offset: 0) {
            var reader = ByteReader(content)
            let total = try reader.count(limit: .max)
            var body: [UInt8] = []
            var part: [UInt8] = []
            while body.count < total {
                let slice = try reader.lengthPrefixed()
                let count = min(partBytes, total - body.count)
                try LZ4Block.decompress(slice, into: &part, count: count)
                body += part
            }
            var inner = ByteReader(body)
            let index = try inner.varint()
            let sources = try SourceTable.read(&inner)
            var metrics = MetricState(limits: configuration.limits)
            try metrics.read(&inner)
            var logs = LogState(limits: configuration.limits)
            try logs.read(&inner)
            if version > 1 {
                metrics.limits = try ShardLimits.read(&inner)
                logs.limits = metrics.limits
            }
            guard inner.isAtEnd, reader.isAtEnd else {
                throw EncodingError.corrupt(what: "checkpoint end", offset: inner.offset)
            }
            return Checkpoint(index: index, sources: sources, metrics: metrics, logs: logs)
        }
    }
}
