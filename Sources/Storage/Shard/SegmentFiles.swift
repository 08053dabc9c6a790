internal import Encoding
internal import Model
internal import Platform

/// Makes the two files of a metric segment: data, sync, index, sync, both renamed to their names.
/// The directory is synced by who then writes the manifest.
struct SegmentFiles {
    let disk: any Disk
    let directory: DiskPath

    private static let draftData = "segment-data.new"
    private static let draftIndex = "segment-index.new"

    /// Runs `fill` over a writer and makes the files durable. Nil when it appended nothing.
    func writeMetrics(
        tier: CodecTier, level: UInt8, firstIndex: UInt64, lastIndex: UInt64,
        _ fill: (inout MetricSegmentWriter) throws(StorageError) -> Void
    ) throws(StorageError) -> SegmentRecord? {
        let draft = directory / SegmentFiles.draftData
        let disk = disk
        let file = try onDisk { () throws(DiskError) in try disk.open(draft, .replace) }
        var writer = try MetricSegmentWriter(
            file, tier: tier, level: level, firstIndex: firstIndex, lastIndex: lastIndex)
        try fill(&writer)
        guard !writer.index.isEmpty else {
            try onDisk { () throws(DiskError) in
                try file.close()
                try disk.remove(draft)
            }
            return nil
        }
        let (byteCount, hash) = try writer.finish()
        let indexBytes = try SegmentIndexBuilder.build(series: writer.index)
        let indexDraft = directory / SegmentFiles.draftIndex
        let data = Manifest.FileRecord(name: "m-\(hash).data", byteCount: byteCount)
        let index = Manifest.FileRecord(
            name: "m-\(hash).index", byteCount: indexBytes.count,
            hash: SegmentIndex.checksum(of: indexBytes))
        let directory = directory
        try onDisk { () throws(DiskError) in
            let file = try disk.open(indexDraft, .replace)
            try file.write(indexBytes, at: 0)
            try file.sync()
            try file.close()
            try disk.rename(draft, to: directory / data.name)
            try disk.rename(indexDraft, to: directory / index.name)
        }
        return SegmentRecord(
            signal: .metrics, level: level, firstIndex: firstIndex, lastIndex: lastIndex,
            start: Timestamp(nanos: writer.start), end: Timestamp(nanos: writer.end),
            seriesCount: writer.index.count, itemCount: writer.sampleCount, rawByteCount: 0,
            data: data, index: index)
    }
}
