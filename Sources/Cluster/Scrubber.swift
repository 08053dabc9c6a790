internal import Platform
internal import Raft
internal import Storage
internal import Synchronization

/// Reads what is sealed on this node again and again, slowly, and has repaired what can not be read any
/// more: all of it once a week; at once what a compaction found damaged, what a query could not read, and
/// what came to a peer damaged. A checkpoint is made anew by the next seal, which is asked for then.
final class Scrubber: Sendable {
    private static let cycleNanos: Int64 = 7 * 86_400_000_000_000
    /// Between two segments at least, however many there are.
    private static let pauseNanosMin: Int64 = 1_000_000_000
    /// What could not be repaired is tried again after so long, then after twice as long, up to the
    /// second: whoever has the segment may be away for a moment, or have merged it away. After so many
    /// failures, up to the third: a segment that nobody has whole any more would be fetched all day.
    private static let retryNanos: Int64 = 1_000_000_000
    private static let retryNanosMax: Int64 = 2_000_000_000
    private static let quickFailuresMax = 10
    private static let laterNanosMax: Int64 = 60_000_000_000
    /// What is suspected again and again, and sound, is not read more often.
    private static let lookNanosMin: Int64 = 60_000_000_000
    /// A repair of which nothing was heard for so long is begun again.
    private static let repairNanosMax: Int64 = 120_000_000_000

    private struct State {
        /// Where it stands: shard and name of the last part read.
        var last: (shard: Int, name: String) = (-1, "")
        var nextNanos: Int64 = 0
        /// Under repair, or not to be tried before; by name.
        var waiting: [String: Wait] = [:]
        /// When suspects were looked at, by shard and name.
        var looked: [String: Int64] = [:]
    }

    private struct Wait {
        let shard: Int
        var untilNanos: Int64
        /// After the next failure.
        var pauseNanos: Int64
        var failureCount = 0
    }

    private let shards: ShardTable
    private let disk: any Disk
    private let time: any TimeSource
    /// Nil on a node without peers: damage is counted and told.
    private let repair: SegmentRepair?
    /// Puts another replica's image in place of the one here.
    private let rebuild: (@Sendable (GroupID, _ attempt: Int) -> Void)?
    /// Has a shard sealed soon, whoever leads it.
    private let sealSoon: @Sendable (Int) -> Void
    private let note: @Sendable (String) -> Void
    private let damaged: Counter
    private let read: Counter
    private let state = Mutex(State())

    init(
        shards: ShardTable, repair: SegmentRepair?,
        rebuild: (@Sendable (GroupID, _ attempt: Int) -> Void)?,
        sealSoon: @escaping @Sendable (Int) -> Void, world: Node.Surroundings
    ) {
        self.sealSoon = sealSoon
        self.rebuild = rebuild
        self.shards = shards
        self.repair = repair
        disk = world.disk
        time = world.time
        note = world.onNotice
        damaged = world.telemetry.counter(
            "varve_scrub_damaged_segments_total",
            help: "Segments and checkpoints found damaged.")
        read = world.telemetry.counter(
            "varve_scrub_segments_total",
            help: "Segments and checkpoints read to see whether they are sound.")
    }

    /// Reads what is suspected, and the next part when it is its time. From a thread that may wait for
    /// disks.
    func round() {
        let now = time.monotonicNanos()
        for (replica, part) in suspects(now) { check(part, of: replica, now) }
        for (replica, segment) in known { heal(segment, of: replica, now) }
        guard state.withLock({ $0.nextNanos <= now }) else { return }
        let all = shards.hosted.flatMap { replica in
            replica.shard.parts.map { (replica, $0) }
        }
        let last = state.withLock { $0.last }
        let next =
            all.first { ($0.0.number, $0.1.name) > (last.shard, last.name) } ?? all.first
        state.withLock { state in
            state.nextNanos =
                now + max(Scrubber.cycleNanos / Int64(max(all.count, 1)), Scrubber.pauseNanosMin)
            if let next { state.last = (next.0.number, next.1.name) }
        }
        if let (replica, part) = next { check(part, of: replica, now) }
    }

