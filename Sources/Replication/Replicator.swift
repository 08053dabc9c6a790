internal import Encoding
package import Platform
package import Raft

/// Drives the groups of a node over one journal: proposals and peers' messages in, committed
/// entries and messages out. It never calls up, reads no clock and knows no socket; one loop owns
/// it and calls
///
///     receive … tick … propose … → prepare() → send → commit() → send, apply, answer
///
/// again and again: what gathers during one write and sync goes into the next, all groups together.
/// What `prepare` returns may leave before the write, what `commit` returns only after it.
package final class Replicator {
    /// Limits.
    package struct Options: Sendable {
        /// Payload bytes that are proposed and not yet committed; beyond it, `overloaded`.
        package var inFlightBytesMax = 64 << 20
        /// Payload bytes of one write that are proposed here; more waits for the next. One larger
        /// payload goes alone.
        package var batchBytesMax = 4 << 20
        /// Of one payload.
        package var payloadBytesMax = 16 << 20
        /// Payloads of all groups that are kept for followers; older ones are read back.
        package var windowBytesMax = 64 << 20
        /// Entries of one group that are kept for the same.
        package var windowCountMax = 4_096
        package var journal = Journal.Options()

        package init() {}
    }

    package typealias Committed = ReplicationOutput.Committed
    package typealias Withdrawn = ReplicationOutput.Withdrawn

    /// The journal, for its figures and its rest.
    package let journal: Journal

    let node: NodeID
    let options: Options
    let random: any RandomSource
    let figures: ReplicationFigures
    private(set) var replicas: [GroupID: GroupReplica] = [:]
    /// The same, by group.
    private(set) var inOrder: [GroupReplica] = []
    /// What peers claim, as they said last.
    var heard: [NodeID: HeardClaims] = [:]
    /// Groups whose core may have something to do.
    var dirty: Set<GroupID> = [] { didSet { isStirred = true } }
    /// Whether something has happened, to any group, since a tick that found all of them at rest.
    var isStirred = true
    /// Groups that were opened since the start.
    private(set) var openCount = 0
    /// What is to be told with the next `commit`.
    var output = ReplicationOutput()
    /// Ticks since the start.
    var tickCount: UInt64 = 0
    /// Of how many ticks the cores see one, and whether they see the last one.
    var patience: UInt64 = 1
    var isCoreTick = true
    /// Not yet given to a core: ordinary ones, and those that lead to space being freed.
    private var queue: [GroupReplica.Proposal] = []
    private var urgentQueue: [GroupReplica.Proposal] = []
    private var payloadSequence: UInt64
    /// What is being written: the batch, and the groups with a ready in it.
    private var batch = JournalBatch()
    var written: [GroupReplica] = []
    private var isBatchUrgent = false
    private var needsWrite = false
    /// What the next batch may hold already, from messages.
    private var arrivedRecordBytes = 0
    private var inFlightBytes = 0

    /// Opens the journal in `directory`. Sole voters' groups come into being with their first
    /// proposal, others with `open`. Errors: `journal`.
    package init(
        disk: any Disk, directory: DiskPath, node: NodeID, options: Options = Options(),
        random: any RandomSource = SystemRandom(), time: any TimeSource = SystemTime(),
        telemetry: Telemetry
    ) throws(ReplicationError) {
        self.node = node
        self.options = options
        self.random = random
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

    /// The index of the group's newest committed entry, as far as this node knows; 0 for none.
    package func commitIndex(of group: GroupID) -> UInt64 {
        replicas[group]?.commitIndex ?? journal.lastIndex(of: group)
    }

    /// Payload bytes that are proposed and not yet returned by `commit`.
    package var pendingBytes: Int { inFlightBytes }

    /// Whether a round would do something.
    package var hasWork: Bool {
        !queue.isEmpty || !urgentQueue.isEmpty || !written.isEmpty || !dirty.isEmpty
            || !output.faults.isEmpty
    }

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
        count(inFlight: payload.count)
        let proposal = GroupReplica.Proposal(group: group, payload: payload, tag: tag)
        if isUrgent { urgentQueue.append(proposal) } else { queue.append(proposal) }
    }

    /// The largest payload that can be proposed.
    package var payloadBytesMax: Int {
        let overhead = 2 * JournalFormat.pageBytes
        return min(options.payloadBytesMax, journal.batchBytesMax - overhead)
    }

    /// Takes a message from a peer. False: not now, the next write is full; give it again after a
    /// `commit`. Messages of groups that are not open, and those that make no sense, are dropped.
    package func receive(_ received: ReceivedMessage) -> Bool {
        guard let replica = replicas[received.group], replica.fault == nil, !replica.isSilent
        else { return true }
        let limit = journal.batchBytesMax - 2 * JournalFormat.pageBytes
        guard arrivedRecordBytes == 0 || arrivedRecordBytes + received.recordBytes <= limit else {
            return false
        }
        let message = received.message
        if message.needsImage {
            replica.imageMessage = message
            output.imagesWanted.append(.init(group: replica.id, leader: message.from))
            return true
        }
        // With an image on its way in, the log that entries would go behind is not there yet.
        if replica.outstanding != nil, !received.payloads.isEmpty { return true }
        for payload in received.payloads where payload.descriptor != .none {
            replica.arrived[GroupReplica.PayloadID(payload.descriptor)] = payload.bytes
        }
        arrivedRecordBytes += received.recordBytes
        if !received.payloads.isEmpty { replica.wake() }
        drive(replica) { core throws(RaftError) in try core.step(message) }
        return true
    }

    /// Moves proposals into cores, takes what cores are ready to do and returns the messages that
    /// may leave at once. Errors: `journal(.full)`: nothing of the queue was begun; `withdraw`
    /// gives it back, or call again when there is space; what peers sent waits, too.
    package func prepare() throws(ReplicationError) -> [GroupMessage] {
        guard written.isEmpty else { return [] }
        do {
            try takeProposals()
        } catch {
            throw ReplicationError.journal(error)
        }
        var messages: [GroupMessage] = []
        let limit = journal.batchBytesMax - JournalFormat.pageBytes
        for group in dirty.sorted() {
            if !batch.isEmpty, batch.pagedByteCount + arrivedRecordBytes > limit { break }
            dirty.remove(group)
            // One that has an image on its way in is looked at again when that is installed.
            guard let replica = replicas[group], replica.outstanding == nil else { continue }
            takeReady(of: replica, &messages)
        }
        arrivedRecordBytes = 0
        return messages
    }

    /// Makes durable what `prepare` took and returns what that allows. Blocks for the sync when
    /// there is something to write. Calls `prepare` itself when that was not done.
    ///
    /// Errors: as of `prepare`; `journal(.disk)`: the batch is kept and written again by the next
    /// call. `journal(.syncFailed)`: stop the process.
    package func commit() throws(ReplicationError) -> ReplicationOutput {
        if written.isEmpty { output.messages += try prepare() }
        let waitsForMore = Mutant.isOn(.commitsBeforeSync) && batch.pagedByteCount < 32 << 10
        if needsWrite, !waitsForMore {
            do {
                try journal.commit(&batch, mayUseReserve: isBatchUrgent || batch.isEmpty)
            } catch {
                throw ReplicationError.journal(error)
            }
            needsWrite = false
        }
        let done = written
        written.removeAll(keepingCapacity: true)
        for replica in done { settle(replica) }
        defer { output = ReplicationOutput() }
        return output
    }

    /// Gives back the ordinary proposals that were not begun, oldest first: they will not commit.
    package func withdraw() -> [Withdrawn] {
        defer {
            count(inFlight: -queue.reduce(0) { $0 + $1.payload.count })
            queue.removeAll()
        }
        return queue.map { Withdrawn(group: $0.group, tag: $0.tag) }
    }

    /// Says that the state machine has the entries up to `index` durably elsewhere: by a peer's image
    /// also some of which it is not known here, since a start, that they are committed. Those stay until
    /// it is, for then the core asks for them.
    package func release(_ group: GroupID, through index: UInt64) {
        guard let replica = replicas[group] else {
            return journal.release(group, through: index)
        }
        if Mutant.isOn(.releasesUncommitted) { journal.release(group, through: index) }
        replica.compactDue = max(index, replica.compactDue ?? 0)
        compact(replica)
    }

    /// Releases what is due, and tells the core, unless an image is on its way in.
    private func compact(_ replica: GroupReplica) {
        guard replica.outstanding == nil, let due = replica.compactDue else { return }
        let index = min(due, replica.commitIndex)
        replica.compactDue = index < due ? due : nil
        guard index > journal.releaseIndex(of: replica.id) else { return }
        journal.release(replica.id, through: index)
        do {
            try replica.core.compact(through: index)
        } catch {
            fail(replica, "\(error)")
        }
    }

    /// A group is open from now on.
    func add(_ replica: GroupReplica) {
        isStirred = true
        openCount += 1
        replicas[replica.id] = replica
        let place = inOrder.firstIndex { $0.id > replica.id } ?? inOrder.count
        inOrder.insert(replica, at: place)
    }

    /// It is not any more.
    func remove(_ group: GroupID) -> GroupReplica? {
        inOrder.removeAll { $0.id == group }
        return replicas.removeValue(forKey: group)
    }

    /// To be called when there was nothing to commit for a while, and before closing.
    package func rest() throws(ReplicationError) {
        guard written.isEmpty else { return }
        do {
            try journal.rest()
        } catch {
            throw ReplicationError.journal(error)
        }
    }

    func count(inFlight bytes: Int) {
        inFlightBytes += bytes
        figures.inFlight.set(inFlightBytes)
    }
}

