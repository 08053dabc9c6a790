internal import Encoding
internal import Model
internal import Platform
internal import Synchronization

/// The heavy part of a seal, compaction, expiry or deletion. `run` on any thread: it reads only
/// what is immutable, makes files, and last of all the manifest that lists them; then hand it to
/// `Shard.finish`. A job that failed may be run again. One job of a shard exists at a time.
package final class StorageJob: Sendable {
    /// What it does, for logs and figures.
    package enum Kind: String, Sendable { case seal, compact, expire, delete, forget }

    enum Work: Sendable {
        /// `deleting`: what the same entry deletes.
        case seal(FrozenState, deleting: Deletion?)
        case compact(signal: SignalKind, inputs: [String], level: UInt8, dropBefore: Timestamp)
        case expire(signal: SignalKind, before: Timestamp)
        case deleteTenant(Tenant)
        case delete(Deletion)
        case forgetDeletions(through: UInt64)
    }

    /// The entry that ordered it.
    package let index: UInt64
    let work: Work
    /// How often it has failed so far.
    private let failureCount: Int
    /// How often damaged inputs are tried.
    private let damageAttemptsMax: Int
    private let before: Manifest
    private let live: [String: LiveSegment]
    private let disk: any Disk
    private let directory: DiskPath
    private let result = Mutex<Outcome?>(nil)
    private let suspected = Mutex<[String]>([])

    /// What a successful run leaves.
    struct Outcome: Sendable {
        var manifest: Manifest
        /// Inputs that can not be read, by name: the compaction was given up, they stay listed.
        var damaged: [String] = []
    }

    init(
        index: UInt64, work: Work, failureCount: Int, damageAttemptsMax: Int, before: Manifest,
        live: [String: LiveSegment],
        disk: any Disk, directory: DiskPath
    ) {
        self.index = index
        self.work = work
        self.failureCount = failureCount
        self.damageAttemptsMax = damageAttemptsMax
        self.before = before
        self.live = live
        self.disk = disk
        self.directory = directory
    }

    package var kind: Kind {
        switch work {
        case .seal: .seal
        case .compact: .compact
        case .expire: .expire
        case .delete, .deleteTenant: .delete
        case .forgetDeletions: .forget
        }
    }

    /// After a successful run, else nil.
    var outcome: Outcome? { result.withLock { $0 } }

    /// Inputs that a run found damaged and that are to be tried again, by name.
    var suspects: [String] { suspected.withLock { $0 } }

    /// Does the work. Errors: `disk`; the shard is as before then. A compaction whose inputs are
    /// corrupt, or can not be read again and again, is given up: what is left of them stays, and the
    /// jobs behind it go on.
    package func run() throws(StorageError) {
        var manifest = before
        var damaged: [String] = []
        manifest.completedIndex = index
        switch work {
        case .seal(let frozen, let deletion):
            try seal(frozen, &manifest)
            if let deletion { delete(deletion, &manifest) }
        case .compact(let signal, let inputs, let level, let dropBefore):
            do {
                try compact(signal, inputs, level, dropBefore, &manifest)
            } catch {
                damaged = try damagedInputs(inputs, error)
            }
        case .expire(let signal, let cut):
            manifest.segments.removeAll { $0.signal == signal && $0.end < cut }
        case .deleteTenant(let tenant):
            manifest.tombstones.append(.init(tenant: tenant, index: index))
        case .delete(let deletion): delete(deletion, &manifest)
        case .forgetDeletions(let through):
            manifest.tombstones.removeAll { $0.index <= through }
        }
        // A tombstone has done its work when there is nothing that it hides and nothing older to
        // be sealed.
        let (segments, durableIndex) = (manifest.segments, manifest.durableIndex)
        manifest.tombstones.removeAll { tombstone in
            tombstone.index <= durableIndex && !segments.contains { tombstone.hides(in: $0) }
        }
        let (disk, directory) = (disk, directory)
        try onDisk { () throws(DiskError) in try disk.syncDirectory(directory) }
        try manifest.store(disk: disk, directory: directory)
        let outcome = Outcome(manifest: manifest, damaged: damaged)
        result.withLock { $0 = outcome }
    }

    private func seal(
        _ frozen: FrozenState, _ manifest: inout Manifest
    ) throws(StorageError) {
        let files = SegmentFiles(disk: disk, directory: directory)
        if let record = try MetricSeal.write(frozen, files) { manifest.segments.append(record) }
        let logs = try LogSeal.write(frozen, disk: disk, directory: directory)
        if let logs { manifest.segments.append(logs) }
        manifest.checkpoint = try frozen.checkpoint.store(disk: disk, directory: directory)
        manifest.durableIndex = frozen.index
    }

    private func delete(_ deletion: Deletion, _ manifest: inout Manifest) {
        let tombstone = Manifest.Tombstone(
            tenant: deletion.tenant, index: index, deletion: deletion)
        if manifest.segments.contains(where: { tombstone.hides(in: $0) }) {
            manifest.tombstones.append(tombstone)
        }
    }

    /// Does nothing unless all inputs are neighbours now: a command that an earlier one overtook.
    private func compact(
        _ signal: SignalKind, _ inputs: [String], _ level: UInt8, _ dropBefore: Timestamp,
        _ manifest: inout Manifest
    ) throws(StorageError) {
        let names = manifest.segments(of: signal).map(\.name)
        guard let first = inputs.first, let start = names.firstIndex(of: first),
            names[start...].starts(with: inputs)
        else { return }
        let segments = inputs.compactMap { live[$0] }
        precondition(segments.count == inputs.count, "BUG: a listed segment is not live")
        var output: SegmentRecord?
        switch signal {
        case .metrics:
            output = try MetricCompaction(
                inputs: segments, level: level, dropBefore: dropBefore,
                tombstones: manifest.tombstones
            ).write(SegmentFiles(disk: disk, directory: directory))
        case .logs:
            output = try LogCompaction(
                inputs: segments, level: level, dropBefore: dropBefore,
                tombstones: manifest.tombstones
            ).write(disk: disk, directory: directory)
        }
        if !manifest.tombstones.isEmpty { output?.cleanedIndex = index }
        guard let place = manifest.segments.firstIndex(where: { $0.name == first }) else { return }
        manifest.segments.removeAll { inputs.contains($0.name) }
        if let output { manifest.segments.insert(output, at: place) }
    }

    /// Those of `inputs` that `error` is about. Errors: any that tells of something else.
    private func damagedInputs(
        _ inputs: [String], _ error: StorageError
    ) throws(StorageError) -> [String] {
        guard let (file, attemptsMax) = unreadableFile(error) else { throw error }
        let found = inputs.filter { name in
            guard let record = live[name]?.record else { return false }
            return file.hasSuffix(record.data.name) || file.hasSuffix(record.index.name)
        }
        guard !found.isEmpty else { throw error }
        guard failureCount + 1 >= max(attemptsMax, damageAttemptsMax) else {
            suspected.withLock { $0 = found }
            throw error
        }
        return found
    }

    /// The file that `error` says is lost, and how often it is to be tried. A device that refuses may
    /// only have been busy.
    private func unreadableFile(_ error: StorageError) -> (file: String, attemptsMax: Int)? {
        switch error {
        case .corrupt(let file, _, _): return (file, 1)
        case .index(let file, _): return (file, 1)
        // A flipped bit of the version; with other replicas that is found out, else never assumed.
        case .newerFormat(let file, _, _) where damageAttemptsMax > 1: return (file, .max)
        case .disk(let refusal):
            switch refusal {
            case .failed(_, _, let file): return (file, StorageLimits.readAttemptsMax)
            case .notFound(let file): return (file, StorageLimits.readAttemptsMax)
            default: return nil
            }
        default: return nil
        }
    }
}
