package import Model
internal import Synchronization

/// What a leader looks at to decide when to seal, compact and expire. The decisions are commands
/// in the log; deciding changes nothing here, so a wrong guess costs time, never data.
extension Shard {
    /// Size and end of one segment, for retention by bytes.
    package struct SegmentSize: Sendable, Hashable {
        package var end: Timestamp
        /// Data and index.
        package var byteCount: Int
    }

    /// Whether an entry ordered a job that is not out yet.
    package var hasPendingJob: Bool {
        state.withLock { !$0.isJobOut && !$0.pending.isEmpty }
    }

    /// Whether a seal was ordered whose job is not done.
    package var isSealing: Bool { state.withLock { !$0.frozen.isEmpty } }

    /// Bytes in the active memtables, which a seal would turn into segments.
    package var unsealedBytes: Int {
        state.withLock { state in
            state.metrics.memtable.byteCount * (state.metrics.memtable.isEmpty ? 0 : 1)
                + state.logs.memtable.byteCount
        }
    }

    /// Bytes of all there is, sealed or not: what another replica would copy.
    package var storedBytes: Int {
        state.withLock { state in
            state.manifest.segments.reduce(
                state.metrics.memtable.byteCount + state.logs.memtable.byteCount
            ) { $0 + $1.data.byteCount + $1.index.byteCount }
        }
    }

    /// Whether a seal is due by size or age. `now`: the leader's clock; `ageNanos`: the age, that
    /// of the configuration when nil.
    package func wantsSeal(now: Timestamp, ageNanos: Int64? = nil) -> Bool {
        state.withLock { state in
            guard state.frozen.count < StorageLimits.frozenMemtablesMax else { return false }
            let lines = state.logs.memtable
            let metrics = state.metrics.memtable
            guard !metrics.isEmpty || !lines.isEmpty else { return false }
            if metrics.byteCount + lines.byteCount >= configuration.sealBytes { return true }
            guard let last = state.lastSealTime else { return false }
            return now.nanos &- last.nanos >= ageNanos ?? configuration.sealAgeNanos
        }
    }

    /// Sets the clock from which the age of the first seal counts; once, at start.
    package func beginSealClock(now: Timestamp) {
        state.withLock { if $0.lastSealTime == nil { $0.lastSealTime = now } }
    }

    /// Segments of all kinds.
    package var segmentSizes: [SegmentSize] {
        state.withLock { state in
            state.manifest.segments.map {
                SegmentSize(end: $0.end, byteCount: $0.data.byteCount + $0.index.byteCount)
            }
        }
    }

    /// Whether an expiry with this cut would drop something.
    package func holdsSegments(of signal: SignalKind, endingBefore cut: Timestamp) -> Bool {
        state.withLock { state in
            state.manifest.segments.contains { $0.signal == signal && $0.end < cut }
        }
    }

    /// What was deleted and may still be in segments.
    package var deletionCount: Int { state.withLock { $0.manifest.tombstones.count } }

    /// Those of them that say what; oldest first.
    package var deletions: [Deletion] {
        state.withLock { $0.manifest.tombstones.compactMap(\.deletion) }
    }

    /// What frees the space of what was deleted: a segment that holds some of it is written again
    /// without; when there is none, the deletions are forgotten. Nil when nothing is to be done.
    /// Reads indexes.
    package func proposeCleaning(dropBefore: Timestamp) -> ShardCommand? {
        let (manifest, live, damaged, clean, isBusy) = state.withLock { state in
            (
                state.manifest, state.live, state.damaged, state.clean,
                state.isJobOut || !state.pending.isEmpty
            )
        }
        guard !isBusy, let newest = manifest.tombstones.last else { return nil }
        var isUnknown = false
        for segment in manifest.segments {
            for tombstone in manifest.tombstones where tombstone.hides(in: segment) {
                let place = CleanPlace(segment: segment.name, deletion: tombstone.index)
                if clean.contains(place) { continue }
                do throws(StorageError) {
                    guard let index = try live[segment.name]?.index(),
                        try !index.select(
                            tenant: tombstone.tenant,
                            selector: tombstone.deletion?.selector ?? .everything
                        ).isEmpty
                    else {
                        state.withLock { _ = $0.clean.insert(place) }
                        continue
                    }
                } catch {
                    isUnknown = true
                    continue
                }
                if damaged.contains(segment.name) {
                    isUnknown = true
                    continue
                }
                return .compact(
                    signal: segment.signal, inputs: [segment.name], level: segment.level,
                    dropBefore: dropBefore)
            }
        }
        // What is not sealed yet may be older than a deletion, but holds nothing of it.
        return isUnknown ? nil : .forgetDeletions(through: newest.index)
    }

