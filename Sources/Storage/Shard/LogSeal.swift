internal import Encoding
internal import Model
internal import Platform

/// Writes frozen or merged log lines as a segment's two files.
enum LogSeal {
    /// Nil for an empty memtable.
    static func write(
        _ frozen: FrozenState, disk: any Disk, directory: DiskPath
    ) throws(StorageError) -> SegmentRecord? {
        guard !frozen.lines.isEmpty else { return nil }
        return try write(
            try frozen.lines.seal(), level: 0, firstIndex: frozen.previousIndex + 1,
            lastIndex: frozen.index, disk: disk, directory: directory)
    }

    /// Data, sync, index, sync. The last entry is part of the name, because two segments may hold
    /// equal lines.
    static func write(
        _ built: BuiltLogSegment, level: UInt8, firstIndex: UInt64, lastIndex: UInt64,
        disk: any Disk, directory: DiskPath
    ) throws(StorageError) -> SegmentRecord {
        let stem = "l-\(built.name)-\(lastIndex)-\(level)"
        let data = Manifest.FileRecord(
            name: stem + LogSegment.dataSuffix, byteCount: built.data.count)
        let index = Manifest.FileRecord(
            name: stem + LogSegment.indexSuffix, byteCount: built.index.count,
            hash: SegmentIndex.checksum(of: built.index))
        for (record, bytes) in [(data, built.data), (index, built.index)] {
            let draft = directory / (record.name + ".new")
            try onDisk { () throws(DiskError) in
                let file = try disk.open(draft, .replace)
                try file.write(bytes, at: 0)
                try file.sync()
                try file.close()
                try disk.rename(draft, to: directory / record.name)
            }
        }
        return SegmentRecord(
            signal: .logs, level: level, firstIndex: firstIndex, lastIndex: lastIndex,
            start: built.summary.first, end: built.summary.last,
            seriesCount: built.summary.streamCount, itemCount: built.summary.lineCount,
            rawByteCount: built.summary.rawBytes, data: data, index: index)
    }
}
