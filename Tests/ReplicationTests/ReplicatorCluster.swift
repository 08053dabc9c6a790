#if canImport(CEtcdRaft)
import Platform
import Raft
import Replication
import Simulator
import Testing

/// Nodes with real replicators over simulated disks, on one thread: messages lie in a list until
/// they are delivered. Each node's state machine is the list of the payloads that it applied.
final class ReplicatorCluster {
    /// One node; its disk survives crashes.
    final class Node {
        let id: NodeID
        let disk: SimulatedDisk
        var replicator: Replicator?
        /// Of each group: payloads by index, and up to where. Lost in a crash back to `sealed`.
        var machines: [GroupID: Machine] = [:]
        var sealed: [GroupID: Machine] = [:]

        init(id: NodeID, seed: UInt64) {
            self.id = id
            disk = SimulatedDisk(seed: seed)
        }
    }

    struct Machine: Equatable {
        var applied: UInt64 = 0
        var payloads: [UInt64: [UInt8]] = [:]
    }

    struct Flight {
        let from: NodeID
        let message: GroupMessage
    }

    private(set) var nodes: [NodeID: Node] = [:]
    var inFlight: [Flight] = []
    var cut: Set<[NodeID]> = []
    /// Nodes that are connected and get nothing of what is sent to them.
    var deaf: Set<NodeID> = []
    /// Nodes that are down and whose connections have not ended.
    var silent: Set<NodeID> = []
    /// Whether a leader seals for whoever needs an image.
    var sealsForImages = true
    /// What nodes are told of patience.
    var patience = 1
    let groups: [GroupID]
    private(set) var acknowledged: [GroupID: [UInt64: [UInt8]]] = [:]
    private(set) var refused: [ReplicationOutput.Withdrawn] = []
    private(set) var lost: [ReplicationOutput.Withdrawn] = []
    private(set) var reads: [ReplicationOutput.Read] = []
    private(set) var faults: [String] = []
    /// What anybody applied at an index.
    private var truth: [GroupID: [UInt64: [UInt8]]] = [:]
    private(set) var divergences: [String] = []
    private var wantsImage: [(node: NodeID, group: GroupID)] = []
    private let random: SeededRandom
    private var tag: UInt64 = 0
    private var tickCount: UInt64 = 0

    init(groups: UInt32 = 1, seed: UInt64 = 1) {
        self.groups = (0..<groups).map { GroupID($0) }
        random = SeededRandom(seed: seed)
    }

    var leaders: [NodeID] { groups.compactMap { leader(of: $0) } }

    func node(_ number: UInt64) -> Node? { nodes[NodeID(number)] }

    func leader(of group: GroupID) -> NodeID? {
        nodes.values.compactMap { node -> (UInt64, NodeID)? in
            guard let status = node.replicator?.status(of: group), status.isLeader else {
                return nil
            }
            return (status.term, node.id)
        }.max { $0.0 < $1.0 }?.1
    }

    func start(_ number: UInt64, as beginning: Replicator.Beginning) throws {
        let id = NodeID(number)
        let node = nodes[id] ?? Node(id: id, seed: random.next())
        nodes[id] = node
        var options = Replicator.Options()
        options.journal.segmentBytes = 64 * JournalFormat.pageBytes
        let replicator = try Replicator(
            disk: node.disk, directory: "journal", node: id, options: options, random: random,
            time: ManualTime(), telemetry: Telemetry())
        node.machines = node.sealed
        node.replicator = replicator
        for group in groups {
            let applied = node.machines[group]?.applied ?? 0
            try replicator.open(group, as: beginning, applied: applied)
            try replicator.replay(group, after: applied) { apply($0, node) }
        }
    }

    func crash(_ number: UInt64) {
        guard let node = node(number) else { return }
        node.replicator = nil
        node.disk.powerCycle()
        inFlight.removeAll { $0.from == node.id }
    }

    func propose(_ payload: [UInt8], to group: GroupID, at node: NodeID) throws {
        tag += 1
        try nodes[node]?.replicator?.propose(group, payload: payload, tag: tag)
    }

    /// The state machine seals: all it has is durable, and the log is released.
    func seal(_ number: UInt64) {
        guard let node = node(number) else { return }
        for group in groups {
            guard let machine = node.machines[group] else { continue }
            node.sealed[group] = machine
            node.replicator?.release(group, through: machine.applied)
        }
    }

    func tick() {
        tickCount += 1
        for node in nodes.values.sorted(by: { $0.id < $1.id }) {
            let reachable = nodes.values
                .filter {
                    ($0.replicator != nil || silent.contains($0.id))
                        && !cut.contains([$0.id, node.id])
                }.map(\.id)
            for peer in nodes.values
            where peer.id != node.id && !cut.contains([peer.id, node.id])
                && !silent.contains(peer.id)
            {
                node.replicator?.receive(
                    claims: peer.replicator?.claims ?? [], number: tickCount, from: peer.id)
            }
            node.replicator?.tick(reachable: Set(reachable), patience: patience)
        }
    }

