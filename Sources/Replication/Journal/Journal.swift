internal import Encoding
package import Platform
package import Raft

/// The write-ahead log of a node: the entries and states of all its groups, in segment files of
/// one directory. There is no other log; one write and one sync serve all groups.
///
/// Owned by one thread. What `commit` has returned for is durable; a batch of which it threw is
/// not promised to be either there or gone after a crash. Segments are only ever removed oldest
/// first, when all their entries are released and a durable record says so. An open journal
/// always writes to a segment that it began itself: what a crash left in earlier ones is frozen.
///
/// Format: docs/format/journal.md.
package final class Journal {
    /// Sizes and names.
    package struct Options: Sendable {
        /// Length of a segment file, preallocated. Whole pages, at most 2 GiB.
        package var segmentBytes = 64 << 20

        package init() {}
    }

    struct Segment {
        let number: UInt64
        let nonce: UInt64
        let path: DiskPath
        let file: any DiskFile
        /// Where the next batch goes.
        var end: Int
        /// Entries here that are neither released nor replaced.
        var liveCount = 0
    }

    /// What the state records of one group may take: members of a group are few.
    private let stateBytesMax = 2 * JournalFormat.recordHeaderBytes + 1_024

    /// A file that is kept in reserve: preallocated space that a full disk can not take away.
    static let reserveName = "reserve"
    /// A released segment that waits to be used again.
    static let spareName = "spare"

    let disk: any Disk
    let directory: DiskPath
    let options: Options
    let random: any RandomSource
    let figures: JournalFigures
    private let time: any TimeSource
    /// How long syncs took lately.
    package let syncTimes: LatencyMeter

    /// Oldest first; the last one is written to. Empty only while opening.
    var segments: [Segment] = []
    var groups: [GroupID: GroupLog] = [:]
    /// The sequence that was last given to a write.
    var sequence: UInt64 = 0
    /// The sequence of the last durable batch.
    var durableSequence: UInt64 = 0
    /// Groups whose release no durable record tells yet; sorted when used.
    private var dirtyGroups: Set<GroupID> = []
    /// The sync that failed: the journal is dead.
    package internal(set) var syncFailure: DiskError?
    /// Whether states wait for the next `commit`.
    package var hasStatesToRecord: Bool { !dirtyGroups.isEmpty }
    /// Whether a marker says that the last batch is durable.
    private var isMarked = true

    init(
        disk: any Disk, directory: DiskPath, options: Options, random: any RandomSource,
        time: any TimeSource, telemetry: Telemetry
    ) {
        precondition(
            options.segmentBytes >= 8 * JournalFormat.pageBytes
                && options.segmentBytes <= 2 << 30
                && options.segmentBytes.isMultiple(of: JournalFormat.pageBytes),
            "a segment of \(options.segmentBytes) bytes")
        self.disk = disk
        self.directory = directory
        self.options = options
        self.random = random
        self.time = time
        syncTimes = LatencyMeter(time: time)
        figures = JournalFigures(telemetry)
    }

    /// What one batch may have on disk: half a segment.
    package var batchBytesMax: Int { options.segmentBytes / 2 }

    /// Groups of which there is anything, ascending.
    package var groupIDs: [GroupID] { groups.keys.sorted() }

    /// What the journal remembers of the group; that of a new group when there is nothing.
    package func state(of group: GroupID) -> GroupState { groups[group]?.state ?? GroupState() }

    /// The index of the group's newest entry; 0 for none.
    package func lastIndex(of group: GroupID) -> UInt64 { groups[group]?.lastIndex ?? 0 }

    /// The number of segment files.
    package var segmentCount: Int { segments.count }

    /// The groups that keep the oldest segment from going, ascending: those should seal.
    package var groupsPinningOldest: [GroupID] {
        guard let oldest = segments.first, segments.count > 1 else { return [] }
        return groups.filter { _, log in log[log.firstIndex]?.segment == oldest.number }
            .keys.sorted()
    }

    /// Writes `batch`, with the hard states and releases that wait, and makes it durable; on
    /// return it is empty. Errors: `full` and `disk`, after which the batch may be tried again;
    /// `syncFailed`; `tooLarge`. `mayUseReserve`: for entries that lead to space being freed.
    package func commit(
        _ batch: inout JournalBatch, mayUseReserve: Bool = false
    ) throws(JournalError) {
        try makeRoom(byteCount: batch.pagedByteCount, mayUseReserve: mayUseReserve)
        let recorded = dirtyGroups.sorted()
        for group in recorded { addState(of: group, to: &batch) }
        let current = segments.count - 1
        try write(&batch, to: current)
        try sync(current)
        note(batch.records, in: current, base: segments[current].end)
        segments[current].end += batch.pagedByteCount
        settle(recorded)
        figures.batches.add()
        figures.bytes.add(batch.pagedByteCount)
        batch.removeAll()
        isMarked = false
        reclaim()
    }

    /// Sees to it that a batch of `byteCount` finds its space in the current segment. Errors as of
    /// `commit`; after `full` nothing has changed.
    package func makeRoom(byteCount: Int, mayUseReserve: Bool) throws(JournalError) {
        if let syncFailure { throw JournalError.syncFailed(syncFailure) }
        guard byteCount <= batchBytesMax else {
            throw JournalError.tooLarge(byteCount: byteCount, limit: batchBytesMax)
        }
        // Room for the state records that `commit` may add.
        let states = JournalFormat.paged(stateBytesMax * dirtyGroups.count)
        let isRoom = segments.last.map { $0.end + byteCount + states <= options.segmentBytes }
        if isRoom != true { try rotate(mayUseReserve: mayUseReserve) }
    }

    /// Sets the group's term and vote; durable with the next `commit`.
    package func setHardState(_ hardState: HardState, group: GroupID) {
        groups[group, default: GroupLog()].pendingHardState = hardState
        dirtyGroups.insert(group)
    }

    /// Who is in the group as far as a durable record or a call of `setConfiguration` says; nil for
    /// a sole voter's group.
    package func configuration(of group: GroupID) -> GroupConfiguration? {
        configurations(of: group).last
    }

    /// Who was in the group from which entries on, ascending, as far as that is known: from what is
    /// released on, or from the last of which an earlier version kept account.
    package func configurations(of group: GroupID) -> [GroupConfiguration] {
        groups[group]?.allConfigurations ?? []
    }

    /// Sets who is in the group; durable with the next `commit` or `rest`.
    package func setConfiguration(_ configuration: GroupConfiguration, group: GroupID) {
        groups[group, default: GroupLog()].setPending(configuration)
        dirtyGroups.insert(group)
    }

    /// Puts an image in place of the group's log, durably: it goes on behind the image's index.
    /// `hardState`: the group's now. A configuration of nobody: the group is a sole voter's. Errors as
    /// of `commit`.
    package func install(
        _ image: ImageReference, hardState: HardState, group: GroupID
    ) throws(JournalError) {
        var state = GroupState()
        state.term = hardState.term
        state.vote = hardState.vote?.number ?? 0
        state.releasedIndex = image.index
        state.releasedTerm = image.term
        state.beginsAnew = !Mutant.isOn(.imageKeepsOldLog)
        var batch = JournalBatch()
        batch.add(state, group: group)
        if !image.configuration.members.isEmpty, !Mutant.isOn(.imageWithoutConfiguration) {
            batch.add(image.configuration, group: group)
        }
        // What waits to be recorded of this group is in these records, or void.
        groups[group, default: GroupLog()].pendingRelease = 0
        groups[group]?.pendingHardState = nil
        groups[group]?.forgetPendingConfigurations()
        dirtyGroups.remove(group)
        try commit(&batch, mayUseReserve: true)
    }

    /// The term of the entry at `index`, the released one included; nil when it is not here.
    package func term(of group: GroupID, at index: UInt64) -> UInt64? {
        guard let log = groups[group] else { return nil }
        if let slot = log[index] { return slot.term }
        return index == log.state.releasedIndex ? log.state.releasedTerm : nil
    }

    /// Bytes of the payload of the entry at `index`; nil when it is not here.
    package func byteCount(of group: GroupID, at index: UInt64) -> Int? {
        groups[group]?[index].map { Int($0.byteCount) }
    }

    /// Says that the state machine has the group's entries up to `index` durably elsewhere. Their
    /// space is freed after a later `commit` or `rest`. No effect beyond the last entry.
    package func release(_ group: GroupID, through index: UInt64) {
        guard var log = groups[group] else { return }
        let bounded = min(index, log.lastIndex)
        guard bounded > max(log.pendingRelease, log.state.releasedIndex) else { return }
        log.pendingRelease = bounded
        groups[group] = log
        dirtyGroups.insert(group)
    }

    /// Up to where the group's entries are released, or are to be.
    func releaseIndex(of group: GroupID) -> UInt64 {
        groups[group].map { max($0.pendingRelease, $0.state.releasedIndex) } ?? 0
    }

    /// To be called when there is nothing to commit for a while. Records releases and frees what
    /// they allow, and says on disk that the last batch is durable: until then damage to that one
    /// batch can not be told from a torn write. Does nothing when all that is done.
    package func rest() throws(JournalError) {
        if !dirtyGroups.isEmpty {
            var batch = JournalBatch()
            try commit(&batch, mayUseReserve: true)
        }
        if !isMarked, let current = segments.last,
            current.end + JournalFormat.pageBytes <= options.segmentBytes
        {
            // Not synced and overwritten by the next batch: it holds nothing that can be lost.
            var marker = JournalBatch()
            try write(&marker, to: segments.count - 1)
            isMarked = true
        }
        try keepReserve()
    }

    /// The entry of the group at `index`, its payload checked. Errors: `noEntry` when it was
    /// released or never written, `corrupt`, `disk`.
    package func read(
        _ group: GroupID, index: UInt64
    ) throws(JournalError) -> (entry: Entry, payload: [UInt8]) {
        guard let slot = groups[group]?[index],
            let segment = segments.first(where: { $0.number == slot.segment })
        else { throw JournalError.noEntry(group, index: index) }
        let wanted = JournalFormat.recordHeaderBytes + Int(slot.byteCount)
        let bytes: [UInt8]
        do {
            bytes = try segment.file.read(at: Int(slot.offset), count: wanted)
        } catch {
            throw JournalError(error)
        }
        guard bytes.count == wanted,
            let record = JournalRecord(in: bytes, at: 0, end: wanted, seed: nil),
            case .entry(let entry) = record.content, record.group == group, entry.index == index,
            entry.term == slot.term, record.payload.upperBound == wanted
        else {
            throw JournalError.corrupt(
                file: segment.path.string, offset: Int(slot.offset),
                reason: "entry \(index) of \(group) is not what was written")
        }
        return (entry, Array(bytes[record.payload]))
    }

    private func write(_ batch: inout JournalBatch, to current: Int) throws(JournalError) {
        sequence += 1
        let segment = segments[current]
        let bytes = batch.sealed(
            sequence: sequence, previous: durableSequence, nonce: segment.nonce)
        do {
            try segment.file.write(bytes, at: segment.end)
        } catch {
            figures.failures.add()
            do {
                // So that a recovery does not find a batch of which the caller was told it failed.
                let blank = [UInt8](repeating: 0, count: JournalFormat.pageBytes)
                try segment.file.write(blank, at: segment.end)
            } catch {
                // The next write goes to the same place; until then the batch is in doubt.
                figures.failures.add()
            }
            throw JournalError(error)
        }
    }

    private func sync(_ current: Int) throws(JournalError) {
        let start = time.monotonicNanos()
        do {
            if !Mutant.isOn(.skipsSync) { try segments[current].file.sync() }
        } catch {
            syncFailure = error
            throw JournalError.syncFailed(error)
        }
        let nanos = time.monotonicNanos() - start
        figures.sync.record(nanos: nanos)
        syncTimes.record(nanos: nanos)
        durableSequence = sequence
    }

    /// Takes the records of a durable batch that begins at `base` into account.
    private func note(_ records: [JournalRecord], in current: Int, base: Int) {
        for record in records {
            guard apply(record, segmentAt: current, base: base) else {
                preconditionFailure("BUG: an entry leaves a hole in \(record.group)")
            }
        }
    }

    /// What was pending for these groups is durable now.
    func settle(_ recorded: [GroupID]) {
        for group in recorded {
            dirtyGroups.remove(group)
            groups[group]?.pendingHardState = nil
            groups[group]?.forgetPendingConfigurations()
        }
    }

    /// The records that say all there is to say of a group besides its entries.
    func addState(of group: GroupID, to batch: inout JournalBatch) {
        guard let log = groups[group] else { return }
        let state = log.stateToRecord
        batch.add(state, group: group)
        for configuration in GroupLog.needed(log.allConfigurations, from: state.releasedIndex) {
            batch.add(configuration, group: group)
        }
    }

    /// False when the record leaves a hole in its group's log. `base`: where the record's offset
    /// counts from.
    func apply(_ record: JournalRecord, segmentAt position: Int, base: Int) -> Bool {
        var log = groups.removeValue(forKey: record.group) ?? GroupLog()
        defer { groups[record.group] = log }
        switch record.content {
        case .entry(let entry):
            let slot = GroupLog.Slot(
                segment: segments[position].number, offset: UInt32(base + record.offset),
                byteCount: UInt32(record.payload.count), term: entry.term)
            guard let replaced = log.append(slot, at: entry.index) else { return false }
            segments[position].liveCount += 1
            forget(replaced)
        case .state(let state):
            log.state = state
            forget(
                state.beginsAnew
                    ? log.beginAnew(behind: state.releasedIndex)
                    : log.drop(through: state.releasedIndex))
            log.pruneConfigurations()
        case .configuration(let configuration): log.note(configuration)
        }
        return true
    }

    func forget(_ slots: ArraySlice<GroupLog.Slot>) {
        guard let oldest = segments.first?.number else { return }
        // Segments are numbered without gaps.
        for slot in slots { segments[Int(slot.segment - oldest)].liveCount -= 1 }
    }
}
