import Glibc
import NIOPosix
import Platform
import Raft
import Replication
import Synchronization

/// Three voters of sixteen groups, each with a journal and a thread of its own, over TCP on
/// loopback, in one process: payloads of 64 KiB that a majority has synced. All CPU of the process
/// counts: consensus, journals and transport of all three.
func votersBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    var rows: [BenchRow] = []
    for (depth, goal) in [(1, 4), (8, nil)] as [(Int, Double?)] {
        do {
            rows.append(
                try NodeBench.blocking {
                    try await VotersLoad(
                        megabyteCount: isSmall ? 16 : 256, depth: depth, goal: goal
                    )
                    .measure()
                })
        } catch {
            print("voters bench: \(error)")
        }
    }
    return rows
}

private struct VotersLoad {
    let megabyteCount: Int
    /// Payloads under way at a time.
    let depth: Int
    let goal: Double?

    private static let payloadBytes = 64 << 10
    private static let groups = (1...16).map { GroupID($0) }

    func measure() async throws -> BenchRow {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var voters: [Voter] = []
        defer { for voter in voters { voter.stop() } }
        for number in 1...3 as ClosedRange<UInt64> { voters.append(try Voter(number)) }
        for voter in voters { try await voter.listen(loops) }
        for voter in voters { voter.dial(voters) }
        for voter in voters { try voter.open(VotersLoad.groups) }
        let leader = voters[0]
        try leader.lead(VotersLoad.groups, with: voters.dropFirst().map(\.id))

        let payloads = RandomPayloads.make(count: 64, byteCount: VotersLoad.payloadBytes)
        let count = megabyteCount << 20 / VotersLoad.payloadBytes
        let before = (cpu: Stopwatch.cpuSeconds(), wall: SystemTime().monotonicNanos())
        for number in 0..<count {
            leader.waitUntil(underWay: depth - 1)
            leader.propose(
                VotersLoad.groups[number % VotersLoad.groups.count],
                payloads[number % payloads.count], tag: UInt64(number + 1))
        }
        leader.waitUntil(underWay: 0)
        let cpu = Stopwatch.cpuSeconds() - before.cpu
        let wall = Double(SystemTime().monotonicNanos() - before.wall) / 1e9
        let size = Double(megabyteCount)
        return BenchRow(
            room: "Replication",
            name: "three voters over TCP, 64 KiB synced by two, \(depth) at a time",
            unit: "CPU ms/MiB", goal: goal, reached: cpu * 1_000 / size, higherIsBetter: false,
            note: "all three together; \(Int(size / wall)) MiB/s with this disk's syncs")
    }
}

/// One voter: what `NodeLoop` and `PeerDesk` do, without a state machine.
private final class Voter: PeerReceiver {
    private struct Inbox {
        var messages: [ReceivedMessage] = []
        var tasks: [@Sendable (Replicator) throws -> Void] = []
        /// Proposed and not yet committed.
        var underWay = 0
        var connected = 0
        var isStopping = false
    }

    let id: NodeID
    private let disk: LocalDisk
    private let replicator: Mutex<Replicator>
    private let inbox = Monitor(Inbox())
    private let transport = Mutex<TCPPeerTransport?>(nil)
    private let thread = Mutex<WorkerThread?>(nil)

    init(_ number: UInt64) throws {
        id = NodeID(number)
        disk = try LocalDisk(root: "/tmp/varve-bench-voter-\(getpid())-\(number)")
        replicator = Mutex(
            try Replicator(disk: disk, directory: "journal", node: id, telemetry: Telemetry()))
    }

    func listen(_ loops: MultiThreadedEventLoopGroup) async throws {
        let started = try await TCPPeerTransport.start(
            PeerHello(clusterID: 1, node: PeerID(id.number), name: "\(id)", featureLevel: 1),
            listen: .inet(host: "127.0.0.1", port: 0), receiver: self, telemetry: Telemetry(),
            time: SystemTime(), group: loops, onNotice: { print("voters bench: \($0)") })
        transport.withLock { $0 = started }
        let worker = WorkerThread(name: "voter") { RaftThread.run { [self] in run() } }
        thread.withLock { $0 = worker }
    }

    /// Returns when all are connected.
    func dial(_ voters: [Voter]) {
        var addresses: [PeerID: Endpoint] = [:]
        for voter in voters {
            addresses[PeerID(voter.id.number)] = voter.transport.withLock { $0?.endpoint }
        }
        transport.withLock { $0?.setPeers(addresses) }
    }

