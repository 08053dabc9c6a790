internal import Encoding
package import Platform
package import Raft

/// Drives the groups of a node over one journal: proposals in, committed entries out. It never
/// calls up; one loop owns it and calls
///
///     propose … propose → commit() → apply what it returns, acknowledge by tag
///
/// again and again: what gathers during one write and sync goes into the next, all groups together.
///
/// Every group has a `SoleVoter` for now; entries commit when they are durable here.
package final class Replicator {
    /// Limits.
    package struct Options: Sendable {
        /// Payload bytes that are proposed and not yet committed; beyond it, `overloaded`.
        package var inFlightBytesMax = 64 << 20
        /// Payload bytes of one write; more waits for the next. One larger payload goes alone.
        package var batchBytesMax = 4 << 20
        /// Of one payload.
        package var payloadBytesMax = 16 << 20
        package var journal = Journal.Options()

        package init() {}
    }

    /// A committed entry.
    package struct Committed: Sendable {
        package let group: GroupID
        package let index: UInt64
        package let payload: [UInt8]
        /// What `propose` was given; 0 when replayed.
        package let tag: UInt64
    }

    /// A proposal that was not begun.
    package struct Withdrawn: Hashable, Sendable {
        package let group: GroupID
        package let tag: UInt64
    }

    private struct Proposal {
        let group: GroupID
        let payload: [UInt8]
        let tag: UInt64
    }

    /// The journal, for its figures and its rest.
    package let journal: Journal

    private let node: NodeID
    private let options: Options
    private let figures: ReplicationFigures
    private var cores: [GroupID: SoleVoter] = [:]
    /// Not yet given to a core: ordinary ones, and those that lead to space being freed.
    private var queue: [Proposal] = []
    private var urgentQueue: [Proposal] = []
    /// Given to a core, by payload sequence.
    private var underWay: [UInt64: Proposal] = [:]
    private var payloadSequence: UInt64
    /// What is being written: the batch, and the ready of each group that it holds.
    private var batch = JournalBatch()
    private var readies: [(group: GroupID, number: UInt64)] = []
    private var isBatchUrgent = false
    private var inFlightBytes = 0

    /// Opens the journal in `directory` and continues its groups. Groups come into being with
    /// their first proposal. Errors: `journal`.
    package init(
        disk: any Disk, directory: DiskPath, node: NodeID, options: Options = Options(),
        random: any RandomSource = SystemRandom(), time: any TimeSource = SystemTime(),
        telemetry: Telemetry
    ) throws(ReplicationError) {
        self.node = node
        self.options = options
        figures = ReplicationFigures(telemetry)
        // Payload ids must not repeat after a restart; a random start in 2^63 will not.
        payloadSequence = random.next() >> 1
        do {
            journal = try Journal.open(
                disk: disk, directory: directory, options: options.journal, random: random,
                time: time, telemetry: telemetry)
        } catch {
            throw ReplicationError.journal(error)
        }
    }

    /// Groups that the journal knows, ascending.
    package var groups: [GroupID] { journal.groupIDs }

    /// The index of the group's newest committed entry; 0 for none.
    package func commitIndex(of group: GroupID) -> UInt64 {
        cores[group]?.status.commitIndex ?? journal.lastIndex(of: group)
    }

    /// Payload bytes that are proposed and not yet returned by `commit`.
    package var pendingBytes: Int { inFlightBytes }

    /// Whether `commit` would have something to write.
    package var hasWork: Bool { !queue.isEmpty || !urgentQueue.isEmpty || !readies.isEmpty }

    /// Takes a payload for the group's log. Entries of a group commit in the order of their calls
    /// (urgent and ordinary ones each). `isUrgent`: leads to space being freed, so it may use the
    /// journal's reserve, and is not held to `inFlightBytesMax`. Errors: `overloaded`, `tooLarge`.
    package func propose(
        _ group: GroupID, payload: [UInt8], tag: UInt64, isUrgent: Bool = false
    ) throws(ReplicationError) {
        guard payload.count <= payloadBytesMax else {
            throw ReplicationError.tooLarge(byteCount: payload.count, limit: payloadBytesMax)
        }
        guard isUrgent || inFlightBytes + payload.count <= options.inFlightBytesMax else {
            figures.overloaded.add()
            throw ReplicationError.overloaded(pendingBytes: inFlightBytes)
        }
        inFlightBytes += payload.count
        figures.inFlight.set(inFlightBytes)
        let proposal = Proposal(group: group, payload: payload, tag: tag)
        if isUrgent { urgentQueue.append(proposal) } else { queue.append(proposal) }
    }

    /// The largest payload that can be proposed.
    package var payloadBytesMax: Int {
        let overhead = 2 * JournalFormat.pageBytes
        return min(options.payloadBytesMax, journal.batchBytesMax - overhead)
    }

    /// Writes one batch of what was proposed, makes it durable and returns what is committed by
    /// that, in order per group. Empty when there was nothing to do. Blocks for the sync.
    ///
    /// Errors: `journal(.full)`: nothing of the queue was begun; `withdraw` gives it back, or
    /// call again when there is space. `journal(.disk)`: the batch is kept and written again by
    /// the next call. `journal(.syncFailed)`: stop the process.
    package func commit() throws(ReplicationError) -> [Committed] {
        do {
            if readies.isEmpty { try collect() }
            guard !readies.isEmpty else { return [] }
            try journal.commit(&batch, mayUseReserve: isBatchUrgent)
        } catch {
            throw ReplicationError.journal(error)
        }
        let written = readies
        readies.removeAll(keepingCapacity: true)
        var committed: [Committed] = []
        for (group, number) in written {
            guard let entries = cores[group]?.persisted(number).committed else { continue }
            for entry in entries where entry.kind == .normal {
                guard let proposal = underWay.removeValue(forKey: entry.descriptor.sequence)
                else { preconditionFailure("BUG: a committed entry without its payload") }
                inFlightBytes -= proposal.payload.count
                committed.append(
                    Committed(
                        group: group, index: entry.index, payload: proposal.payload,
                        tag: proposal.tag))
            }
        }
        figures.inFlight.set(inFlightBytes)
        figures.entries.add(committed.count)
        return committed
    }

    /// Gives back the ordinary proposals that were not begun, oldest first: they will not commit.
    package func withdraw() -> [Withdrawn] {
        defer {
            inFlightBytes -= queue.reduce(0) { $0 + $1.payload.count }
            figures.inFlight.set(inFlightBytes)
            queue.removeAll()
        }
        return queue.map { Withdrawn(group: $0.group, tag: $0.tag) }
    }

    /// Calls `body` with the group's committed entries after `applied`, in order, from the
    /// journal: what a state machine that stands at `applied` has missed. Errors: `released` when
    /// some of them are gone, `journal`; and those of `body`.
    package func replay(
        _ group: GroupID, after applied: UInt64, _ body: (Committed) throws -> Void
    ) throws {
        let released = journal.state(of: group).releasedIndex
        guard applied >= released else {
            throw ReplicationError.released(group, through: released)
        }
        var index = applied + 1
        let last = commitIndex(of: group)
        while index <= last {
            let found = try journal.read(group, index: index)
            if found.entry.kind == .normal {
                try body(
                    Committed(group: group, index: index, payload: found.payload, tag: 0))
            }
            index += 1
        }
    }

    /// Says that the state machine has the entries up to `index` durably elsewhere.
    package func release(_ group: GroupID, through index: UInt64) {
        journal.release(group, through: index)
        cores[group]?.compact(through: index)
    }

    /// To be called when there was nothing to commit for a while, and before closing.
    package func rest() throws(ReplicationError) {
        guard readies.isEmpty else { return }
        do {
            try journal.rest()
        } catch {
            throw ReplicationError.journal(error)
        }
    }

    /// Moves proposals into cores and what these are ready to write into the batch.
    private func collect() throws(JournalError) {
        isBatchUrgent = !urgentQueue.isEmpty
        let waiting = isBatchUrgent ? urgentQueue : queue
        var takeCount = 0
        var payloadBytes = 0
        var recordBytes = JournalFormat.pageBytes
        for proposal in waiting {
            let next = JournalBatch.recordBytes(payloadBytes: proposal.payload.count)
            let isFull =
                payloadBytes + proposal.payload.count > options.batchBytesMax
                || recordBytes + next > journal.batchBytesMax - JournalFormat.pageBytes
            if takeCount > 0, isFull { break }
            takeCount += 1
            payloadBytes += proposal.payload.count
            recordBytes += next
        }
        guard takeCount > 0 else { return }
        // Before a core has numbered them: until here they can be withdrawn.
        try journal.makeRoom(
            byteCount: JournalFormat.paged(recordBytes), mayUseReserve: isBatchUrgent)
        var touched: [GroupID] = []
        for proposal in waiting[..<takeCount] { give(proposal, &touched) }
        if isBatchUrgent {
            urgentQueue.removeFirst(takeCount)
        } else {
            queue.removeFirst(takeCount)
        }
        for group in touched.sorted() { takeReady(of: group) }
    }

    private func give(_ proposal: Proposal, _ touched: inout [GroupID]) {
        let group = proposal.group
        if cores[group] == nil {
            let state = journal.state(of: group)
            let vote = state.vote == 0 ? nil : NodeID(state.vote)
            cores[group] = SoleVoter(
                node: node, hardState: HardState(term: state.term, vote: vote),
                lastIndex: journal.lastIndex(of: group))
        }
        if !touched.contains(group) { touched.append(group) }
        payloadSequence += 1
        underWay[payloadSequence] = proposal
        let descriptor = EntryDescriptor(
            origin: node.number, sequence: payloadSequence,
            byteCount: UInt32(proposal.payload.count),
            checksum: CRC32C.checksum(of: proposal.payload))
        do {
            try cores[group]?.propose([descriptor])
        } catch {
            preconditionFailure("BUG: a sole voter refused a proposal: \(error)")
        }
    }

    private func takeReady(of group: GroupID) {
        guard let ready = cores[group]?.ready() else { return }
        if let hardState = ready.hardState { journal.setHardState(hardState, group: group) }
        for entry in ready.entries {
            guard let payload = underWay[entry.descriptor.sequence]?.payload else {
                preconditionFailure("BUG: an entry without its payload")
            }
            batch.add(entry, group: group, payload: payload)
        }
        readies.append((group, ready.number))
    }
}