    /// The next merge that pays, or nil. `isForced`: sealed segments are merged however few they
    /// are. `dropBefore`: what is older is left out on the way.
    package func proposeCompaction(dropBefore: Timestamp, isForced: Bool) -> ShardCommand? {
        let (segments, damaged, isBusy) = state.withLock { state in
            (state.manifest.segments, state.damaged, state.isJobOut || !state.pending.isEmpty)
        }
        guard !isBusy else { return nil }
        for signal in [SignalKind.metrics, .logs] {
            let plan = CompactionPlan(
                segments: segments.filter { $0.signal == signal }, damaged: damaged,
                dropBefore: dropBefore, isForced: isForced,
                inputBytesMax: signal == .logs
                    ? StorageLimits.logCompactionBytesMax : StorageLimits.compactionBytesMax)
            if let (inputs, level) = plan.next {
                return .compact(
                    signal: signal, inputs: inputs, level: level, dropBefore: dropBefore)
            }
        }
        return nil
    }
}

/// A segment that holds nothing of what an entry deleted.
struct CleanPlace: Sendable, Hashable {
    var segment: String
    /// Of the entry.
    var deletion: UInt64
}

/// Which neighbours to merge. Levels: 0 sealed, 1 about a day, 2 as large as they may get.
struct CompactionPlan {
    /// Neighbours of one level that are merged into one of the next.
    static let fanIn = 8
    static let levelMax: UInt8 = 2
    /// Of one kind, oldest write first.
    let segments: [SegmentRecord]
    /// Names of those that can not be merged: neighbours around them are not neighbours.
    let damaged: Set<String>
    let dropBefore: Timestamp
    let isForced: Bool
    /// Of the inputs together, data and index.
    let inputBytesMax: Int

    /// Names of neighbours and the level of their merger.
    var next: (inputs: [String], level: UInt8)? {
        for level in 0..<CompactionPlan.levelMax {
            let least = isForced && level == 0 ? 1 : CompactionPlan.fanIn
            if let run = run(of: level, atLeast: least) {
                return (run.map(\.name), level + 1)
            }
        }
        return expiring
    }

    /// The first neighbours of `level`, as many as fit.
    private func run(of level: UInt8, atLeast least: Int) -> [SegmentRecord]? {
        var run: [SegmentRecord] = []
        var byteCount = 0
        for segment in segments {
            let size = segment.data.byteCount + segment.index.byteCount
            let fits =
                run.count < StorageLimits.compactionInputsMax
                && byteCount + size <= inputBytesMax
            let isWanted = segment.level == level && !damaged.contains(segment.name)
            if isWanted, fits || run.isEmpty {
                run.append(segment)
                byteCount += size
            } else if run.count >= least {
                return run
            } else {
                run = isWanted ? [segment] : []
                byteCount = run.isEmpty ? 0 : size
            }
        }
        return run.count >= least ? run : nil
    }

    /// A segment most of whose time is past its retention is written again without that part.
    private var expiring: (inputs: [String], level: UInt8)? {
        guard dropBefore > .distantPast else { return nil }
        let found = segments.first { segment in
            let middle = segment.start.nanos / 2 + segment.end.nanos / 2
            return segment.start < dropBefore && middle < dropBefore.nanos
                && segment.end >= dropBefore && !damaged.contains(segment.name)
        }
        return found.map { ([$0.name], $0.level) }
    }
}