extension Replicator {
    /// Gives the waiting proposals that fit one write to their cores.
    private func takeProposals() throws(JournalError) {
        isBatchUrgent = !urgentQueue.isEmpty
        let waiting = isBatchUrgent ? urgentQueue : queue
        var takeCount = 0
        var payloadBytes = 0
        var recordBytes = JournalFormat.pageBytes + arrivedRecordBytes
        for proposal in waiting {
            let next = JournalBatch.recordBytes(payloadBytes: proposal.payload.count)
            let isFull =
                payloadBytes + proposal.payload.count > options.batchBytesMax
                || recordBytes + next > journal.batchBytesMax - JournalFormat.pageBytes
            if isFull, takeCount > 0 || arrivedRecordBytes > 0 { break }
            takeCount += 1
            payloadBytes += proposal.payload.count
            recordBytes += next
        }
        guard takeCount > 0 else { return }
        // Before a core has numbered them: until here they can be withdrawn.
        try journal.makeRoom(
            byteCount: JournalFormat.paged(recordBytes), mayUseReserve: isBatchUrgent)
        for proposal in waiting[..<takeCount] { give(proposal) }
        if isBatchUrgent {
            urgentQueue.removeFirst(takeCount)
        } else {
            queue.removeFirst(takeCount)
        }
    }