    func open(_ groups: [GroupID]) throws {
        try replicator.withLock { replicator in
            for group in groups {
                try replicator.open(
                    group, as: id.number == 1 ? .founder : .newcomer(founder: NodeID(1)),
                    applied: 0)
            }
        }
        _ = inbox.wait { $0.connected == 2 ? true : nil }
    }

    /// Makes voters of the others in all groups.
    func lead(_ groups: [GroupID], with others: [NodeID]) throws {
        perform { replicator in
            for group in groups {
                _ = replicator.changeMembership(group, others.map { .addLearner($0) })
            }
        }
        for attempt in 1...3_000 {
            perform { replicator in
                replicator.tick(reachable: Set(others))
                for group in groups {
                    guard let status = replicator.status(of: group), !status.configuration.isJoint
                    else { continue }
                    let configuration = status.configuration
                    if configuration.learners.count == 2 {
                        _ = replicator.changeMembership(group, others.map { .addVoter($0) })
                    } else if configuration.voters.count == 1 {
                        _ = replicator.changeMembership(group, others.map { .addLearner($0) })
                    }
                }
            }
            // Time for a round trip.
            _ = inbox.wait(upToNanos: 10_000_000) { _ in nil as Never? }
            let isWhole = replicator.withLock { replicator in
                groups.allSatisfy {
                    guard let status = replicator.status(of: $0) else { return false }
                    return status.configuration.voters.count == 3 && !status.configuration.isJoint
                        && status.commitIndex == status.lastIndex
                }
            }
            if isWhole { return }
            precondition(attempt < 3_000, "the bench's voters do not come together")
        }
    }

    func propose(_ group: GroupID, _ payload: [UInt8], tag: UInt64) {
        inbox.withLock { $0.underWay += 1 }
        perform { try $0.propose(group, payload: payload, tag: tag) }
    }

    func waitUntil(underWay count: Int) {
        _ = inbox.wait { $0.underWay <= count ? true : nil }
    }

    func stop() {
        inbox.update { $0.isStopping = true }
        thread.withLock { $0 }?.join()
        transport.withLock { $0 }?.stop()
        do { try disk.removeTree("journal") } catch { print("voters bench: \(error)") }
    }

    private func perform(_ task: @escaping @Sendable (Replicator) throws -> Void) {
        inbox.update { $0.tasks.append(task) }
    }

    private func run() {
        while true {
            let work = inbox.wait { inbox -> Inbox? in
                guard inbox.isStopping || !inbox.tasks.isEmpty || !inbox.messages.isEmpty else {
                    return nil
                }
                defer {
                    inbox.tasks = []
                    inbox.messages = []
                }
                return inbox
            }
            guard !work.isStopping else { return }
            do {
                try replicator.withLock { try round(work, $0) }
            } catch {
                print("voters bench: \(error)")
                exit(1)
            }
        }
    }

    private func round(_ work: Inbox, _ replicator: Replicator) throws {
        for task in work.tasks { try task(replicator) }
        var messages = work.messages[...]
        repeat {
            while let message = messages.first, replicator.receive(message) {
                messages.removeFirst()
            }
            send(try replicator.prepare())
            let output = try replicator.commit()
            send(output.messages)
            precondition(output.faults.isEmpty, "BUG: \(output.faults)")
            precondition(output.refused.isEmpty && output.lost.isEmpty, "BUG: refused")
            let done = output.committed.count { $0.tag != 0 }
            if done > 0 { inbox.update { $0.underWay -= done } }
        } while replicator.hasWork || !messages.isEmpty
    }

    /// What is for one peer leaves in one frame.
    private func send(_ messages: [GroupMessage]) {
        let transport = transport.withLock { $0 }
        let byPeer = Dictionary(grouping: messages, by: \.to)
        for (peer, own) in byPeer.sorted(by: { $0.key < $1.key }) {
            let frame = PeerFrame(kind: 1, parts: own.flatMap { [$0.head] + $0.payloads })
            if transport?.send(frame, to: PeerID(peer.number)) != true {
                print("voters bench: a message found no room")
            }
        }
    }

    // MARK: - From the transport

    func received(_ frame: PeerFrame, from peer: PeerID) {
        let found = ReceivedMessage.all(in: frame.parts, from: NodeID(peer.number), to: id)
        precondition(found.isWhole, "BUG: a frame makes no sense")
        inbox.update { $0.messages += found.messages }
    }

    func connected(_ peer: PeerID, featureLevel: UInt32) { inbox.update { $0.connected += 1 } }
    func disconnected(_ peer: PeerID) { inbox.update { $0.connected -= 1 } }
    func guest(
        _ frame: PeerFrame, name: String, reply: @escaping @Sendable (PeerFrame) -> Void
    ) {}
}
