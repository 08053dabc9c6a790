internal import Model
internal import Platform
internal import Storage
internal import Synchronization

/// Who follows what is being written: `varve logs -f`, the tail API, and other nodes on behalf of
/// theirs. Lines are offered after they were applied, so whoever sees them here also finds them in
/// a query.
///
/// On a node with peers, entries come from the replicas here and from other nodes; the place of an
/// entry in its shard's log keeps what comes twice from being seen twice. Entries that do not come
/// at all, because an image holds them or a stream ended, are a gap: followers are told since when.
///
/// A new follower is not ready before everything is given that it follows, or it has waited long
/// enough: it reads what is there then, so that it need not be told of a gap until it is.
final class FollowHub: Sendable {
    typealias Body = @Sendable (WriteBatch) -> Void
    typealias OnGap = @Sendable (Timestamp) -> Void

    private struct Follower {
        let number: Int
        let tenant: Tenant
        let sinceNanos: Int64
        /// Until when it is ready at the latest; monotonic.
        let dueNanos: Int64
        var isReady: Bool
        var waiting: [CheckedContinuation<Void, Never>] = []
        let onGap: OnGap
        let body: Body
    }

    /// Another node, and the shards that it wants from here.
    private struct Stream {
        let number: Int
        let tenant: Tenant
        let shards: Set<Int>
        let body: @Sendable (FollowedEntry) -> Void
        /// What the stream does not bring is known elsewhere: it must begin anew.
        let onGap: OnGap
        let sinceNanos: Int64
    }

    private struct Place: Hashable {
        let tenant: Tenant
        let shard: Int
    }

    private struct Followers {
        var nextNumber = 0
        var followers: [Follower] = []
        var streams: [Stream] = []
        /// The entries that followers here were given.
        var seen: [Place: SeenEntries] = [:]
        /// Since when nobody follows a tenant that has been followed; monotonic.
        var left: [Tenant: Int64] = [:]
        /// Of when the last lines of a shard are that were applied here while somebody followed, by
        /// their own times and no later than they were applied: a replica that is behind applies
        /// late.
        var appliedNanos: [Int: Int64] = [:]
        var onChange: (@Sendable () -> Void)?

        mutating func take() -> Int {
            nextNumber += 1
            return nextNumber
        }

        /// Whoever comes again soon is not given again what it has seen.
        mutating func forgetSeen(nowNanos: Int64) {
            let tenants = Set(followers.map(\.tenant))
            let all = Set(seen.keys.map(\.tenant))
            left = left.filter { all.contains($0.key) && !tenants.contains($0.key) }
            for tenant in all where !tenants.contains(tenant) && left[tenant] == nil {
                left[tenant] = nowNanos
            }
            let forgotten = left.filter { nowNanos - $0.value > FollowHub.rememberNanos }
            guard !forgotten.isEmpty else { return }
            seen = seen.filter { forgotten[$0.key.tenant] == nil }
        }
    }

    private static let rememberNanos: Int64 = 300_000_000_000
    /// A new follower waits so long for those who are to give it lines.
    private static let readyNanosMax: Int64 = 2_000_000_000

    private let followers = Mutex(Followers())
    /// Read before every offer: nobody follows most of the time.
    private let count = Atomic<Int>(0)
    private let time: any TimeSource

    init(time: any TimeSource = SystemTime()) { self.time = time }

    var isFollowed: Bool { count.load(ordering: .relaxed) > 0 }

    /// Of the followers here.
    var tenants: Set<Tenant> { followers.withLock { Set($0.followers.map(\.tenant)) } }

    /// Called when somebody here begins or ends to follow.
    func whenChanged(_ body: @escaping @Sendable () -> Void) {
        followers.withLock { $0.onChange = body }
    }