    /// One round of one node.
    func round(_ node: Node) throws {
        guard let replicator = node.replicator else { return }
        send(try replicator.prepare(), from: node.id)
        take(try replicator.commit(), node)
        wantsImage.removeAll { $0.node == node.id && getImage(node, $0.group) }
    }

    func deliver(at place: Int, keeping: Bool = false) {
        let flight = keeping ? inFlight[place] : inFlight.remove(at: place)
        guard !cut.contains([flight.from, flight.message.to]), !deaf.contains(flight.message.to),
            let node = nodes[flight.message.to], let replicator = node.replicator,
            let received = ReceivedMessage(
                from: flight.from, to: node.id, head: flight.message.head,
                payloads: flight.message.payloads[...])
        else { return }
        if !replicator.receive(received) { inFlight.append(flight) }
    }

    func settle() throws {
        for _ in 0..<10_000 {
            var isIdle = inFlight.isEmpty
            while !inFlight.isEmpty { deliver(at: 0) }
            for node in nodes.values.sorted(by: { $0.id < $1.id }) {
                if node.replicator?.hasWork == true { isIdle = false }
                try round(node)
            }
            if isIdle { return }
        }
        divergences.append("it never settles")
    }

    func tickAndSettle(_ count: Int) throws {
        for _ in 0..<count {
            tick()
            try settle()
        }
    }

    private func send(_ messages: [GroupMessage], from: NodeID) {
        inFlight += messages.map { Flight(from: from, message: $0) }
    }

    private func take(_ output: ReplicationOutput, _ node: Node) {
        send(output.messages, from: node.id)
        for entry in output.committed {
            apply(entry, node)
            if entry.tag != 0 {
                acknowledged[entry.group, default: [:]][entry.index] = entry.payload
            }
        }
        refused += output.refused
        lost += output.lost
        reads += output.reads
        faults += output.faults.map { "\(node.id) \($0.group): \($0.reason)" }
        wantsImage += output.imagesWanted.map { (node.id, $0.group) }
    }

    private func apply(_ entry: ReplicationOutput.Committed, _ node: Node) {
        var machine = node.machines[entry.group] ?? Machine()
        // What an image held already comes again.
        if entry.index > machine.applied {
            machine.applied = entry.index
            machine.payloads[entry.index] = entry.payload
        }
        node.machines[entry.group] = machine
        if let known = truth[entry.group]?[entry.index], known != entry.payload {
            divergences.append("\(entry.group) \(entry.index) at \(node.id)")
        }
        truth[entry.group, default: [:]][entry.index] = entry.payload
    }

    /// The newest image that the leader has; it seals for it, if it can. False: not yet.
    private func getImage(_ node: Node, _ group: GroupID) -> Bool {
        guard let leader = leader(of: group), let source = nodes[leader],
            !cut.contains([leader, node.id])
        else { return false }
        if sealsForImages { seal(leader.number) }
        guard let machine = source.sealed[group], machine.applied > 0,
            let image = source.replicator?.imageReference(group, at: machine.applied),
            image.configuration.members.contains(node.id), let replicator = node.replicator
        else { return false }
        guard replicator.adopt(group, image) else { return true }
        node.machines[group] = machine
        node.sealed[group] = machine
        do { try replicator.adopted(group) } catch { faults.append("\(error)") }
        return true
    }
}

extension ReplicatorCluster {
    /// A founder that two newcomers joined and were made voters.
    static func grown(groups: UInt32 = 1, seed: UInt64 = 1) throws -> ReplicatorCluster {
        let cluster = ReplicatorCluster(groups: groups, seed: seed)
        try cluster.start(1, as: .founder)
        try cluster.settle()
        for number in [2, 3] as [UInt64] {
            try cluster.start(number, as: .newcomer(founder: NodeID(1)))
        }
        for group in cluster.groups {
            let leader = try #require(cluster.node(1)?.replicator)
            #expect(leader.changeMembership(group, [.addLearner(NodeID(2))]))
            try cluster.settle()
            #expect(leader.changeMembership(group, [.addLearner(NodeID(3))]))
            try cluster.tickAndSettle(3)
            #expect(
                leader.changeMembership(group, [.addVoter(NodeID(2)), .addVoter(NodeID(3))]))
            try cluster.tickAndSettle(12)
            #expect(leader.status(of: group)?.configuration.isJoint == false)
        }
        return cluster
    }
}
#endif
