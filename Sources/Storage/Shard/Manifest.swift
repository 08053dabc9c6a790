internal import Encoding
package import Model
package import Platform

/// What a shard has on disk at one moment: the root from which everything is found after a crash.
/// Replaced whole by write, sync, rename, sync. Layout in docs/format/manifest.md.
package struct Manifest: Sendable, Equatable {
    package static let fileName = "MANIFEST"

    /// Everything up to this entry is in segments and checkpoint; replay starts after it.
    package var durableIndex: UInt64 = 0
    /// Jobs of entries up to this one are done; replay skips theirs.
    package var completedIndex: UInt64 = 0
    /// Name, length and hash of the checkpoint that goes with `durableIndex`; empty for none.
    package var checkpoint = FileRecord()
    /// Oldest write first, per kind of data; of equal timestamps the later segment's counts.
    package var segments: [SegmentRecord] = []
    /// What was deleted and may still be in segments, in the order of entries.
    package var tombstones: [Tombstone] = []

    package init() {}

    /// A file that must be there.
    package struct FileRecord: Sendable, Hashable {
        package var name = ""
        package var byteCount = 0
        /// `StableHash` of the content, seed 0; of a data file it is in the name instead.
        package var hash: UInt64 = 0

        package init(name: String = "", byteCount: Int = 0, hash: UInt64 = 0) {
            self.name = name
            self.byteCount = byteCount
            self.hash = hash
        }
    }

    /// Data of `tenant` that was written before entry `index` is deleted.
    package struct Tombstone: Sendable, Hashable {
        package var tenant: Tenant
        package var index: UInt64
        /// Which; nil: all of it.
        package var deletion: Deletion?

        /// Whether the segment may hold something of what is deleted.
        func hides(in segment: SegmentRecord) -> Bool {
            guard segment.lastIndex <= index, segment.cleanedIndex < index else { return false }
            guard let deletion else { return true }
            return segment.signal == deletion.signal && segment.start < deletion.end
                && segment.end >= deletion.start
        }
    }

    /// The segments of one kind, oldest write first.
    package func segments(of signal: SignalKind) -> [SegmentRecord] {
        segments.filter { $0.signal == signal }
    }

    /// Reads the manifest of a shard's directory; nil when there is none. Errors: `newerFormat`,
    /// `corrupt`.
    package static func load(
        disk: any Disk, directory: DiskPath
    ) throws(StorageError) -> Manifest? {
        let path = directory / fileName
        guard disk.exists(path) else { return nil }
        let bytes = try onDisk { () throws(DiskError) in try disk.readAll(path) }
        return try Manifest(decoding: bytes, file: path.string)
    }

    /// The content of a manifest file. Errors: `newerFormat`, `corrupt`.
    init(decoding bytes: [UInt8], file: String) throws(StorageError) {
        let (version, content) = try SegmentFormat.unframe(
            bytes, magic: SegmentFormat.manifestMagic,
            versionMax: SegmentFormat.manifestVersion, file: file, what: "manifest")
        self = try parsing(file, "manifest", offset: 0) {
            var reader = ByteReader(content)
            return try Manifest(
                &reader, knowsDeletions: version > SegmentFormat.manifestVersionPlain)
        }
    }

    /// The content of the manifest file: the same bytes for the same manifest.
    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        let knowsDeletions =
            tombstones.contains { $0.deletion != nil } || segments.contains { $0.cleanedIndex > 0 }
        write(to: &writer, knowsDeletions)
        let version =
            knowsDeletions ? SegmentFormat.manifestVersion : SegmentFormat.manifestVersionPlain
        return SegmentFormat.frame(
            magic: SegmentFormat.manifestMagic, version: version, writer.bytes)
    }

    /// Makes this the shard's manifest, durably.
    func store(disk: any Disk, directory: DiskPath) throws(StorageError) {
        let path = directory / Manifest.fileName
        let bytes = encoded()
        try onDisk { () throws(DiskError) in
            // Before there is one, nothing in the directory counts, not even its name.
            if !disk.exists(path) { try disk.syncParents(of: directory) }
            try disk.replaceDurably(path, with: bytes)
        }
    }

    /// `knowsDeletions`: whether it says what version 1 has no words for.
    private func write(to writer: inout ByteWriter, _ knowsDeletions: Bool) {
        writer.varint(durableIndex)
        writer.varint(completedIndex)
        Manifest.write(checkpoint, &writer)
        writer.varint(UInt64(segments.count))
        for segment in segments {
            writer.u8(segment.signal.rawValue)
            writer.u8(segment.level)
            writer.varint(segment.firstIndex)
            writer.varint(segment.lastIndex)
            writer.i64(segment.start.nanos)
            writer.i64(segment.end.nanos)
            writer.varint(UInt64(segment.seriesCount))
            writer.varint(UInt64(segment.itemCount))
            writer.varint(UInt64(segment.rawByteCount))
            Manifest.write(segment.data, &writer)
            Manifest.write(segment.index, &writer)
            if knowsDeletions { writer.varint(segment.cleanedIndex) }
        }
        writer.varint(UInt64(tombstones.count))
        for tombstone in tombstones {
            writer.lengthPrefixed(Array(tombstone.tenant.name.utf8))
            writer.varint(tombstone.index)
            guard knowsDeletions else { continue }
            writer.flag(tombstone.deletion != nil)
            tombstone.deletion?.write(to: &writer)
        }
    }

    private init(_ reader: inout ByteReader, knowsDeletions: Bool) throws {
        durableIndex = try reader.varint()
        completedIndex = try reader.varint()
        checkpoint = try Manifest.readFile(&reader)
        for _ in 0..<(try reader.varint()) {
            guard let signal = SignalKind(rawValue: try reader.u8()) else {
                throw EncodingError.corrupt(what: "signal", offset: reader.offset)
            }
            segments.append(
                SegmentRecord(
                    signal: signal, level: try reader.u8(), firstIndex: try reader.varint(),
                    lastIndex: try reader.varint(), start: Timestamp(nanos: try reader.i64()),
                    end: Timestamp(nanos: try reader.i64()),
                    seriesCount: try reader.count(limit: .max),
                    itemCount: try reader.count(limit: .max),
                    rawByteCount: try reader.count(limit: .max),
                    data: try Manifest.readFile(&reader), index: try Manifest.readFile(&reader),
                    cleanedIndex: knowsDeletions ? try reader.varint() : 0))
        }
        for _ in 0..<(try reader.varint()) {
            let name = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            guard let tenant = Tenant(name) else {
                throw EncodingError.corrupt(what: "tenant", offset: reader.offset)
            }
            let index = try reader.varint()
            let isSelective = knowsDeletions ? try reader.flag() : false
            tombstones.append(
                Tombstone(
                    tenant: tenant, index: index,
                    deletion: isSelective ? try Deletion(from: &reader) : nil))
        }
        guard reader.isAtEnd else {
            throw EncodingError.corrupt(what: "manifest end", offset: reader.offset)
        }
    }

    private static func write(_ file: FileRecord, _ writer: inout ByteWriter) {
        writer.lengthPrefixed(Array(file.name.utf8))
        writer.varint(UInt64(file.byteCount))
        writer.u64(file.hash)
    }

    private static func readFile(_ reader: inout ByteReader) throws -> FileRecord {
        let name = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
        guard name.isEmpty || (DiskPath(checking: name) != nil && !name.contains("/")) else {
            throw EncodingError.corrupt(what: "file name", offset: reader.offset)
        }
        return FileRecord(
            name: name, byteCount: try reader.count(limit: .max), hash: try reader.u64())
    }
}

