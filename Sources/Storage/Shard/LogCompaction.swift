internal import Model
internal import Platform

/// Merges log segments into one in the dense form: every line stays but those before a time and
/// those of tenants that were deleted after their input was sealed. A pure function of inputs and
/// command.
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
        let hidden = inputs.map { input in
            Set(tombstones.filter { $0.index > input.record.lastIndex }.map(\.tenant))
        }
        let built = try LogMerge.merge(segments) { input, stream in
            hidden[input].contains(stream.tenant) ? nil : dropBefore
        }
        guard built.summary.lineCount > 0 else { return nil }
        return try LogSeal.write(
            built, level: level, firstIndex: first.record.firstIndex,
            lastIndex: last.record.lastIndex, disk: disk, directory: directory)
    }
}