    func follow(
        tenant: Tenant, onGap: @escaping OnGap, _ body: @escaping Body
    ) -> any FollowSubscription {
        let now = time.wallNanos()
        let due = time.monotonicNanos() + Self.readyNanosMax
        count.add(1, ordering: .relaxed)
        let (number, onChange) = followers.withLock { followers in
            let number = followers.take()
            followers.followers.append(
                Follower(
                    number: number, tenant: tenant, sinceNanos: now, dueNanos: due,
                    isReady: followers.onChange == nil, onGap: onGap, body: body))
            return (number, followers.onChange)
        }
        onChange?()
        return Subscription(hub: self, number: number)
    }

    /// For another node: what is applied here of some shards, entry by entry. `onGap`: something of
    /// them will not come.
    func stream(
        tenant: Tenant, shards: Set<Int>, onGap: @escaping OnGap,
        _ body: @escaping @Sendable (FollowedEntry) -> Void
    ) -> any FollowSubscription {
        let now = time.wallNanos()
        count.add(1, ordering: .relaxed)
        let number = followers.withLock { followers in
            let number = followers.take()
            followers.streams.append(
                Stream(
                    number: number, tenant: tenant, shards: shards, body: body, onGap: onGap,
                    sinceNanos: now))
            return number
        }
        return Subscription(hub: self, number: number)
    }

    /// A batch that was applied, on a node that has all shards; lines only.
    func offer(_ batch: WriteBatch) {
        guard isFollowed, !batch.lines.isEmpty else { return }
        let all = followers.withLock { $0.followers }
        for follower in all where follower.tenant == batch.tenant { follower.body(batch) }
    }

    /// An image takes the place of the shard's replica here, with entries that were not applied
    /// here and will not be.
    func replaced(shard: Int) {
        guard isFollowed else { return }
        let (streams, last) = followers.withLock { ($0.streams, $0.appliedNanos[shard]) }
        for stream in streams where stream.shards.contains(shard) {
            stream.onGap(
                Timestamp(nanos: max(last ?? stream.sinceNanos, stream.sinceNanos)))
        }
        gap(sinceNanos: last, tenants: tenants)
    }

    /// Everything that followers of these tenants follow is given from now on; those of others are
    /// ready when they have waited long enough.
    func isGiven(_ tenants: Set<Tenant>) {
        let now = time.monotonicNanos()
        let waiting = followers.withLock { state in
            var waiting: [CheckedContinuation<Void, Never>] = []
            for index in state.followers.indices where !state.followers[index].isReady {
                let follower = state.followers[index]
                guard tenants.contains(follower.tenant) || now >= follower.dueNanos else {
                    continue
                }
                waiting += follower.waiting
                state.followers[index].waiting = []
                state.followers[index].isReady = true
            }
            return waiting
        }
        for one in waiting { one.resume() }
    }

    /// Entries that another node was to send did not come, from `sinceNanos` on or, nil, from the
    /// beginning of what is followed.
    func gap(sinceNanos: Int64?, tenants: Set<Tenant>) {
        gapToTell(sinceNanos: sinceNanos, tenants: tenants)?()
    }

    /// The same to those who are ready now, when what is returned is called, without the caller's
    /// locks; nil when there are none.
    func gapToTell(sinceNanos: Int64?, tenants: Set<Tenant>) -> (() -> Void)? {
        let followers = followers.withLock { $0.followers }
        let told = followers.filter { $0.isReady && tenants.contains($0.tenant) }
        guard !told.isEmpty else { return nil }
        return {
            for follower in told {
                let since = max(sinceNanos ?? follower.sinceNanos, follower.sinceNanos)
                follower.onGap(Timestamp(nanos: since))
            }
        }
    }

    /// An entry that was applied here.
    func applied(_ entry: FollowedEntry) {
        let newest = min(entry.batch.lines.timestamps.max() ?? .max, time.wallNanos())
        let streams = followers.withLock { followers in
            followers.appliedNanos[entry.shard] = newest
            return followers.streams
        }
        for stream in streams
        where stream.tenant == entry.batch.tenant && stream.shards.contains(entry.shard) {
            stream.body(entry)
        }
        relay(entry)
    }