/// A segment as the manifest lists it.
package struct SegmentRecord: Sendable, Hashable {
    package var signal: SignalKind
    /// 0 sealed, 1 merged to about a day, 2 larger.
    package var level: UInt8
    /// The entries whose writes it holds: after the seal before `firstIndex`… up to `lastIndex`.
    package var firstIndex: UInt64
    package var lastIndex: UInt64
    /// First and last timestamp, both held.
    package var start: Timestamp
    package var end: Timestamp
    package var seriesCount: Int
    /// Samples or lines.
    package var itemCount: Int
    /// Of lines before compression; 0 for metrics.
    package var rawByteCount: Int
    package var data: Manifest.FileRecord
    package var index: Manifest.FileRecord
    /// What was deleted by entries up to this one has been left out of it; 0: nothing was.
    package var cleanedIndex: UInt64

    package init(
        signal: SignalKind, level: UInt8, firstIndex: UInt64, lastIndex: UInt64,
        start: Timestamp, end: Timestamp, seriesCount: Int, itemCount: Int, rawByteCount: Int,
        data: Manifest.FileRecord, index: Manifest.FileRecord, cleanedIndex: UInt64 = 0
    ) {
        self.signal = signal
        self.level = level
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        self.start = start
        self.end = end
        self.seriesCount = seriesCount
        self.itemCount = itemCount
        self.rawByteCount = rawByteCount
        self.data = data
        self.index = index
        self.cleanedIndex = cleanedIndex
    }

    /// Data and index.
    package var byteCount: Int { data.byteCount + index.byteCount }

    /// Its name in commands and messages: that of the data file.
    package var name: String { data.name }
}
