internal import Model
package import Platform
internal import Storage

/// Looks at a data directory from outside, also while a server runs on it: what `varve inspect`
/// prints. Reads only.
package struct DataInspection: Sendable {
    /// One segment of one shard.
    package struct Segment: Sendable {
        package var shard: Int
        /// `metric` or `log`.
        package var kind: String
        package var name: String
        package var level: Int
        /// ns, both held.
        package var startNanos: Int64
        package var endNanos: Int64
        package var seriesCount: Int
        /// Samples or lines.
        package var itemCount: Int
        /// Of lines before compression; 0 for metrics.
        package var rawByteCount: Int
        package var dataByteCount: Int
        package var indexByteCount: Int
    }

    /// A file that is not what was written.
    package struct Damage: Sendable {
        package var file: String
        package var reason: String
    }

    package let formatVersion: Int
    package let shardCount: Int
    package private(set) var segments: [Segment] = []
    private let disk: any Disk
    private var records: [String: SegmentRecord] = [:]

    /// Reads the manifests of all shards. Throws when the directory is none, or is newer.
    package init(disk: any Disk) throws(NodeError) {
        self.disk = disk
        guard disk.exists(DataDirectory.path) else {
            throw NodeError.notADataDirectory(reason: "\(DataDirectory.path) is missing")
        }
        let directory = try DataDirectory.open(disk, shardCount: 1)
        formatVersion = DataDirectory.formatVersion
        shardCount = directory.shardCount
        do {
            for shard in 0..<directory.shardCount {
                let path = ShardReplica.directory(of: shard)
                guard disk.exists(path) else { continue }
                guard let manifest = try Manifest.load(disk: disk, directory: path) else {
                    continue
                }
                for record in manifest.segments {
                    segments.append(Segment(shard, record))
                    records[record.name] = record
                }
            }
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// Reads every block of every segment and its index; calls `progress` after each segment with
    /// the number done.
    package func verify(progress: (Int) -> Void) -> [Damage] {
        var damages: [Damage] = []
        for (number, segment) in segments.enumerated() {
            let directory = ShardReplica.directory(of: segment.shard)
            do {
                guard let record = records[segment.name] else { continue }
                try StorageInspection.verify(disk: disk, directory: directory, segment: record)
            } catch {
                damages.append(
                    Damage(file: (directory / segment.name).string, reason: "\(error)"))
            }
            progress(number + 1)
        }
        return damages
    }
}

extension DataInspection.Segment {
    fileprivate init(_ shard: Int, _ record: SegmentRecord) {
        self.init(
            shard: shard, kind: record.signal == .metrics ? "metric" : "log", name: record.name,
            level: Int(record.level), startNanos: record.start.nanos,
            endNanos: record.end.nanos, seriesCount: record.seriesCount,
            itemCount: record.itemCount, rawByteCount: record.rawByteCount,
            dataByteCount: record.data.byteCount, indexByteCount: record.index.byteCount)
    }
}
