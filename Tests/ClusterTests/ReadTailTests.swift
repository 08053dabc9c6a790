import Model
import Platform
import Raft
import Simulator
import Storage
import Synchronization
import Testing

@testable import Cluster

/// Live tails see the lines of all shards, whoever holds them, once each.
struct ReadTailTests {
    /// What a follower saw.
    private final class Tail: Sendable {
        private let seen = Monitor<[ReadData.Line]>([])
        private let gaps = Monitor<[Timestamp]>([])
        private let subscription = Mutex<(any FollowSubscription)?>(nil)

        init(_ node: ReadNode) {
            let made = node.querier.follow(
                tenant: .standard, onGap: { [gaps] since in gaps.update { $0.append(since) } }
            ) { [seen] batch in
                seen.update { $0 += ReadData.rows(batch.streams, batch.lines) }
            }
            subscription.withLock { $0 = made }
        }

        func waits(for count: Int) -> [ReadData.Line]? {
            seen.wait(upToNanos: 20_000_000_000) { $0.count >= count ? $0 : nil }
        }

        func waitsForGap() -> Timestamp? {
            gaps.wait(upToNanos: 20_000_000_000) { $0.first }
        }

        var gapCount: Int { gaps.withLock { $0.count } }

        func ready() async { await subscription.withLock { $0 }?.ready() }

        func cancel() { subscription.withLock { $0?.cancel() } }
    }

    /// Counts the first parts of tails that leave nodes: from then on a stream misses nothing.
    private static func countOpenings(_ cluster: ReadCluster) -> Monitor<Int> {
        let count = Monitor(0)
        for node in cluster.nodes {
            node.beforePart.value = { _, frame in
                let isOpening = frame.parts[1][1] == ReadPart.Kind.opening.rawValue
                if isOpening { count.update { $0 += 1 } }
            }
        }
        return count
    }

