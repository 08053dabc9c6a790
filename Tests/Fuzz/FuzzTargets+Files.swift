internal import Encoding
internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Simulator
internal import Storage

/// Files, which a disk may give back otherwise than they were written: an error or the right data,
/// never a trap. Inputs are damage (`SealedFile.damaged`) to files that are made afresh, so the
/// corpus outlives changes of the formats.
extension FuzzTargets {
    static let files = [
        Target("metric_segment", seeds: damageSeeds, lengthMax: 128) { bytes in
            damageSegment(bytes, of: .metrics)
        },
        Target("log_segment", seeds: damageSeeds, lengthMax: 128) { bytes in
            damageSegment(bytes, of: .logs)
        },
        Target("index", seeds: damageSeeds, lengthMax: 128, run: index),
        Target("manifest", seeds: damageSeeds, lengthMax: 128) { bytes in
            damage(Manifest.fileName, bytes[...])
        },
        Target("checkpoint", seeds: damageSeeds, lengthMax: 128) { bytes in
            damage(FuzzShard.files.manifest.checkpoint.name, bytes[...])
        },
        Target("journal", seeds: damageSeeds, lengthMax: 128, run: journal),
        Target("shard", seeds: shardSeeds, run: shard),
    ]

    private static let damageSeeds: [[UInt8]] = [
        [0, 0], [0, 0, 0, 20, 255], [0, 1, 0, 30, 1, 0, 90, 128], [1, 2, 2, 0, 0], [0, 3, 1, 0, 9],
    ]

    private static func damageSegment(_ bytes: [UInt8], of signal: SignalKind) {
        var input = FuzzInput(bytes)
        let names = FuzzShard.files.names { $0.signal == signal ? $0.data.name : nil }
        damage(names[input.byte() % names.count], input.rest)
    }

    /// Damages one file of the shard and reads all.
    private static func damage(_ name: String, _ patches: ArraySlice<UInt8>) {
        let files = FuzzShard.files
        guard let sealed = files.sealed[name] else { preconditionFailure("BUG: no file \(name)") }
        guard let disk = try? files.disk(with: name, sealed.damaged(by: patches)) else {
            preconditionFailure("BUG: no disk")
        }
        _ = try? StorageInspection.problems(disk: disk, directory: FuzzShard.directory)
        for segment in files.manifest.segments where segment.data.name == name {
            _ = try? StorageInspection.verify(
                disk: disk, directory: FuzzShard.directory, segment: segment)
        }
        guard let shard = try? FuzzShard.open(disk) else { return }
        FuzzShard.readAll(shard)
        _ = try? shard.runJobs()
    }

    private static let indexFiles: [SealedFile] = FuzzShard.files.manifest.segments.map { segment in
        let found = FuzzShard.files.contents.first { $0.name == segment.index.name }
        return SealedFile(unsealed: found?.bytes ?? [])
    }

    /// An index file has no checksum in it; the manifest has it.
    private static func index(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let file = indexFiles[input.byte() % indexFiles.count]
        let damaged = file.damaged(by: input.rest)
        guard let index = try? SegmentIndex(bytes: damaged, name: "index") else { return }
        guard let regular = try? Matcher("host", .matches, "h.*"),
            let negative = try? Matcher("app", .notMatches, "s.+")
        else { preconditionFailure("BUG: no matcher") }
        for selector in [
            Selector.everything, Selector([Matcher("__name__", equals: "level")]),
            Selector([regular]), Selector([negative]),
        ] {
            guard let found = try? index.select(tenant: .standard, selector: selector) else {
                continue
            }
            _ = try? index.series(of: found)
            _ = try? index.labelNames(tenant: .standard, selector: selector)
            _ = try? index.labelValues("host", tenant: .standard, selector: selector)
        }
    }

    private static let journalOptions: Replicator.Options = {
        var options = Replicator.Options()
        options.journal.segmentBytes = 8 * JournalFormat.pageBytes
        return options
    }()

    private static func replicator(_ disk: any Disk) throws -> Replicator {
        try Replicator(
            disk: disk, directory: "journal", node: NodeID(1), options: journalOptions,
            random: SeededRandom(seed: 1), time: ManualTime(), telemetry: Telemetry())
    }

    /// The segments of a journal that has lived a little.
    private static let journalFiles: [(name: String, file: SealedFile)] = {
        let disk = SimulatedDisk(seed: 1)
        do {
            let replicator = try replicator(disk)
            for round in 0..<12 {
                try replicator.propose(
                    GroupID(UInt32(round % 2)),
                    payload: [UInt8](repeating: 7, count: 20 * (round + 1)),
                    tag: UInt64(round))
                _ = try replicator.commit()
            }
            return try disk.list("journal").filter { !$0.isDirectory && $0.byteCount > 0 }.map {
                ($0.name, SealedFile(unsealed: try disk.readAll("journal" / $0.name)))
            }
        } catch {
            preconditionFailure("BUG: no journal to damage: \(error)")
        }
    }()

    /// Recovery refuses, or cuts what nobody was promised; what it gives back was written.
    private static func journal(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let number = input.byte() % journalFiles.count
        let disk = SimulatedDisk(seed: 1)
        do {
            try disk.makeDirectories("journal")
            for (place, item) in journalFiles.enumerated() {
                let content =
                    place == number ? item.file.damaged(by: input.rest) : item.file.bytes
                try disk.open("journal" / item.name, .create).write(content, at: 0)
            }
            let again = try replicator(disk)
            for group in again.groups {
                try again.replay(group, after: 0) { entry in
                    precondition(entry.payload.allSatisfy { $0 == 7 }, "what nobody wrote")
                }
            }
        } catch {}
    }

    private static let shardSeeds: [[UInt8]] = FuzzShard.batches.map {
        ShardCommand.write($0).encoded()
    }

    /// An entry that some batch became: applied, sealed, merged, read.
    private static func shard(_ bytes: [UInt8]) {
        let disk = SimulatedDisk(seed: 1)
        guard let shard = try? FuzzShard.open(disk) else { preconditionFailure("BUG: no shard") }
        guard (try? shard.apply(index: 1, payload: bytes)) != nil else { return }
        _ = try? shard.runJobs()
        FuzzShard.readAll(shard)
        do {
            try FuzzShard.apply(.write(FuzzShard.batches[0]), shard)
            try FuzzShard.apply(.seal(at: Timestamp(nanos: FuzzShard.epoch)), shard)
            try shard.runJobs()
            let problems = try StorageInspection.problems(
                disk: disk, directory: FuzzShard.directory)
            precondition(problems.isEmpty, "written and damaged: \(problems)")
        } catch {
            preconditionFailure("what was applied can not be sealed: \(error)")
        }
        FuzzShard.readAll(shard)
    }
}
