#if canImport(CEtcdRaft)
import Foundation
import Raft
import Testing

/// Random schedules over etcd's core: messages lost, doubled, delayed and out of order, one-way and
/// full partitions, crashes before and after what was under way is written, transfers, compaction.
/// `CoreCluster` checks after every step; at the end all is healed and everybody has to agree.
/// `VARVE_SEEDS` is how many schedules to run.
struct CoreSimulationTests {
    private static let scheduleCount =
        ProcessInfo.processInfo.environment["VARVE_SEEDS"].flatMap { Int($0) } ?? 60

    @Test func replicasAgreeWhateverHappens() throws {
        for seed in 1...UInt64(Self.scheduleCount) {
            var schedule = try CoreSchedule(seed: seed)
            do {
                try schedule.run()
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }
}

/// One schedule from one seed.
struct CoreSchedule {
    private static let stepCount = 1_500

    private let cluster: CoreCluster
    private let nodes: [NodeID]
    private var random: Random
    private var sequence: UInt64 = 0

    enum Failure: Error { case notHealed, differs, nothingCommits }

    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            // SplitMix64
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }

        mutating func isOne(in count: UInt64) -> Bool { next() % count == 0 }
    }

    init(seed: UInt64) throws(RaftError) {
        random = Random(state: seed)
        let count = seed % 4 == 0 ? 5 : 3
        cluster = try CoreCluster(voters: count, seed: seed)
        nodes = (1...UInt64(count)).map { NodeID($0) }
    }

    mutating func run() throws {
        for _ in 0..<Self.stepCount { try step() }
        try heal()
    }

    private mutating func step() throws {
        let node = nodes[Int(random.next() % UInt64(nodes.count))]
        switch random.next() % 100 {
        case 0..<12: try cluster.core(node)?.tick()
        case 12..<35: try cluster.takeReady(node)
        case 35..<58: try cluster.finishWrite(node)
        case 58..<84:
            guard !cluster.inFlight.isEmpty else { return }
            // Mostly in order, sometimes not; sometimes lost or doubled.
            let place =
                random.isOne(in: 5) ? Int(random.next() % UInt64(cluster.inFlight.count)) : 0
            if random.isOne(in: 30) {
                cluster.inFlight.remove(at: place)
            } else {
                try cluster.deliver(at: place, keeping: random.isOne(in: 30))
            }
        case 84..<93:
            guard let leader = try cluster.leader() else { return }
            sequence += 1
            let descriptor = EntryDescriptor(
                origin: leader.number, sequence: sequence, byteCount: 1, checksum: 1)
            try Self.unlessDeposed { try cluster.core(leader)?.propose([descriptor]) }
        case 93: cluster.cut.insert([node, nodes.randomElement(using: &random) ?? node])
        case 94: if random.isOne(in: 2) { cluster.isolate(node) } else { cluster.cut = [] }
        case 95: cluster.crash(node, writingIsDone: random.isOne(in: 2))
        case 96: if cluster.core(node) == nil { try cluster.start(node) }
        case 97: try cluster.compact(node)
        case 98:
            guard random.isOne(in: 4), let leader = try cluster.leader() else { return }
            try Self.unlessDeposed { try cluster.core(leader)?.transfer(to: node) }
        default: cluster.cut = []
        }
    }

    /// All is well again: within the time of a few elections everybody has the same, and the group
    /// takes new entries.
    private mutating func heal() throws {
        cluster.cut = []
        for node in nodes where cluster.core(node) == nil { try cluster.start(node) }
        var tickCount = 0
        while true {
            try cluster.tickAndSettle(1)
            tickCount += 1
            guard tickCount < 300 else { throw Failure.notHealed }
            let applied = Set(cluster.replicas.values.map(\.durable.applied))
            if try cluster.leader() != nil, applied.count == 1 { break }
        }
        // A leader that hands over takes nothing for the time of an election.
        var tries = 0
        while try !propose(), tries < 40 {
            try cluster.tickAndSettle(1)
            tries += 1
        }
        try cluster.tickAndSettle(2)
        guard cluster.applied.values.contains(where: { $0.descriptor.origin == 9 }) else {
            throw Failure.nothingCommits
        }
        let ends = Set(cluster.replicas.values.map(\.durable.applied))
        guard ends == [cluster.applied.keys.max() ?? 0] else { throw Failure.differs }
    }

    /// One last entry; whether the leader took it.
    private mutating func propose() throws -> Bool {
        guard let leader = try cluster.leader() else { return false }
        sequence += 1
        let descriptor = EntryDescriptor(
            origin: 9, sequence: sequence, byteCount: 1, checksum: 1)
        return try Self.unlessDeposed { try cluster.core(leader)?.propose([descriptor]) }
    }

    /// False when the replica does not lead any more, which is no failure.
    @discardableResult
    private static func unlessDeposed(_ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch {
            if error as? RaftError == .notLeader(nil) { return false }
            throw error
        }
    }
}
#endif