    private func give(_ proposal: GroupReplica.Proposal) {
        guard let replica = replicas[proposal.group] ?? openSoleVoter(proposal.group),
            replica.fault == nil
        else { return refuse(proposal, leader: nil) }
        guard replica.leadership.isOwn else {
            return refuse(proposal, leader: replica.leadership.leader)
        }
        payloadSequence += 1
        let descriptor = EntryDescriptor(
            origin: node.number, sequence: payloadSequence,
            byteCount: UInt32(proposal.payload.count),
            checksum: CRC32C.checksum(of: proposal.payload))
        do {
            try replica.core.propose([descriptor])
            replica.underWay[payloadSequence] = proposal
            replica.wake()
            dirty.insert(replica.id)
        } catch .notLeader {
            refuse(proposal, leader: nil)
        } catch {
            refuse(proposal, leader: nil)
            fail(replica, "\(error)")
        }
    }

    private func refuse(_ proposal: GroupReplica.Proposal, leader: NodeID?) {
        count(inFlight: -proposal.payload.count)
        output.refused.append(
            Withdrawn(group: proposal.group, tag: proposal.tag, leader: leader))
    }

    /// Takes what the core is ready to do into the batch.
    private func takeReady(of replica: GroupReplica, _ messages: inout [GroupMessage]) {
        let ready: Ready
        do {
            guard let found = try replica.core.ready() else { return }
            ready = found
        } catch {
            return fail(replica, "\(error)")
        }
        if let hardState = ready.hardState {
            replica.hardState = hardState
            if !Mutant.isOn(.forgetsHardState) {
                journal.setHardState(hardState, group: replica.id)
            }
            needsWrite = true
        }
        if let leadership = ready.leadership { note(leadership, replica) }
        for entry in ready.entries {
            guard let payload = payload(of: entry, replica) else {
                return fail(replica, "entry \(entry.index) came without its payload")
            }
            batch.add(entry, group: replica.id, payload: payload)
            if !replica.isSole {
                replica.window.append((entry.descriptor, payload), at: entry.index)
            }
            needsWrite = true
        }
        replica.arrived.removeAll(keepingCapacity: true)
        for read in ready.reads {
            output.reads.append(
                .init(group: replica.id, context: read.context, index: read.index))
        }
        messages += ready.messages.compactMap { encode($0, replica) }
        replica.outstanding = ready
        written.append(replica)
    }

