internal import Encoding
internal import Model
package import Platform

/// Looks at the files of a shard without opening it: read-only, also while a server runs on them.
package enum StorageInspection {
    /// The directories below `root` that hold a shard, ascending; `root` itself too.
    package static func shards(
        disk: any Disk, root: DiskPath
    ) throws(StorageError) -> [DiskPath] {
        var found: [DiskPath] = []
        var waiting = [root]
        while let directory = waiting.popLast() {
            let entries = try onDisk { () throws(DiskError) in try disk.list(directory) }
            for entry in entries {
                if entry.isDirectory {
                    waiting.append(directory / entry.name)
                } else if entry.name == Manifest.fileName {
                    found.append(directory)
                }
            }
        }
        return found.sorted()
    }

    /// What the shard in `directory` lists; nil when there is no manifest.
    package static func manifest(
        disk: any Disk, directory: DiskPath
    ) throws(StorageError) -> Manifest? {
        try Manifest.load(disk: disk, directory: directory)
    }

    /// Where the bytes of a metric segment's data file go.
    package static func columnBytes(
        disk: any Disk, directory: DiskPath, segment: SegmentRecord
    ) throws(StorageError) -> MetricColumnBytes {
        precondition(segment.signal == .metrics, "columns are told of metric segments")
        return try MetricSegment(disk: disk, path: directory / segment.data.name).columnBytes
    }

    /// Reads and checks all of a part. Errors: what is wrong, and where.
    package static func verify(
        disk: any Disk, directory: DiskPath, part: ShardPart
    ) throws(StorageError) {
        switch part {
        case .checkpoint(let record):
            try record.file.verify(disk: disk, at: directory / record.name)
        case .segment(let segment):
            try verify(disk: disk, directory: directory, segment: segment)
        }
    }

    /// Reads and checks every block of a segment's two files. Errors: what is wrong, and where.
    package static func verify(
        disk: any Disk, directory: DiskPath, segment: SegmentRecord
    ) throws(StorageError) {
        let index = try SegmentIndex.open(
            disk: disk, path: directory / segment.index.name, verifying: segment.index.hash)
        guard index.seriesCount == segment.seriesCount else {
            throw .corrupt(file: segment.index.name, what: "series count", offset: 0)
        }
        switch segment.signal {
        case .metrics:
            try MetricSegment(disk: disk, path: directory / segment.data.name).verify()
        case .logs:
            try LogSegment.open(
                disk: disk, path: directory / segment.data.name,
                indexPath: directory / segment.index.name
            ).verify()
        }
    }

    /// One sentence per damaged file of the shard: manifest, checkpoint and all segments.
    package static func problems(
        disk: any Disk, directory: DiskPath
    ) throws(StorageError) -> [String] {
        guard let manifest = try Manifest.load(disk: disk, directory: directory) else {
            return ["\(directory): no manifest"]
        }
        var problems: [String] = []
        if !manifest.checkpoint.name.isEmpty {
            do throws(StorageError) {
                _ = try Checkpoint.load(
                    disk: disk, directory: directory, record: manifest.checkpoint,
                    configuration: ShardConfiguration())
            } catch { problems.append(error.description) }
        }
        for segment in manifest.segments {
            do throws(StorageError) {
                try verify(disk: disk, directory: directory, segment: segment)
            } catch { problems.append(error.description) }
        }
        return problems
    }
}

extension MetricSegment {
    /// Reads every block and checks it; throws at the first that is corrupt.
    func verify() throws(StorageError) {
        var columns: [ColumnPlace: Int] = [:]
        var series = 0
        for number in 0..<pageCount {
            for entry in try page(number) {
                series += 1
                if let time = entry.timeColumn {
                    let count = entry.floats.reduce(0) { $0 + $1.sampleCount }
                    try check(time, count, &columns)
                    var values: [Double] = []
                    try self.values(entry.floats, positions: 0..<count, into: &values)
                }
                if let time = entry.histogramTimeColumn {
                    let count = entry.histograms.reduce(0) { $0 + $1.sampleCount }
                    try check(time, count, &columns)
                    _ = try histograms(entry.histograms, positions: 0..<count)
                }
            }
        }
        guard series == seriesCount else {
            throw .corrupt(file: name, what: "series count", offset: 0)
        }
    }

    private func check(
        _ place: ColumnPlace, _ count: Int, _ known: inout [ColumnPlace: Int]
    ) throws(StorageError) {
        if known[place] == count { return }
        _ = try timestamps(place, count: count, start: .min, end: .max)
        known[place] = count
    }
}
