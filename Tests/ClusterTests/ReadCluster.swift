import Encoding
import Model
import Platform
import Raft
import Simulator
import Storage
import Synchronization

@testable import Cluster

/// Some nodes of a cluster as far as reading goes: replicas that the test writes, and a transport
/// in memory that delivers on a thread per node.
final class ReadCluster: Sendable {
    static let shardCount = 6

    let nodes: [ReadNode]
    /// A node of one with all there is.
    let whole: ReadNode
    private let indexes = Mutex<[Int: UInt64]>([:])

    /// `holders`: the nodes that hold each shard, by number from 0.
    init(_ nodeCount: Int, holders: [[Int]]) throws {
        var state = ClusterState()
        state.clusterID = 7
        state.shardCount = ReadCluster.shardCount
        for number in 1...nodeCount {
            let node = NodeID(UInt64(number))
            state.members[node] = Member(
                id: node,
                Newcomer(
                    name: "n\(number)", zone: nil, address: "h:1", httpAddress: "h:2",
                    featureLevel: 1, token: 1))
        }
        for (shard, nodes) in holders.enumerated() {
            state.assignments[ShardGroup.group(of: shard)] = nodes.map { NodeID(UInt64($0 + 1)) }
        }
        var all: [ReadNode] = []
        for number in 0..<nodeCount {
            all.append(
                try ReadNode(
                    number + 1, state,
                    shards: holders.indices.filter { holders[$0].contains(number) }))
        }
        nodes = all
        whole = try ReadNode(99, ClusterState(), shards: Array(holders.indices))
        for node in all { node.connect(all) }
    }

    /// Applies the batch wherever its shards are.
    func write(_ batch: WriteBatch) throws {
        for (shard, part) in BatchSplitter(shardCount: ReadCluster.shardCount).split(batch) {
            try apply(shard, .write(part))
        }
    }

    func seal(at time: Timestamp) throws {
        for shard in 0..<ReadCluster.shardCount { try apply(shard, .seal(at: time)) }
        for node in nodes + [whole] {
            for replica in node.shards.hosted { _ = try replica.runJobs() }
        }
    }

    private func apply(_ shard: Int, _ command: ShardCommand) throws {
        let index = indexes.withLock { indexes in
            indexes[shard, default: 0] += 1
            return indexes[shard, default: 0]
        }
        let payload = command.encoded()
        for node in nodes + [whole] { try node.apply(shard, index, payload) }
    }

    func stop() { for node in nodes { node.stop() } }
}

/// A function behind a lock.
final class Held<Function: Sendable>: Sendable {
    private struct Box {
        var function: Function
    }

    private let box = Mutex<Box?>(nil)

    var value: Function? {
        get { box.withLock { $0 }?.function }
        set { box.withLock { $0 = newValue.map { Box(function: $0) } } }
    }
}

/// One node of a `ReadCluster`.
final class ReadNode: Sendable {
    let id: NodeID
    let shards: ShardTable
    let hub = FollowHub()
    let calls: PeerCalls
    let tails: RemoteTails
    let notices = Monitor<[String]>([])
    let querier: ClusterQuerier
    private let links: PeerLinks
    private let remote: RemoteReading
    private let transport: ReadTransport
    /// Questions that answer in parts, by asker and number.
    private let open = Monitor<[[UInt64]: PeerQuestion]>([:])
    private let askedCount = Atomic<Int>(0)
    /// What its barrier asks while that is not answered.
    private let heldReads = Mutex<[(GroupID, UInt64)]?>(nil)
    private let barrier: ReadBarrier
    /// Shards whose replica takes no part.
    let outOfService = Mutex<Set<GroupID>>([])
    /// Called with every part that leaves, before it does.
    let beforePart = Held<@Sendable (ReadNode, PeerFrame) -> Void>()

    init(_ number: Int, _ state: ClusterState, shards numbers: [Int]) throws {
        let id = NodeID(UInt64(number))
        let time = SystemTime()
        let world = Node.Surroundings(
            disk: SimulatedDisk(seed: UInt64(number)), time: time, timers: ManualTime(),
            random: SeededRandom(seed: UInt64(number)), telemetry: Telemetry(),
            onFatal: { _ in })
        var configuration = NodeConfiguration()
        configuration.retentionNanos = nil
        let shards = ShardTable(
            shardCount: ReadCluster.shardCount,
            try numbers.map { try ShardReplica.open($0, configuration, world) })
        let links = PeerLinks(
            time: time, paces: PaceBoard(syncTimes: LatencyMeter(time: time), time: time))
        let transport = ReadTransport(id)
        links.attach(transport)
        let calls = PeerCalls(time: time, random: world.random) { links.send($0, to: $1) }
        let asked = Held<@Sendable (GroupID, UInt64) -> Void>()
        let barrier = ReadBarrier(
            time: time, firstContext: 1, ask: { group, context in asked.value?(group, context) },
            applied: { shards[ShardGroup.shard(of: $0)]?.appliedIndex ?? 0 })
        let outside = Held<@Sendable () -> Set<GroupID>>()
        let readable = ReadableShards(shards: shards, barrier: barrier) {
            outside.value?() ?? []
        }
        let view: @Sendable () -> ReadPlan.View = {
            ReadPlan.View(
                node: id, shardCount: ReadCluster.shardCount, cluster: state,
                taking: Set(readable.taking.map(\.number)),
                hosted: Set(shards.hosted.map(\.number)), reachable: links.reachable,
                leader: { _ in nil })
        }
        let noted = Held<@Sendable (String) -> Void>()
        self.id = id
        self.shards = shards
        self.links = links
        self.transport = transport
        self.calls = calls
        self.barrier = barrier
        remote = RemoteReading(
            readable, hub: hub, time: time, telemetry: world.telemetry,
            reducers: CountingReducers(), followFreshNanosMax: 60_000_000_000)
        querier = ClusterQuerier(readable: readable, view: view, calls: calls, hub: hub)
        tails = RemoteTails(
            hub: hub, calls: calls, time: time, view: view,
            note: { sentence in noted.value?(sentence) }, telemetry: world.telemetry)
        asked.value = { [weak self] group, context in self?.barrierAsked(group, context) }
        outside.value = { [weak self] in self?.outOfService.withLock { $0 } ?? [] }
        noted.value = { [weak self] sentence in self?.notices.update { $0.append(sentence) } }
    }

