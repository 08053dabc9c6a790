internal import Encoding
package import Model
package import Platform
internal import Synchronization

/// One shard's data: a state machine that is a pure function of its log, and the files it makes.
///
/// One thread applies entries in order; any thread reads; jobs run anywhere, one at a time. State
/// in memory is behind one lock, held for the work of one entry or for copying out what a query
/// selects, never for disk work. No clock is read: time is in the entries.
package final class Shard: Sendable {
    struct State: Sendable {
        var metrics: MetricState
        var logs: LogState
        var sources = SourceTable()
        var manifest: Manifest
        /// All segments that the manifest lists, by name.
        var live: [String: LiveSegment] = [:]
        /// That of the manifest.
        var checkpoint: (name: String, files: ListedFiles)?
        /// What was dropped and may still be held.
        var leaving: [Leaving] = []
        /// What is to be dropped when no image is on its way in any more; nil while none is.
        var kept: [ListedFiles]?
        /// Oldest first; each is the work of a job in `pending`.
        var frozen: [FrozenState] = []
        var pending: [(index: UInt64, work: StorageJob.Work)] = []
        var isJobOut = false
        /// How often the first of `pending` has failed.
        var failureCount = 0
        /// Segments that a compaction could not read, or that are known to be damaged, by name:
        /// queries use what is left of them, no other compaction tries them. A start tries again.
        var damaged: Set<String> = []
        /// Where the leader looked for what was deleted and found nothing.
        var clean: Set<CleanPlace> = []
        var appliedIndex: UInt64
        var lastSealIndex: UInt64
        /// Bytes in memory as last counted, and after what.
        var memory: (index: UInt64, frozenCount: Int, byteCount: Int)?
        /// The clock of the last seal, of which the leader decides on the next.
        var lastSealTime: Timestamp?
        var failure: String?
    }

    struct Leaving: Sendable {
        weak let files: ListedFiles?
    }

    /// The shard's number, for messages.
    package let number: Int
    package let configuration: ShardConfiguration
    let disk: any Disk
    let directory: DiskPath
    let state: Mutex<State>
    let figures: ShardFigures
    let suspects = SuspectFiles()

    /// Opens the shard in `directory`, which is made when it is not there: reads manifest and
    /// checkpoint and removes files that neither lists. Errors: `newerFormat`, `corrupt`, `disk`.
    package static func open(
        disk: any Disk, directory: DiskPath, number: Int,
        configuration: ShardConfiguration = ShardConfiguration(), telemetry: Telemetry
    ) throws(StorageError) -> Shard {
        // Durably with the first manifest: a sync here for each of a thousand shards takes seconds.
        try onDisk { () throws(DiskError) in try disk.makeDirectories(directory) }
        let manifest = try Manifest.load(disk: disk, directory: directory) ?? Manifest()
        var state = State(
            metrics: MetricState(limits: configuration.limits),
            logs: LogState(limits: configuration.limits), manifest: manifest,
            appliedIndex: manifest.durableIndex, lastSealIndex: manifest.durableIndex)
        if !manifest.checkpoint.name.isEmpty {
            let checkpoint = try Checkpoint.load(
                disk: disk, directory: directory, record: manifest.checkpoint,
                configuration: configuration)
            state.metrics = checkpoint.metrics
            state.logs = checkpoint.logs
            state.lastSealTime = checkpoint.metrics.sealTime
            state.sources = checkpoint.sources
        }
        let figures = ShardFigures(telemetry, shard: number)
        try removeOrphans(manifest, disk, directory)
        let shard = Shard(
            number: number, configuration: configuration, disk: disk, directory: directory,
            state: state, figures: figures)
        _ = shard.state.withLock { shard.list(manifest, &$0) }
        return shard
    }

    private init(
        number: Int, configuration: ShardConfiguration, disk: any Disk, directory: DiskPath,
        state: State, figures: ShardFigures
    ) {
        self.number = number
        self.configuration = configuration
        self.disk = disk
        self.directory = directory
        self.state = Mutex(state)
        self.figures = figures
    }

    /// Everything up to this entry is in segments and checkpoint: the journal may release it, and
    /// replay starts after it.
    package var durableIndex: UInt64 { state.withLock { $0.manifest.durableIndex } }

    /// The last entry applied.
    package var appliedIndex: UInt64 { state.withLock { $0.appliedIndex } }

    /// What is on disk now.
    package var manifest: Manifest { state.withLock { $0.manifest } }

    /// As the last entry left them.
    package var limits: ShardLimits { state.withLock { $0.metrics.limits } }

    /// Bytes in memory: memtables, frozen ones included, labels, totals. O(label pairs) after an
    /// entry.
    package var memoryBytes: Int {
        state.withLock { state in
            if let known = state.memory, known.index == state.appliedIndex,
                known.frozenCount == state.frozen.count
            {
                return known.byteCount
            }
            let byteCount =
                state.metrics.byteCount + state.logs.byteCount
                + state.frozen.reduce(0) { $0 + $1.memtable.byteCount + $1.lines.byteCount }
            state.memory = (state.appliedIndex, state.frozen.count, byteCount)
            return byteCount
        }
    }

    /// Series known now.
    package var seriesCount: Int { state.withLock { $0.metrics.catalog.count } }

    /// Which of `ids` the shard knows, so that the router need not send their labels.
    package func knows(_ ids: [SeriesID], signal: SignalKind) -> [Bool] {
        state.withLock { state in
            switch signal {
            case .metrics:
                state.metrics.catalog.slots(of: ids).map { $0 != SeriesCatalog.none }
            case .logs: state.logs.catalog.slots(of: ids).map { $0 != SeriesCatalog.none }
            }
        }
    }

    /// Applies the entry at `index`; entries come in ascending order, those up to `durableIndex`
    /// are skipped. Errors: `newerFormat` when this binary is too old to go on. An entry that no
    /// version wrote is applied as nothing, on every replica, with a rejection that counts it.
    package func apply(index: UInt64, payload: [UInt8]) throws(StorageError) -> ApplyOutcome {
        let command: ShardCommand
        do {
            command = try ShardCommand(decoding: payload)
        } catch .corrupt(_, let what, _) {
            state.withLock { $0.appliedIndex = max($0.appliedIndex, index) }
            figures.corruptEntries.add(1)
            return .applied([.init(reason: "corrupt_entry", itemCount: 1, example: what)])
        }
        return state.withLock { apply(index: index, command, &$0) }
    }

    private func apply(
        index: UInt64, _ command: ShardCommand, _ state: inout State
    ) -> ApplyOutcome {
        guard index > state.appliedIndex || Mutant.isOn(.appliesTwice) else { return .duplicate }
        state.appliedIndex = index
        switch command {
        case .write(let batch): return write(batch, index, &state)
        case .seal(let time): freeze(at: time, index, deleting: nil, &state)
        case .compact(let signal, let inputs, let level, let dropBefore):
            queue(
                .compact(signal: signal, inputs: inputs, level: level, dropBefore: dropBefore),
                index, &state)
        case .expire(let signal, let before):
            queue(.expire(signal: signal, before: before), index, &state)
        case .deleteTenant(let tenant):
            state.metrics.delete(tenant)
            state.logs.delete(tenant)
            queue(.deleteTenant(tenant), index, &state)
        case .delete(let deletion, let time):
            if state.holdsInMemory(deletion) {
                freeze(at: time, index, deleting: deletion, &state)
            } else {
                queue(.delete(deletion), index, &state)
            }
        case .forgetDeletions(let through):
            queue(.forgetDeletions(through: through), index, &state)
        case .limit(let limits):
            state.metrics.limits = limits
            state.logs.limits = limits
        }
        return .applied([])
    }

    /// Takes the memtables out of the way, for a job to make segments of.
    private func freeze(
        at time: Timestamp, _ index: UInt64, deleting deletion: Deletion?, _ state: inout State
    ) {
        let (catalog, memtable) = state.metrics.seal(at: time)
        let lines = state.logs.seal(at: time)
        let frozen = FrozenState(
            index: index, previousIndex: state.lastSealIndex, catalog: catalog,
            memtable: memtable, lines: lines,
            checkpoint: Checkpoint(
                index: index, sources: state.sources, metrics: state.metrics,
                logs: state.logs))
        state.lastSealIndex = index
        state.lastSealTime = time
        state.frozen.append(frozen)
        state.pending.append((index, .seal(frozen, deleting: deletion)))
    }

    private func queue(_ work: StorageJob.Work, _ index: UInt64, _ state: inout State) {
        guard index > state.manifest.completedIndex else { return }
        state.pending.append((index, work))
    }

    private func write(
        _ batch: WriteBatch, _ index: UInt64, _ state: inout State
    ) -> ApplyOutcome {
        if let stamp = batch.stamp, state.sources.isRepeat(stamp) {
            figures.duplicates.add(1)
            return .duplicate
        }
        let found = state.metrics.find(batch)
        let unknown =
            batch.series.indices
            .filter { found[$0] == SlotMap.none && batch.series[$0].labels == nil }
            .map { batch.series[$0].id }
            + state.logs.unknown(in: batch)
        guard unknown.isEmpty else { return .unknownSeries(unknown) }
        var rejections = RejectionList()
        state.metrics.apply(batch, found: found, &rejections)
        state.logs.apply(batch, &rejections)
        if let stamp = batch.stamp { state.sources.note(stamp, index: index) }
        figures.note(batch, rejections.rejections)
        return .applied(rejections.rejections)
    }
}