    private static func lines(_ round: Int) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for number in 0..<24 {
            let labels = Labels([("app", "a\(number)")])
            var reference = SeriesReference(tenant: .standard, labels: labels)
            // Known after the first round, as the router leaves them out.
            if round > 0 { reference.labels = nil }
            batch.streams.append(reference)
            batch.lines.append(
                streamIndex: UInt32(number), timestamp: ReadData.epoch + Int64(round),
                line: Array("\(round)/\(number)".utf8)[...])
        }
        return batch
    }

    private static func check(_ seen: [ReadData.Line]?, _ rounds: Range<Int>) {
        var wanted: [String: [String]] = [:]
        for round in rounds {
            for number in 0..<24 { wanted["a\(number)", default: []].append("\(round)/\(number)") }
        }
        var found: [String: [String]] = [:]
        for line in seen ?? [] {
            found[line.labels?["app"] ?? "nothing", default: []].append(line.text)
        }
        #expect(found == wanted)
    }

    @Test func everyNodeSeesEveryLineOnceAndInOrder() throws {
        // Two shards have two replicas; node 4 has none.
        let cluster = try ReadCluster(
            4, holders: [[0], [1], [2], [0, 1], [1, 2], [2, 0]])
        defer { cluster.stop() }
        let openings = Self.countOpenings(cluster)
        try cluster.write(Self.lines(0))
        let tails = cluster.nodes.map { Tail($0) }
        let expected = cluster.nodes.reduce(0) { count, node in
            let view = node.querier.view()
            return count + ReadPlan(view).remote.count
        }
        #expect(openings.wait(upToNanos: 20_000_000_000) { $0 >= expected ? true : nil } == true)
        for round in 1..<6 { try cluster.write(Self.lines(round)) }
        for tail in tails { Self.check(tail.waits(for: 5 * 24), 1..<6) }
        for tail in tails { tail.cancel() }
        for node in cluster.nodes {
            #expect(node.becomesIdle())
            #expect(node.notices.withLock { $0 } == [])
        }
    }

    @Test func aTailGoesOnWithAnotherNodeAndSaysThatItMayLackLines() throws {
        let cluster = try ReadCluster(3, holders: Array(repeating: [1, 2], count: 6))
        defer { cluster.stop() }
        let openings = Self.countOpenings(cluster)
        try cluster.write(Self.lines(0))
        let tail = Tail(cluster.nodes[0])
        #expect(openings.wait(upToNanos: 20_000_000_000) { $0 == 2 ? true : nil } == true)
        try cluster.write(Self.lines(1))
        _ = tail.waits(for: 24)
        cluster.nodes[2].holdReads()
        cluster.nodes[1].cutOff()
        cluster.nodes[0].tails.tick()
        // Whoever read now would miss what comes in until the other node gives it.
        #expect(tail.gapCount == 0)
        cluster.nodes[2].answerReads()
        #expect(openings.wait(upToNanos: 20_000_000_000) { $0 == 3 ? true : nil } == true)
        try cluster.write(Self.lines(2))
        Self.check(tail.waits(for: 48), 1..<3)
        let notices = cluster.nodes[0].notices.withLock { $0 }
        #expect(
            notices == [
                "live tails may lack lines of shards 0, 2, 4 that node 2 was to send: "
                    + "it cannot be reached"
            ])
        #expect(tail.waitsForGap() != nil)
    }

    @Test func aTailIsReadyWhenAllIsGivenAndIsNotGivenWhatCouldBeReadBefore() async throws {
        let cluster = try ReadCluster(3, holders: Array(repeating: [1, 2], count: 6))
        defer { cluster.stop() }
        for node in cluster.nodes[1...] { node.holdReads() }
        try cluster.write(Self.lines(0))
        let tail = Tail(cluster.nodes[0])
        let isReady = Monitor(false)
        let waiting = Task {
            await tail.ready()
            isReady.update { $0 = true }
        }
        #expect(cluster.nodes[1].becomesBusy(1) && cluster.nodes[2].becomesBusy(1))
        try cluster.write(Self.lines(1))
        cluster.nodes[1].answerReads()
        #expect(!isReady.withLock { $0 })
        cluster.nodes[2].answerReads()
        await waiting.value
        try cluster.write(Self.lines(2))
        Self.check(tail.waits(for: 24), 2..<3)
        #expect(tail.gapCount == 0)
        // Everything is given already.
        let second = Tail(cluster.nodes[0])
        await second.ready()
        second.cancel()
        await second.ready()
        // Nor does anybody wait for a node that stops.
        cluster.nodes[0].tails.stop()
        let last = Tail(cluster.nodes[0])
        await last.ready()
    }

    @Test func whoFollowsAShardThatNobodyGivesIsReadyAfterAWhile() async {
        let time = ManualTime()
        let hub = FollowHub(time: time)
        hub.whenChanged {}
        let gaps = Monitor<[Timestamp]>([])
        let subscription = hub.follow(
            tenant: .standard, onGap: { since in gaps.update { $0.append(since) } }
        ) { _ in }
        let isReady = Monitor(false)
        let waiting = Task {
            await subscription.ready()
            isReady.update { $0 = true }
        }
        hub.isGiven([])
        hub.gap(sinceNanos: 1, tenants: [.standard])
        #expect(gaps.withLock { $0.isEmpty } && !isReady.withLock { $0 })
        time.advance(byNanos: 2_000_000_000)
        hub.isGiven([])
        await waiting.value
        hub.gap(sinceNanos: .max, tenants: [.standard])
        #expect(gaps.withLock { $0.count } == 1)
    }

    @Test func tailsHereAndElsewhereAreToldOfAnImageInPlaceOfAReplica() throws {
        let cluster = try ReadCluster(2, holders: Array(repeating: [0], count: 6))
        defer { cluster.stop() }
        let openings = Self.countOpenings(cluster)
        try cluster.write(Self.lines(0))
        let tails = [Tail(cluster.nodes[0]), Tail(cluster.nodes[1])]
        #expect(openings.wait(upToNanos: 20_000_000_000) { $0 == 1 ? true : nil } == true)
        let start = SystemTime().wallNanos()
        try cluster.write(Self.lines(1))
        for tail in tails { Self.check(tail.waits(for: 24), 1..<2) }
        cluster.nodes[0].hub.replaced(shard: 2)
        let local = try #require(tails[0].waitsForGap())
        let told = cluster.nodes[1].notices.wait(upToNanos: 20_000_000_000) { $0.first }
        #expect(told?.hasSuffix("took the place of a replica there") == true)
        #expect(tails[1].gapCount == 0)
        cluster.nodes[1].tails.tick()
        let remote = try #require(tails[1].waitsForGap())
        for since in [local, remote] {
            #expect(abs(since.nanos - start) < 60_000_000_000)
        }
        #expect(cluster.nodes[1].notices.withLock { $0.count } == 1)
    }

    @Test func aGapBeginsWithTheLastEntryThatWasShown() throws {
        func entry(_ shard: Int, at nanos: Int64) -> FollowedEntry {
            var batch = WriteBatch(tenant: .standard)
            batch.streams = [SeriesReference(tenant: .standard, labels: .empty)]
            batch.lines.append(streamIndex: 0, timestamp: nanos, line: Array("a".utf8)[...])
            return FollowedEntry(shard: shard, index: 7, batch: batch)
        }
        let time = ManualTime(wallNanos: 1_000)
        let hub = FollowHub(time: time)
        let gaps = Mutex<[Int64]>([])
        let note: @Sendable (Timestamp) -> Void = { since in
            gaps.withLock { $0.append(since.nanos) }
        }
        let early = hub.follow(tenant: .standard, onGap: note) { _ in }
        time.advance(byNanos: 1_000)
        // Applied late; the other is of the future.
        hub.applied(entry(3, at: 1_500))
        hub.applied(entry(4, at: 9_000))
        let late = hub.follow(tenant: .standard, onGap: note) { _ in }
        let stream = hub.stream(tenant: .standard, shards: [3, 4], onGap: note) { _ in }
        hub.replaced(shard: 3)
        #expect(gaps.withLock { $0.sorted() } == [1_500, 2_000, 2_000])
        gaps.withLock { $0 = [] }
        hub.replaced(shard: 4)
        #expect(gaps.withLock { $0 } == [2_000, 2_000, 2_000])
        gaps.withLock { $0 = [] }
        // Of another shard nothing was seen; the stream has nothing of it.
        hub.replaced(shard: 5)
        #expect(gaps.withLock { $0.sorted() } == [1_000, 2_000])
        for subscription in [early, late, stream] { subscription.cancel() }
        hub.replaced(shard: 3)
        #expect(gaps.withLock { $0.count } == 2)
    }

    @Test func entriesThatComeTwiceAreSeenOnce() {
        let hub = FollowHub()
        let texts = Mutex<[String]>([])
        let subscription = hub.follow(tenant: .standard, onGap: { _ in }) { batch in
            texts.withLock { $0.append(String(decoding: batch.lines.bytes, as: UTF8.self)) }
        }
        func entry(_ shard: Int, _ index: UInt64) -> FollowedEntry {
            var batch = WriteBatch(tenant: .standard)
            batch.streams = [SeriesReference(tenant: .standard, labels: .empty)]
            batch.lines.append(
                streamIndex: 0, timestamp: 0, line: Array("\(shard)/\(index)".utf8)[...])
            return FollowedEntry(shard: shard, index: index, batch: batch)
        }
        hub.applied(entry(1, 5))
        hub.relay(entry(1, 5))
        hub.relay(entry(2, 5))
        hub.relay(entry(1, 6))
        hub.applied(entry(1, 6))
        hub.applied(entry(2, 9))
        #expect(texts.withLock { $0 } == ["1/5", "2/5", "1/6", "2/9"])
        subscription.cancel()
        #expect(!hub.isFollowed)
        // Who comes again soon is not given again what was given, but what came in between.
        let again = hub.follow(tenant: .standard, onGap: { _ in }) { batch in
            texts.withLock { $0.append(String(decoding: batch.lines.bytes, as: UTF8.self)) }
        }
        hub.relay(entry(2, 9))
        hub.relay(entry(2, 12))
        hub.relay(entry(2, 10))
        hub.applied(entry(2, 12))
        hub.applied(entry(2, 10))
        #expect(texts.withLock { $0.suffix(2) } == ["2/12", "2/10"])
        again.cancel()
    }

    @Test func entriesAreRememberedUpToABound() {
        var seen = SeenEntries()
        let count = UInt64(SeenEntries.countMax)
        func taken(_ indexes: [UInt64]) -> [Bool] { indexes.map { seen.take($0) } }
        #expect(!taken(Array(stride(from: 2, through: 2 * count, by: 2))).contains(false))
        // With one more the older half is forgotten: who is that far behind gives nothing new.
        #expect(taken([3, 3, 4, 5]) == [true, false, false, false])
        #expect(taken([2 * count - 1, 2 * count, 2 * count + 1]) == [true, false, true])
    }

    @Test func whatAShardRefusedIsNotShown() throws {
        let world = Node.Surroundings(
            disk: SimulatedDisk(seed: 1), time: ManualTime(), timers: ManualTime(),
            random: SeededRandom(seed: 1), telemetry: Telemetry(), onFatal: { _ in })
        var configuration = NodeConfiguration()
        configuration.shard.limits.streamsMax = 2
        let replica = try ShardReplica.open(0, configuration, world)
        let payload = ShardCommand.write(Self.lines(0)).encoded()
        let outcome = try replica.apply(index: 1, payload: payload)
        let entry = try #require(
            FollowedEntry(replica, index: 1, payload: payload, outcome))
        #expect(
            ReadData.rows(entry.batch.streams, entry.batch.lines).map(\.text) == ["0/0", "0/1"])
        let again = try replica.apply(index: 1, payload: payload)
        #expect(
            FollowedEntry(replica, index: 1, payload: payload, again).map(\.index) == nil)
    }
}