    private func barrierAsked(_ group: GroupID, _ context: UInt64) {
        let isHeld = heldReads.withLock { held in
            held?.append((group, context))
            return held != nil
        }
        if !isHeld { barrier.answered(group, context: context, index: 0) }
    }

    /// No leader confirms that its replicas are fresh.
    func holdReads() { heldReads.withLock { $0 = [] } }

    func answerReads() {
        let held = heldReads.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for (group, context) in held { barrier.answered(group, context: context, index: 0) }
    }

    /// The questions that it was asked.
    var questionCount: Int { askedCount.load(ordering: .sequentiallyConsistent) }

    /// Waits until it answers no question any more; false when that takes too long.
    func becomesIdle() -> Bool {
        open.wait(upToNanos: 20_000_000_000) { $0.isEmpty ? true : nil } ?? false
    }

    /// Waits until it is being asked so many questions.
    func becomesBusy(_ count: Int) -> Bool {
        open.wait(upToNanos: 20_000_000_000) { $0.count >= count ? true : nil } ?? false
    }

    fileprivate func connect(_ all: [ReadNode]) {
        transport.peers.withLock { peers in
            for node in all where node !== self { peers[node.id.number] = node }
        }
        for node in all where node !== self { links.setReachable(node.id, true) }
    }

    /// Nobody reaches it any more, and it reaches nobody.
    func cutOff() {
        let peers = transport.peers.withLock { peers in
            defer { peers = [:] }
            return peers.values.sorted { $0.id < $1.id }
        }
        for peer in peers {
            peer.transport.peers.withLock { $0[id.number] = nil }
            peer.ended(id)
            ended(peer.id)
        }
    }

    private func ended(_ peer: NodeID) {
        links.setReachable(peer, false)
        let questions = open.withLock { open in
            open.filter { $0.key[0] == peer.number }.values
        }
        for question in questions { question.controlled(0) }
        calls.disconnected(peer)
    }

    fileprivate func apply(_ shard: Int, _ index: UInt64, _ payload: [UInt8]) throws {
        guard let replica = shards[shard] else { return }
        let outcome = try replica.apply(index: index, payload: payload)
        if hub.isFollowed,
            let entry = FollowedEntry(replica, index: index, payload: payload, outcome)
        {
            hub.applied(entry)
        }
    }

    fileprivate func received(_ frame: PeerFrame, from peer: NodeID) {
        switch PeerFrameKind(rawValue: frame.kind) {
        case .call:
            var head = ByteReader(frame.parts[0])
            guard let number = try? head.u64() else { return }
            let question = PeerQuestion(
                peer: peer, method: .read, body: Array(frame.parts.dropFirst()), number: number,
                transport: transport)
            askedCount.add(1, ordering: .sequentiallyConsistent)
            let key = [peer.number, number]
            open.update { $0[key] = question }
            remote.answer(question) { [self] in open.update { $0[key] = nil } }
        case .answer: calls.received(frame, from: peer)
        case .control:
            var head = ByteReader(frame.parts[0])
            guard let number = try? head.u64(), let parts = try? head.u32() else { return }
            open.withLock { $0[[peer.number, number]] }?.controlled(parts)
        default: break
        }
    }

    fileprivate func isSending(_ frame: PeerFrame) {
        guard frame.kind == PeerFrameKind.answer.rawValue, frame.parts[0].last == 0 else { return }
        beforePart.value?(self, frame)
    }

    fileprivate func stop() {
        tails.stop()
        cutOff()
        transport.stop()
    }
}

/// Brings frames to the other nodes, in order, on a thread of the receiver's.
private final class ReadTransport: PeerTransport {
    let id: NodeID
    let peers = Mutex<[UInt64: ReadNode]>([:])
    private let inbox = ThreadPool(name: "wire", threadCount: 1, queueCountMax: 1 << 20)

    init(_ id: NodeID) { self.id = id }

    func setPeers(_ addresses: [PeerID: Endpoint]) {}

    func send(_ frame: PeerFrame, to peer: PeerID) -> Bool {
        guard let target = peers.withLock({ $0[peer.number] }) else { return false }
        if frame.kind == PeerFrameKind.answer.rawValue { owner(of: target)?.isSending(frame) }
        guard peers.withLock({ $0[peer.number] }) != nil else { return false }
        return target.inbox { target.received(frame, from: self.id) }
    }

    private func owner(of target: ReadNode) -> ReadNode? { target.peer(id) }

    func sendWaiting(_ frame: PeerFrame, to peer: PeerID, upToNanos nanos: Int64) -> Bool {
        send(frame, to: peer)
    }

    func submit(_ job: @escaping @Sendable () -> Void) -> Bool { inbox.submit(job) }

    var connected: [PeerID] { [] }

    func stop() { inbox.stop() }
}

extension ReadNode {
    fileprivate func inbox(_ job: @escaping @Sendable () -> Void) -> Bool {
        transport.submit(job)
    }

    fileprivate func peer(_ id: NodeID) -> ReadNode? {
        transport.peers.withLock { $0[id.number] }
    }
}
