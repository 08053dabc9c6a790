internal import Model
internal import Platform

/// One entry on its way into a shard's log.
struct Proposal: Sendable {
    var shard: Int
    /// An encoded `ShardCommand`.
    var payload: [UInt8]
    /// Called once, from the apply thread, or from the loop when the journal refused.
    var completion: @Sendable (Result<AppliedEntry, AppendError>) -> Void
    /// Leads to space being freed: may use the journal's reserve.
    var freesSpace = false
}

/// Where writers leave proposals for the node's loop; bounded by bytes.
final class ProposalQueue: Sendable {
    /// What the loop takes at once.
    struct Work: Sendable {
        var proposals: [Proposal] = []
        /// Shards whose segments cover their log up to an index.
        var releases: [(shard: Int, index: UInt64)] = []
        var isStopping = false

        var isIdle: Bool { proposals.isEmpty && releases.isEmpty }
    }

    private struct State {
        var work = Work()
        var bytesInFlight = 0
        var isClosed = false
    }

    private let state: Monitor<State>
    let bytesMax: Int

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        state = Monitor(State())
    }

    /// Takes all of them or none. Throws `overloaded` when too many bytes are in flight and
    /// `unavailable` after `close`. They are always taken when nothing is in flight, however large.
    func add(_ proposals: [Proposal]) throws(AppendError) {
        try state.update { state throws(AppendError) in
            if state.isClosed { throw AppendError.unavailable(detail: "the node is stopping") }
            let total = proposals.reduce(state.bytesInFlight) { $0 + $1.payload.count }
            let isUrgent = proposals.allSatisfy(\.freesSpace)
            guard total <= bytesMax || state.bytesInFlight == 0 || isUrgent else {
                throw AppendError.overloaded(retryAfterSeconds: 1)
            }
            state.bytesInFlight = total
            state.work.proposals += proposals
        }
    }

    func release(shard: Int, through index: UInt64) {
        state.update { $0.work.releases.append((shard, index)) }
    }

    /// Waits for work and takes all there is, nothing after `nanos`. `isStopping` comes with the
    /// last of it.
    func take(upToNanos nanos: Int64) -> Work {
        let taken = state.wait(upToNanos: nanos) { state -> Work? in
            guard !state.work.isIdle || state.isClosed else { return nil }
            var taken = state.work
            state.work = Work()
            taken.isStopping = state.isClosed
            return taken
        }
        return taken ?? Work()
    }

    /// Lets time go by; writers keep adding.
    func pause(nanos: Int64) {
        let nothing: Never? = state.wait(upToNanos: nanos) { _ in nil }
        precondition(nothing == nil)
    }

    /// A proposal of so many bytes is done with. Nobody waits for that: who finds the queue full
    /// is told so.
    func finished(byteCount: Int) { state.withLock { $0.bytesInFlight -= byteCount } }

    var bytesInFlight: Int { state.withLock { $0.bytesInFlight } }

    /// Takes nothing more.
    func close() { state.update { $0.isClosed = true } }
}
