import Platform
import Raft
import Replication
import Simulator
import Testing

/// A scripted life of a replicator over a simulated disk, and the ledger of what it was promised.
struct JournalWorkload {
    static let directory: DiskPath = "journal"
    static let groupCount: UInt32 = 3

    let disk: SimulatedDisk
    /// By group and index: the payloads that were acknowledged.
    private(set) var acknowledged: [GroupID: [UInt64: [UInt8]]] = [:]
    /// Everything that was ever proposed: what may be found beyond the acknowledged.
    private(set) var proposed: Set<[UInt8]> = []
    private(set) var released: [GroupID: UInt64] = [:]
    private var random: SplitMix
    private let nonces: SeededRandom
    private var tag: UInt64 = 0

    init(disk: SimulatedDisk, seed: UInt64) {
        self.disk = disk
        random = SplitMix(seed: seed)
        nonces = SeededRandom(seed: disk.seed)
    }

    func open() throws(ReplicationError) -> Replicator {
        var options = Replicator.Options()
        // Small, so that a short script fills many.
        options.journal.segmentBytes = 16 * JournalFormat.pageBytes
        return try Replicator(
            disk: disk, directory: JournalWorkload.directory, node: NodeID(1), options: options,
            random: nonces, time: ManualTime(), telemetry: Telemetry())
    }

    /// Proposes and commits one batch of 1 to 5 payloads of 12 to 6,000 bytes.
    mutating func round(_ replicator: Replicator) throws {
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            let group = GroupID(UInt32.random(in: 0..<JournalWorkload.groupCount, using: &random))
            tag += 1
            let byteCount = [12, 13, 200, 3000, 6000].randomElement(using: &random) ?? 12
            var payload = (0..<8).map { UInt8(truncatingIfNeeded: tag >> (8 * UInt64($0))) }
            payload += repeatElement(UInt8(truncatingIfNeeded: tag), count: byteCount - 8)
            proposed.insert(payload)
            try replicator.propose(group, payload: payload, tag: tag)
        }
        try commit(replicator)
    }

    /// Proposes and commits one batch of payloads of these sizes for the first group.
    mutating func round(_ replicator: Replicator, byteCounts: [Int]) throws {
        for byteCount in byteCounts {
            tag += 1
            let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: tag), count: byteCount)
            proposed.insert(payload)
            try replicator.propose(GroupID(0), payload: payload, tag: tag)
        }
        try commit(replicator)
    }

    /// Releases all of the first group but its newest entries.
    mutating func release(_ replicator: Replicator, allBut count: UInt64) {
        let last = acknowledged[GroupID(0)]?.keys.max() ?? 0
        guard last > count else { return }
        released[GroupID(0)] = last - count
        replicator.release(GroupID(0), through: last - count)
    }

    mutating func commit(_ replicator: Replicator) throws {
        for entry in try replicator.commit().committed {
            acknowledged[entry.group, default: [:]][entry.index] = entry.payload
        }
    }

    /// Releases part of a group, as a shard that has sealed does.
    mutating func release(_ replicator: Replicator) {
        let group = GroupID(UInt32.random(in: 0..<JournalWorkload.groupCount, using: &random))
        let last = acknowledged[group]?.keys.max() ?? 0
        let index = last - min(last, UInt64.random(in: 0...4, using: &random))
        released[group] = max(released[group] ?? 0, index)
        replicator.release(group, through: index)
    }

    /// `rounds` batches, with releases and rests between them.
    mutating func run(_ replicator: Replicator, rounds: Int) throws {
        for number in 1...rounds {
            try round(replicator)
            if number.isMultiple(of: 3) { release(replicator) }
            if number.isMultiple(of: 4) { try replicator.rest() }
        }
    }

    /// Every acknowledged entry that was not released is there, once, unchanged; what is there
    /// besides was proposed.
    func verify(_ replicator: Replicator, _ comment: Comment) throws {
        for group in (0..<JournalWorkload.groupCount).map(GroupID.init) {
            let promised = acknowledged[group] ?? [:]
            let start = released[group] ?? 0
            var found: [UInt64: [UInt8]] = [:]
            try replicator.replay(group, after: start) { entry in
                #expect(found[entry.index] == nil, comment)
                found[entry.index] = entry.payload
            }
            for (index, payload) in promised where index > start {
                #expect(found[index] == payload, "\(group) entry \(index); \(comment)")
            }
            for (index, payload) in found where promised[index] == nil {
                #expect(proposed.contains(payload), "\(group) entry \(index); \(comment)")
            }
            #expect(Set(found.keys).count == found.count, comment)
        }
    }

    /// The acknowledged entries that a recovery found beyond the ledger are promised from now on.
    mutating func adopt(_ replicator: Replicator) throws {
        for group in replicator.groups {
            var found: [UInt64: [UInt8]] = [:]
            try replicator.replay(group, after: released[group] ?? 0) { entry in
                found[entry.index] = entry.payload
            }
            acknowledged[group, default: [:]].merge(found) { _, new in new }
        }
    }
}