    /// Reads everything now. From a thread that may wait for disks.
    func readAll() {
        for replica in shards.hosted {
            for part in replica.shard.parts { check(part, of: replica, time.monotonicNanos()) }
        }
    }

    /// What others suspect, unless it is known to be damaged, or was sound a moment ago.
    private func suspects(_ now: Int64) -> [(ShardReplica, ShardPart)] {
        let suspects = shards.hosted.flatMap { replica in
            replica.shard.takeSuspects().map { (replica, $0) }
        }
        guard !suspects.isEmpty else { return [] }
        return state.withLock { state in
            state.looked = state.looked.filter { now - $0.value < Scrubber.lookNanosMin }
            return suspects.filter { replica, part in
                let place = "\(replica.number) \(part.name)"
                return state.waiting[part.name] == nil
                    && state.looked.updateValue(now, forKey: place) == nil
            }
        }
    }

    private func check(_ part: ShardPart, of replica: ShardReplica, _ now: Int64) {
        read.add()
        var trouble: StorageError?
        do throws(StorageError) {
            try StorageInspection.verify(disk: disk, directory: replica.directory, part: part)
        } catch { trouble = error }
        switch part {
        case .checkpoint(let file):
            // The next seal takes it away.
            guard let trouble, replica.shard.manifest.checkpoint == file else { return }
            note("shard \(replica.number): \(file.name) is damaged: \(trouble)")
            damaged.add()
            sealSoon(replica.number)
        case .segment(let segment):
            // A compaction may have taken it meanwhile.
            guard replica.shard.manifest.segments.contains(segment) else { return }
            replica.shard.note(segment, isDamaged: trouble != nil)
            guard let trouble else { return }
            note("shard \(replica.number): \(segment.name) is damaged: \(trouble)")
            heal(segment, of: replica, now)
        }
    }

    /// Segments that somebody else found damaged, and those that could not be repaired so far.
    private var known: [(ShardReplica, SegmentRecord)] {
        let waiting = state.withLock { $0.waiting.mapValues(\.shard) }
        let shardsWaiting = Set(waiting.values)
        let known = shards.hosted.flatMap { replica in
            var segments = replica.shard.damagedSegments
            if shardsWaiting.contains(replica.number) {
                segments += replica.shard.manifest.segments.filter {
                    waiting[$0.name] == replica.number && !segments.contains($0)
                }
            }
            return segments.map { (replica, $0) }
        }
        let names = Set(known.map(\.1.name))
        state.withLock { state in
            // Merged away, or in an image's place.
            for name in waiting.keys where !names.contains(name) { state.waiting[name] = nil }
        }
        return known
    }

    private func heal(_ segment: SegmentRecord, of replica: ShardReplica, _ now: Int64) {
        let attempt = state.withLock { state -> Int? in
            if state.waiting[segment.name] == nil { damaged.add() }
            var wait =
                state.waiting[segment.name]
                ?? Wait(
                    shard: replica.number, untilNanos: now, pauseNanos: Scrubber.retryNanos)
            guard wait.untilNanos <= now else { return nil }
            wait.untilNanos = now + Scrubber.repairNanosMax
            state.waiting[segment.name] = wait
            return wait.failureCount
        }
        guard let attempt else { return }
        repair?.repair(segment, of: replica, attempt: attempt) { [self] outcome in
            if case .sound = outcome { return state.withLock { $0.waiting[segment.name] = nil } }
            state.withLock { state in
                guard var wait = state.waiting[segment.name] else { return }
                wait.untilNanos = time.monotonicNanos() + wait.pauseNanos
                wait.failureCount += 1
                wait.pauseNanos = min(
                    2 * wait.pauseNanos,
                    wait.failureCount <= Scrubber.quickFailuresMax
                        ? Scrubber.retryNanosMax : Scrubber.laterNanosMax)
                state.waiting[segment.name] = wait
            }
            // Others have merged it away: what they have now takes the place of all there is.
            if case .lacking = outcome, replica.shard.manifest.segments.contains(segment) {
                rebuild?(replica.group, attempt)
            }
        }
    }
}
