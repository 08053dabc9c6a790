#if canImport(CEtcdRaft)
import Raft

/// Replicas of one group on one thread, without disks or sockets: what each has written for
/// certain, what is under way, and messages in flight. Checked after every step:
///  - election safety: one leader per term;
///  - state-machine safety: nobody applies another entry at an index than anybody else;
///  - nothing is committed that a majority has not written.
final class CoreCluster {
    /// What survives a crash.
    struct Durable {
        var hardState = HardState(term: 1, vote: nil)
        var image: ImageReference
        var configuration: GroupConfiguration?
        var entries: [Entry] = []
        /// The state machine, up to its last entry.
        var applied: UInt64

        var lastIndex: UInt64 { image.index + UInt64(entries.count) }

        func term(at index: UInt64) -> UInt64? {
            if index == image.index { return image.term }
            guard index > image.index, index <= lastIndex else { return nil }
            return entries[Int(index - image.index) - 1].term
        }

        mutating func write(_ new: [Entry]) {
            guard let first = new.first else { return }
            precondition(first.index > image.index && first.index <= lastIndex + 1, "a gap")
            entries.removeLast(entries.count - Int(first.index - image.index - 1))
            entries += new
        }
    }

    final class Replica {
        let node: NodeID
        var core: EtcdRaft?
        var durable: Durable
        /// Handed out and not yet durable.
        var writing: Ready?
        var startCount: UInt64 = 0

        init(node: NodeID, durable: Durable) {
            self.node = node
            self.durable = durable
        }
    }

    enum Violation: Error, Equatable {
        case twoLeaders(term: UInt64)
        case otherEntry(index: UInt64)
        case committedWithoutMajority(index: UInt64)
        case appliedOutOfOrder(index: UInt64)
    }

    private(set) var replicas: [NodeID: Replica] = [:]
    var inFlight: [RaftMessage] = []
    /// Messages between these are lost.
    var cut: Set<[NodeID]> = []
    private let seed: UInt64
    private var leaders: [UInt64: NodeID] = [:]
    /// What anybody applied, by index.
    private(set) var applied: [UInt64: Entry] = [:]
    /// Fresh read indexes, by context.
    private(set) var reads: [UInt64: UInt64] = [:]

    static let firstIndex: UInt64 = 1

    /// Voters 1 to `count`.
    init(voters count: Int, seed: UInt64) throws(RaftError) {
        self.seed = seed
        let voters = (1...UInt64(count)).map { NodeID($0) }
        let image = ImageReference(
            index: CoreCluster.firstIndex, term: 1,
            configuration: GroupConfiguration(index: CoreCluster.firstIndex, voters: voters))
        for node in voters { try add(node, image) }
    }

    /// A replica that knows the image and nothing else.
    func add(_ node: NodeID, _ image: ImageReference) throws(RaftError) {
        replicas[node] = Replica(node: node, durable: Durable(image: image, applied: image.index))
        try start(node)
    }

    func start(_ node: NodeID) throws(RaftError) {
        guard let replica = replicas[node] else { return }
        let durable = replica.durable
        replica.startCount += 1
        replica.core = try EtcdRaft(
            EtcdRaft.Start(
                node: node, seed: seed &+ node.number &* 1_000 &+ replica.startCount,
                hardState: durable.hardState, appliedIndex: durable.applied, image: durable.image,
                configurations: [durable.configuration].compactMap(\.self), entries: durable.entries
            ))
        replica.writing = nil
    }

    /// What was under way is gone, written or not.
    func crash(_ node: NodeID, writingIsDone: Bool = false) {
        guard let replica = replicas[node] else { return }
        if writingIsDone, let ready = replica.writing { write(ready, replica) }
        replica.core = nil
        replica.writing = nil
    }

    func core(_ node: NodeID) -> EtcdRaft? { replicas[node]?.core }

    func status(_ node: NodeID) throws(RaftError) -> RaftStatus? {
        try replicas[node]?.core?.status
    }

    /// The leader of the highest term.
    func leader() throws(RaftError) -> NodeID? {
        var found: (term: UInt64, node: NodeID)?
        for (node, replica) in replicas {
            guard let status = try replica.core?.status, status.isLeader else { continue }
            if status.term > found?.term ?? 0 { found = (status.term, node) }
        }
        return found?.node
    }

    // MARK: - Steps

    func tick() throws {
        for node in replicas.keys.sorted() { try core(node)?.tick() }
    }

