internal import Model
internal import Platform

/// Merges log segments into one in the dense form: every line stays but those before a time and
/// those that were deleted after their input was sealed. A pure function of inputs and command.
struct LogCompaction {
    /// Oldest write first.
    let inputs: [LiveSegment]
    let level: UInt8
    let dropBefore: Timestamp
    let tombstones: [Manifest.Tombstone]

    /// Nil when nothing is left.
    func write(disk: any Disk, directory: DiskPath) throws(StorageError) -> SegmentRecord? {
        guard let first = inputs.first, let last = inputs.last else {
            preconditionFailure("BUG: a compaction of nothing")
        }
        var segments: [LogSegment] = []
        for input in inputs { segments.append(try input.logs()) }
        let deleted = inputs.map { SegmentDeletions(tombstones, in: $0.record) }
        let built = try LogMerge.merge(segments) { input, stream in
            if deleted[input].isWhole(stream.tenant) { return nil }
            return LogMerge.Keeping(
                from: dropBefore, but: deleted[input].spans(of: stream.tenant, stream.labels))
        }
        guard built.summary.lineCount > 0 else { return nil }
        return try LogSeal.write(
            built, level: level, firstIndex: first.record.firstIndex,
            lastIndex: last.record.lastIndex, disk: disk, directory: directory)
    }
}
