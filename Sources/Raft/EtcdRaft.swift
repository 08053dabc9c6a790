#if canImport(CEtcdRaft)
internal import CEtcdRaft

/// etcd's raft as a consensus core: Debian's package as a C archive (Sources/CEtcdRaft).
///
/// One `Ready` at a time: the next one comes after `persisted`. Payloads stay outside, entries are
/// descriptors of 32 bytes. Not `Sendable`: calls on one core come from one thread at a time.
package final class EtcdRaft: ConsensusCore {
    /// What a core is opened with; the log as the journal holds it.
    package struct Start {
        package var node: NodeID
        /// Of the draws for election timeouts.
        package var seed: UInt64
        package var hardState: HardState
        /// The state machine stands there; it is committed.
        package var appliedIndex: UInt64
        /// What is known to be committed, when that is more.
        package var committedIndex: UInt64 = 0
        /// The entry that the log begins behind, and who was in the group there; from 1.
        package var image: ImageReference
        /// Who was in the group from which entries on, as far as that is known, ascending: the last of
        /// them are in it now. Empty: those of the image.
        package var configurations: [GroupConfiguration]
        /// All behind the image.
        package var entries: [Entry]
        /// Ticks without a leader's word until an election, and between a leader's heartbeats.
        package var electionTicks: Int32 = 10
        package var heartbeatTicks: Int32 = 1
        /// Payload bytes behind one message; one larger payload goes alone.
        package var messagePayloadBytesMax = 4 << 20

        package init(
            node: NodeID, seed: UInt64, hardState: HardState, appliedIndex: UInt64,
            image: ImageReference, configurations: [GroupConfiguration] = [],
            entries: [Entry] = []
        ) {
            self.node = node
            self.seed = seed
            self.hardState = hardState
            self.appliedIndex = appliedIndex
            self.image = image
            self.configurations = configurations
            self.entries = entries
        }
    }

    private let handle: UInt64
    private let node: NodeID
    private var readyNumber: UInt64 = 0

    /// Errors: `badState` when `start` contradicts itself.
    package init(_ start: Start) throws(RaftError) {
        node = start.node
        var state = RaftWireWriter()
        state.put(start.hardState.term)
        state.put(start.hardState.vote?.number ?? 0)
        state.put(max(start.committedIndex, start.appliedIndex))
        state.put(start.appliedIndex)
        state.put(start.image.index)
        state.put(start.image.term)
        state.put(start.image.configuration)
        state.put(UInt64(start.configurations.count))
        for configuration in start.configurations {
            state.put(configuration.index)
            state.put(configuration)
        }
        state.put(start.entries)
        handle = unsafe varve_raft_open(
            start.node.number, start.seed, start.electionTicks, start.heartbeatTicks,
            Int64(start.messagePayloadBytesMax), state.bytes, Int64(state.bytes.count))
        guard handle != 0 else { throw RaftError.badState("it can not be opened") }
    }

    deinit { varve_raft_close(handle) }

    package func step(_ message: RaftMessage) throws(RaftError) {
        try check(unsafe varve_raft_step(handle, message.body, Int64(message.body.count)))
    }

    package func step(
        _ message: RaftMessage, replacingImageBy image: ImageReference
    ) throws(RaftError) {
        var reference = RaftWireWriter()
        reference.put(image.index)
        reference.put(image.term)
        reference.put(image.configuration)
        try check(
            unsafe varve_raft_step_image(
                handle, message.body, Int64(message.body.count), reference.bytes,
                Int64(reference.bytes.count)))
    }

    package func image(at index: UInt64) throws(RaftError) -> ImageReference? {
        var answer = unsafe try answer({ unsafe varve_raft_image_at(handle, index, $0) })
        return answer?.bareImage()
    }

    package func tick() throws(RaftError) { try check(varve_raft_tick(handle)) }

    package func campaign() throws(RaftError) { try check(varve_raft_campaign(handle)) }

    package func propose(_ descriptors: [EntryDescriptor]) throws(RaftError) {
        var data = RaftWireWriter()
        for descriptor in descriptors { data.put(descriptor) }
        try check(
            unsafe varve_raft_propose(
                handle, data.bytes, Int32(EntryDescriptor.byteCount), Int32(descriptors.count)))
    }

    package func ready() throws(RaftError) -> Ready? {
        guard var answer = unsafe try answer({ unsafe varve_raft_ready(handle, $0) }) else {
            return nil
        }
        readyNumber += 1
        let hardState =
            answer.flag()
            ? HardState(term: answer.u64(), vote: NodeID(nonzero: answer.u64())) : nil
        let image = answer.flag() ? answer.image() : nil
        let entries = answer.entries()
        let messages = answer.messages(from: node)
        let leadership =
            answer.flag()
            ? Leadership(leader: NodeID(nonzero: answer.u64()), isOwn: answer.flag()) : nil
        let reads = answer.list { ReadState(context: $0.u64(), index: $0.u64()) }
        return Ready(
            number: readyNumber, hardState: hardState, image: image, entries: entries,
            messages: messages, leadership: leadership, reads: reads)
    }

    package func persisted(_ number: UInt64) throws(RaftError) -> Persisted {
        precondition(number == readyNumber, "BUG: one ready at a time, and none twice")
        guard var answer = unsafe try answer({ unsafe varve_raft_persisted(handle, $0) }) else {
            throw RaftError.badState("it gave no answer")
        }
        let messages = answer.messages(from: node)
        let committed = answer.entries()
        let configuration = answer.flag() ? answer.indexedConfiguration() : nil
        return Persisted(messages: messages, committed: committed, configuration: configuration)
    }

    package func compact(through index: UInt64) throws(RaftError) {
        try check(varve_raft_compact(handle, index))
    }

    package func changeMembership(_ changes: [MembershipChange]) throws(RaftError) {
        var list = RaftWireWriter()
        list.put(UInt32(changes.count))
        for change in changes {
            switch change {
            case .addVoter(let node): list.put(UInt8(0)); list.put(node.number)
            case .remove(let node): list.put(UInt8(1)); list.put(node.number)
            case .addLearner(let node): list.put(UInt8(3)); list.put(node.number)
            }
        }
        try check(unsafe varve_raft_change(handle, list.bytes, Int64(list.bytes.count)))
    }

    package func readIndex(context: UInt64) throws(RaftError) {
        try check(varve_raft_read_index(handle, context))
    }

    package func transfer(to node: NodeID) throws(RaftError) {
        try check(varve_raft_transfer(handle, node.number))
    }

    package func reportUnreachable(_ node: NodeID) throws(RaftError) {
        try check(varve_raft_unreachable(handle, node.number))
    }

    package func reportImage(to node: NodeID, isTaken: Bool) throws(RaftError) {
        try check(varve_raft_image_sent(handle, node.number, isTaken ? 1 : 0))
    }

    package var status: RaftStatus {
        get throws(RaftError) {
            guard var answer = unsafe try answer({ unsafe varve_raft_status(handle, $0) }) else {
                throw RaftError.badState("it gave no answer")
            }
            return answer.status()
        }
    }

    /// A copy of what a call answered; nil for nothing.
    private func answer(
        _ call: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>) -> Int64
    ) throws(RaftError) -> RaftWireReader? {
        var out: UnsafeMutablePointer<UInt8>?
        let length = unsafe call(&out)
        try check(length)
        guard length > 0, let start = unsafe out else { return nil }
        return RaftWireReader(
            unsafe Array(UnsafeBufferPointer(start: start, count: Int(length))))
    }

    private func check(_ result: Int64) throws(RaftError) {
        guard result < 0 else { return }
        switch Int(result) {
        case varve_raft_not_leader: throw RaftError.notLeader(nil)
        case varve_raft_bad_message: throw RaftError.badMessage
        case varve_raft_change_pending: throw RaftError.changePending
        default: throw RaftError.badState(trouble)
        }
    }

    /// Why the core gave up, in its own words.
    private var trouble: String {
        var out: UnsafeMutablePointer<UInt8>?
        let length = unsafe varve_raft_trouble(handle, &out)
        guard length > 0, let start = unsafe out else { return "its state contradicts itself" }
        return unsafe String(
            decoding: UnsafeBufferPointer(start: start, count: Int(length)), as: UTF8.self)
    }
}
#endif