    /// Takes what a replica is to do and sends what may leave before it is written.
    func takeReady(_ node: NodeID) throws {
        guard let replica = replicas[node], let core = replica.core, replica.writing == nil,
            let ready = try core.ready()
        else { return }
        replica.writing = ready
        send(ready.messages)
        for read in ready.reads { reads[read.context] = read.index }
        try check(replica)
    }

    /// What a replica writes is durable.
    func finishWrite(_ node: NodeID) throws {
        guard let replica = replicas[node], let core = replica.core, let ready = replica.writing
        else { return }
        write(ready, replica)
        replica.writing = nil
        let persisted = try core.persisted(ready.number)
        send(persisted.messages)
        if let configuration = persisted.configuration {
            replica.durable.configuration = configuration
        }
        for entry in persisted.committed { try apply(entry, replica) }
        try check(replica)
    }

    func deliver(at place: Int, keeping: Bool = false) throws {
        let message = keeping ? inFlight[place] : inFlight.remove(at: place)
        guard !cut.contains([message.from, message.to]), let core = core(message.to) else {
            return
        }
        try core.step(message)
    }

    /// Everything at once, until nothing is left to do.
    func settle() throws {
        var rounds = 0
        while true {
            rounds += 1
            precondition(rounds < 10_000, "it never settles")
            for node in replicas.keys.sorted() {
                try takeReady(node)
                try finishWrite(node)
            }
            if inFlight.isEmpty {
                var isIdle = true
                for node in replicas.keys.sorted() {
                    try takeReady(node)
                    if replicas[node]?.writing != nil { isIdle = false }
                }
                if isIdle { return }
            }
            while !inFlight.isEmpty { try deliver(at: 0) }
        }
    }

    func tickAndSettle(_ count: Int) throws {
        for _ in 0..<count {
            try tick()
            try settle()
        }
    }

    func isolate(_ node: NodeID) {
        for other in replicas.keys where other != node {
            cut.insert([node, other])
            cut.insert([other, node])
        }
    }

    /// The replica drops its log up to what it has applied; others get images from now on.
    func compact(_ node: NodeID) throws {
        guard let replica = replicas[node], let core = replica.core, replica.writing == nil
        else { return }
        let durable = replica.durable
        guard durable.applied > durable.image.index, let term = durable.term(at: durable.applied)
        else { return }
        let known = durable.configuration ?? durable.image.configuration
        // Only what was so at that entry may stand in its image.
        guard known.index <= durable.applied else { return }
        try core.compact(through: durable.applied)
        let kept = durable.entries.suffix(Int(durable.lastIndex - durable.applied))
        replica.durable.entries = Array(kept)
        replica.durable.image = ImageReference(
            index: durable.applied, term: term, configuration: known)
    }

    // MARK: - What happens to a replica

    private func write(_ ready: Ready, _ replica: Replica) {
        if let hardState = ready.hardState { replica.durable.hardState = hardState }
        if let image = ready.image {
            replica.durable.image = image
            replica.durable.configuration = nil
            replica.durable.entries = []
            replica.durable.applied = image.index
        }
        replica.durable.write(ready.entries)
    }

    private func send(_ messages: [RaftMessage]) {
        for message in messages {
            inFlight.append(message)
            // The image itself travels outside of the core; here it always arrives.
            if message.needsImage {
                try? core(message.from)?.reportImage(to: message.to, isTaken: true)
            }
        }
    }

    private func apply(_ entry: Entry, _ replica: Replica) throws(Violation) {
        guard entry.index == replica.durable.applied + 1 else {
            throw .appliedOutOfOrder(index: entry.index)
        }
        replica.durable.applied = entry.index
        if let other = applied[entry.index] {
            guard other == entry else { throw .otherEntry(index: entry.index) }
            return
        }
        applied[entry.index] = entry
        let configuration = replica.durable.configuration ?? replica.durable.image.configuration
        // A change counts from its own entry on; the majority may be the old or the new one.
        guard configuration.index < entry.index else { return }
        let holders = configuration.voters.filter { node in
            guard let other = replicas[node] else { return false }
            return other.durable.term(at: entry.index) == entry.term
                || other.durable.image.index >= entry.index
        }
        guard holders.count * 2 > configuration.voters.count else {
            throw .committedWithoutMajority(index: entry.index)
        }
    }

    private func check(_ replica: Replica) throws {
        guard let status = try replica.core?.status, status.isLeader else { return }
        if let other = leaders[status.term], other != replica.node {
            throw Violation.twoLeaders(term: status.term)
        }
        leaders[status.term] = replica.node
    }
}
#endif