    /// An entry that was applied on another node.
    func relay(_ entry: FollowedEntry) {
        let tenant = entry.batch.tenant
        let bodies = followers.withLock { followers -> [Body] in
            let bodies = followers.followers.filter { $0.tenant == tenant }.map(\.body)
            let place = Place(tenant: tenant, shard: entry.shard)
            guard !bodies.isEmpty, followers.seen[place, default: SeenEntries()].take(entry.index)
            else { return [] }
            return bodies
        }
        for body in bodies { body(entry.batch) }
    }

    fileprivate func ready(_ number: Int) async {
        await withCheckedContinuation { continuation in
            let isWaiting = followers.withLock { state in
                guard let index = state.followers.firstIndex(where: { $0.number == number }),
                    !state.followers[index].isReady
                else { return false }
                state.followers[index].waiting.append(continuation)
                return true
            }
            if !isWaiting { continuation.resume() }
        }
    }

    fileprivate func remove(_ number: Int) {
        let now = time.monotonicNanos()
        let (removed, waiting, onChange) = followers.withLock { followers in
            let before = followers.followers.count + followers.streams.count
            let waiting = followers.followers.first { $0.number == number }?.waiting ?? []
            followers.followers.removeAll { $0.number == number }
            followers.streams.removeAll { $0.number == number }
            followers.forgetSeen(nowNanos: now)
            if followers.followers.isEmpty, followers.streams.isEmpty {
                followers.appliedNanos = [:]
            }
            let removed = before - followers.followers.count - followers.streams.count
            return (removed, waiting, followers.onChange)
        }
        for one in waiting { one.resume() }
        count.subtract(removed, ordering: .relaxed)
        if removed > 0 { onChange?() }
    }

    private final class Subscription: FollowSubscription {
        let hub: FollowHub
        let number: Int

        init(hub: FollowHub, number: Int) {
            self.hub = hub
            self.number = number
        }

        deinit { cancel() }

        func ready() async { await hub.ready(number) }

        func cancel() { hub.remove(number) }
    }
}

extension FollowedEntry {
    /// The lines of an entry that a replica has just applied, with the labels of all their
    /// streams; nil when there are none. What the shard refused is left out.
    init?(_ replica: ShardReplica, index: UInt64, payload: [UInt8], _ outcome: ApplyOutcome) {
        guard case .applied = outcome else { return nil }
        let batch: WriteBatch
        do {
            guard case .write(let written) = try ShardCommand(decoding: payload) else {
                return nil
            }
            batch = written
        } catch {
            // Applied as nothing, and counted there.
            return nil
        }
        guard !batch.lines.isEmpty else { return nil }
        let known = replica.shard.labels(
            of: batch.streams.map(\.id), tenant: batch.tenant, signal: .logs)
        var lines = WriteBatch(tenant: batch.tenant)
        var isRefused = false
        lines.streams = zip(batch.streams, known).map { reference, labels in
            if labels == nil || (reference.labels ?? labels) != labels { isRefused = true }
            return SeriesReference(id: reference.id, labels: labels)
        }
        lines.lines = batch.lines
        if isRefused { lines.keepLines(of: zip(batch.streams, lines.streams).map(Self.isTaken)) }
        guard !lines.lines.isEmpty else { return nil }
        self.init(shard: replica.number, index: index, batch: lines)
    }

    private static func isTaken(_ sent: SeriesReference, _ known: SeriesReference) -> Bool {
        known.labels != nil && (sent.labels ?? known.labels) == known.labels
    }
}

extension WriteBatch {
    /// Drops streams and the lines of them.
    fileprivate mutating func keepLines(of isKept: [Bool]) {
        var kept = LineColumns()
        var places: [UInt32] = []
        var streams: [SeriesReference] = []
        for (place, stream) in self.streams.enumerated() {
            places.append(UInt32(streams.count))
            if isKept[place] { streams.append(stream) }
        }
        for row in 0..<lines.count where isKept[Int(lines.streamIndexes[row])] {
            kept.append(
                row..<row + 1, of: lines, streamIndex: places[Int(lines.streamIndexes[row])])
        }
        lines = kept
        self.streams = streams
    }
}
