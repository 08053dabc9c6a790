internal import Encoding
internal import Model
internal import Platform
internal import Synchronization

/// A segment that queries may use: opens its files when first asked and holds them.
final class LiveSegment: Sendable {
    let record: SegmentRecord
    let files: ListedFiles
    private let suspects: SuspectFiles
    private let disk: any Disk
    private let directory: DiskPath
    private struct Opened {
        var data: MetricSegment?
        var index: SegmentIndex?
        var logs: LogSegment?
    }

    private let opened = Mutex(Opened())

    init(
        _ record: SegmentRecord, files: ListedFiles, suspects: SuspectFiles, disk: any Disk,
        directory: DiskPath
    ) {
        self.record = record
        self.files = files
        self.suspects = suspects
        self.disk = disk
        self.directory = directory
    }

    /// Whether it may hold samples in [start, end).
    func overlaps(_ start: Timestamp, _ end: Timestamp) -> Bool {
        record.start < end && record.end >= start
    }

    /// Somebody could not read some of it.
    func suspect() {
        if !Mutant.isOn(.damageUntold) { suspects.add(record.data.name) }
    }

    /// The data file of a metric segment.
    func data() throws(StorageError) -> MetricSegment {
        try opened.withLock { (opened) throws(StorageError) -> MetricSegment in
            if let data = opened.data { return data }
            let data = try MetricSegment(disk: disk, path: directory / record.data.name)
            opened.data = data
            return data
        }
    }

    /// The index file; built again from the data when it can not be read.
    func index() throws(StorageError) -> SegmentIndex {
        if record.signal == .logs { return try logs().index }
        let known = opened.withLock { $0.index }
        if let known { return known }
        let path = directory / record.index.name
        var index: SegmentIndex
        do {
            index = try SegmentIndex.open(disk: disk, path: path, verifying: record.index.hash)
        } catch StorageError.newerFormat(let file, let version, let versionMax) {
            throw .newerFormat(file: file, version: version, versionMax: versionMax)
        } catch {
            index = try rebuildIndex(path)
        }
        opened.withLock { $0.index = index }
        return index
    }

    /// A log segment; its index is built again from the data when it can not be read.
    func logs() throws(StorageError) -> LogSegment {
        let known = opened.withLock { $0.logs }
        if let known { return known }
        let (path, indexPath) = (directory / record.data.name, directory / record.index.name)
        var made: LogSegment
        do {
            made = try LogSegment.open(
                disk: disk, path: path, indexPath: indexPath,
                verifying: Mutant.isOn(.mergesByTheIndex) ? nil : record.index.hash)
        } catch StorageError.newerFormat(let file, let version, let versionMax) {
            throw .newerFormat(file: file, version: version, versionMax: versionMax)
        } catch {
            let bytes = try LogSegment.rebuildIndex(disk: disk, path: path)
            let disk = disk
            try onDisk { () throws(DiskError) in
                try disk.replaceDurably(indexPath, with: bytes)
            }
            made = try LogSegment.open(disk: disk, path: path, indexPath: indexPath)
        }
        opened.withLock { $0.logs = made }
        return made
    }

    private func rebuildIndex(_ path: DiskPath) throws(StorageError) -> SegmentIndex {
        let data = try data()
        var series: [IndexedSeries] = []
        for number in 0..<data.pageCount {
            for entry in try data.page(number) {
                series.append(IndexedSeries(tenant: entry.tenant, labels: entry.labels))
            }
        }
        let bytes = try SegmentIndexBuilder.build(series: series)
        let disk = disk
        try onDisk { () throws(DiskError) in try disk.replaceDurably(path, with: bytes) }
        return try SegmentIndex.open(disk: disk, path: path)
    }
}