    private func payload(of entry: Entry, _ replica: GroupReplica) -> [UInt8]? {
        guard entry.kind == .normal else { return [] }
        if entry.descriptor.origin == node.number,
            let own = replica.underWay[entry.descriptor.sequence]
        {
            return own.payload
        }
        return replica.arrived[GroupReplica.PayloadID(entry.descriptor)]
    }

    /// A change of leader: proposals that the old one had under way are in doubt.
    func note(_ leadership: Leadership, _ replica: GroupReplica) {
        if leadership.leader != nil { replica.campaigns = nil }
        if leadership.isOwn { replica.unclaimedTicks = 0 }
        if replica.leadership.isOwn, !leadership.isOwn {
            for (_, proposal) in replica.underWay.sorted(by: { $0.key < $1.key }) {
                count(inFlight: -proposal.payload.count)
                output.lost.append(
                    Withdrawn(
                        group: replica.id, tag: proposal.tag, leader: leadership.leader))
            }
            // Those that are in this very ready keep their payload.
            for (sequence, proposal) in replica.underWay {
                let id = GroupReplica.PayloadID(
                    EntryDescriptor(
                        origin: node.number, sequence: sequence, byteCount: 0, checksum: 0))
                replica.arrived[id] = proposal.payload
            }
            replica.underWay.removeAll()
        }
        replica.leadership = leadership
        replica.wake()
        output.leaderChanges.append(
            .init(group: replica.id, term: replica.hardState.term, leadership: leadership))
    }

    /// Tells the core that its ready is durable.
    func settle(_ replica: GroupReplica) {
        guard let ready = replica.outstanding else { return }
        replica.outstanding = nil
        dirty.insert(replica.id)
        let persisted: Persisted
        do {
            persisted = try replica.core.persisted(ready.number)
        } catch {
            return fail(replica, "\(error)")
        }
        defer { compact(replica) }
        if let configuration = persisted.configuration {
            replica.configuration = configuration
            if !Mutant.isOn(.forgetsConfiguration) {
                journal.setConfiguration(configuration, group: replica.id)
            }
        }
        output.messages += persisted.messages.compactMap { encode($0, replica) }
        let committed =
            Mutant.isOn(.acknowledgesWhenWritten) && replica.leadership.isOwn
            ? ready.entries : persisted.committed
        for entry in committed {
            replica.commitIndex = entry.index
            guard entry.kind == .normal else { continue }
            let isOwn = entry.descriptor.origin == node.number
            let proposal =
                isOwn ? replica.underWay.removeValue(forKey: entry.descriptor.sequence) : nil
            if let proposal { count(inFlight: -proposal.payload.count) }
            guard
                let payload = proposal?.payload
                    ?? storedPayload(of: entry.index, entry.descriptor, replica)
            else { return fail(replica, "committed entry \(entry.index) is not in the journal") }
            output.committed.append(
                Committed(
                    group: replica.id, index: entry.index, payload: payload,
                    tag: proposal?.tag ?? 0))
            figures.entries.add()
        }
        if let last = persisted.committed.last, last.kind != .normal {
            output.progress.append((replica.id, last.index))
        }
        replica.window.trim(
            to: max(options.windowBytesMax / max(replicas.count, 1), 1 << 20),
            countMax: options.windowCountMax)
    }
}