extension Shard {
    /// The next job in the order of the log, or nil when there is none or one is out already.
    package func nextJob() -> StorageJob? {
        state.withLock { state in
            guard !state.isJobOut, let (index, work) = state.pending.first else { return nil }
            state.isJobOut = true
            return StorageJob(
                index: index, work: work, failureCount: state.failureCount,
                damageAttemptsMax: configuration.damageAttemptsMax,
                before: state.manifest, live: state.live, disk: disk,
                directory: directory)
        }
    }

    /// Installs what `job` made, or puts it back into the queue when its run failed. Errors of
    /// removing files that are no longer needed are counted, not thrown.
    package func finish(_ job: StorageJob) {
        _ = state.withLock { state -> Unlisted in
            precondition(state.isJobOut, "BUG: a job is finished twice")
            state.isJobOut = false
            guard let outcome = job.outcome else {
                state.failureCount += 1
                state.damaged.formUnion(job.suspects)
                return Unlisted()
            }
            state.failureCount = 0
            let manifest = outcome.manifest
            precondition(state.pending.first?.index == job.index, "BUG: jobs out of order")
            state.pending.removeFirst()
            state.manifest = manifest
            if case .seal(let frozen, _) = job.work {
                state.frozen.removeAll { $0.index == frozen.index }
            }
            let unlisted = list(manifest, &state)
            let names = Set(manifest.segments.map(\.name))
            state.damaged.formUnion(outcome.damaged)
            state.damaged.formIntersection(names)
            state.clean = state.clean.filter { names.contains($0.segment) }
            figures.damagedSegments.set(Double(state.damaged.count))
            return unlisted
        }
    }

    /// Runs all jobs that are due, here and now; how many.
    @discardableResult
    package func runJobs() throws(StorageError) -> Int {
        var count = 0
        while let job = nextJob() {
            defer { finish(job) }
            try job.run()
            count += 1
        }
        return count
    }

    /// What a crash between making a file and listing it left behind.
    private static func removeOrphans(
        _ manifest: Manifest, _ disk: any Disk, _ directory: DiskPath
    ) throws(StorageError) {
        var wanted: Set<String> = [Manifest.fileName, manifest.checkpoint.name]
        for segment in manifest.segments {
            wanted.insert(segment.data.name)
            wanted.insert(segment.index.name)
        }
        try onDisk { () throws(DiskError) in
            for entry in try disk.list(directory)
            where !entry.isDirectory && !wanted.contains(entry.name) {
                try disk.remove(directory / entry.name)
            }
        }
    }
}
