/// Consensus of one group as a pure machine: events in, `Ready` out. It knows no clock, disk or
/// socket; the same calls in the same order give the same answers.
///
/// The driver's round, for each group:
///  1. `step`, `tick`, `propose`, `readIndex` as they come;
///  2. `ready()`: send its messages at once; write its entries and hard state to the journal;
///  3. when that write is durable, `persisted(_:)` with the ready's number: only now do the
///     messages and commits come out that depend on the write.
/// So "send before persist" can not be written by accident: what may not leave is not handed out.
///
/// Source: Ongaro, "Consensus: Bridging Theory and Practice"; the split of ready and persisted is
/// that of etcd's raft with asynchronous storage writes.
package protocol ConsensusCore {
    /// A message from another replica. Errors: `badMessage`.
    mutating func step(_ message: RaftMessage) throws(RaftError)

    /// The message told to get an image, and `image`, which is no older, was got: it is to be
    /// installed by the next ready. Errors: `badMessage`, `unsupported`.
    mutating func step(
        _ message: RaftMessage, replacingImageBy image: ImageReference
    ) throws(RaftError)

    /// What an image of the state machine at that entry is to say of the group, as it was there; nil
    /// when that is not known.
    func image(at index: UInt64) throws(RaftError) -> ImageReference?

    /// Time has gone on by one tick. No effect while a ready with an image is outstanding.
    mutating func tick() throws(RaftError)

    /// Asks for an election now instead of after the timeout.
    mutating func campaign() throws(RaftError)

    /// Adds entries to the log, in order. Errors: `notLeader`.
    mutating func propose(_ descriptors: [EntryDescriptor]) throws(RaftError)

    /// What is to be done now, or nil; also nil while the core waits for an earlier one.
    mutating func ready() throws(RaftError) -> Ready?

    /// The writes of the ready with this number, and of all before it, are durable; its image, if
    /// it has one, is installed.
    mutating func persisted(_ readyNumber: UInt64) throws(RaftError) -> Persisted

    /// The state machine has the entries up to `index` durably elsewhere: whoever needs them gets
    /// an image. No effect beyond what is applied.
    mutating func compact(through index: UInt64) throws(RaftError)

    /// Proposes changes of membership that take effect together. Errors: `notLeader`,
    /// `changePending`, `unsupported`.
    mutating func changeMembership(_ changes: [MembershipChange]) throws(RaftError)

    /// Asks for an index that a read must wait for to be fresh; it comes in a later `Ready` with
    /// `context`. Errors: `notLeader`.
    mutating func readIndex(context: UInt64) throws(RaftError)

    /// Asks `node` to become leader. Errors: `notLeader`, `unsupported`.
    mutating func transfer(to node: NodeID) throws(RaftError)

    /// What was sent to `node` did not get there.
    mutating func reportUnreachable(_ node: NodeID) throws(RaftError)

    /// `node` has installed the image that it was sent, or will not.
    mutating func reportImage(to node: NodeID, isTaken: Bool) throws(RaftError)

    /// Where the group stands.
    var status: RaftStatus { get throws(RaftError) }
}
