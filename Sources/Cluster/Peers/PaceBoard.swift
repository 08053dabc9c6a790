internal import Platform
internal import Raft
internal import Replication
internal import Synchronization

/// How quick this node is by what it measures, and what its peers say of themselves. From it
/// follows how long elections wait, for all nodes about the same: the most that anybody asks for.
/// Decides nothing that must be right: see docs/decisions/012-patience-from-latencies.md.
final class PaceBoard: Sendable {
    /// For how long a peer's word holds: as long as the longest wait for an election.
    private static let wordNanos: Int64 = 10_000_000_000
    /// Between looks at what was measured.
    private static let lookNanos: Int64 = 1_000_000_000

    private struct Word {
        var pace: NodePace
        var atNanos: Int64
    }

    private struct State {
        var heard: [NodeID: Word] = [:]
        var roundTrips: [NodeID: LatencyWindow] = [:]
        var disk = SlowDisk()
        /// What was measured, as of the last look.
        var own = NodePace()
        var lookedNanos: Int64?
    }

    private let state = Mutex(State())
    private let syncTimes: LatencyMeter
    private let time: any TimeSource

    init(syncTimes: LatencyMeter, time: any TimeSource) {
        self.syncTimes = syncTimes
        self.time = time
    }

    /// A question that waits for no disk was answered after so long.
    func noteRoundTrip(_ peer: NodeID, nanos: Int64) {
        let now = time.monotonicNanos()
        state.withLock {
            $0.roundTrips[peer, default: LatencyWindow()].record(nanos: nanos, at: now)
        }
    }

    /// A peer's word of itself.
    func note(_ pace: NodePace, of peer: NodeID) {
        let now = time.monotonicNanos()
        state.withLock { $0.heard[peer] = Word(pace: pace, atNanos: now) }
    }

    /// Its connection ended: nobody waits for it any more.
    func forget(_ peer: NodeID) { state.withLock { $0.heard[peer] = nil } }

    /// What this node is to say of itself.
    var own: NodePace {
        let now = time.monotonicNanos()
        return state.withLock { look(&$0, now) }
    }

    /// How patient to be now: the most that this node or a peer asks for.
    var patience: Int {
        if Mutant.isOn(.neverPatient) { return 1 }
        let now = time.monotonicNanos()
        return state.withLock { state in
            let own = look(&state, now).patience
            return current(state, now).reduce(own) { max($0, $1.value.pace.patience) }
        }
    }

    /// Who asks for the most patience, if it is more than one.
    var slowest: (node: NodeID?, patience: Int)? {
        let now = time.monotonicNanos()
        return state.withLock { state in
            let own = look(&state, now).patience
            var most: (node: NodeID?, patience: Int) = (nil, own)
            for (node, word) in current(state, now).sorted(by: { $0.key < $1.key })
            where word.pace.patience > most.patience {
                most = (node, word.pace.patience)
            }
            return most.patience > 1 ? most : nil
        }
    }

    /// Peers whose disks are slow, by their own word, and `node` when this one's is.
    func slow(with node: NodeID) -> Set<NodeID> {
        let now = time.monotonicNanos()
        return state.withLock { state in
            var slow = Set(current(state, now).filter(\.value.pace.isSlow).keys)
            if state.disk.isSlow { slow.insert(node) }
            return slow
        }
    }

    var isSlow: Bool { state.withLock { $0.disk.isSlow } }

    /// Once a second: is this node's disk slow beside those of `companions`, which could lead
    /// instead of it?
    func judge(beside companions: Set<NodeID>) {
        let now = time.monotonicNanos()
        let own = syncTimes.p99Nanos
        state.withLock { state in
            let others = current(state, now).filter { companions.contains($0.key) }
                .map { Int64($0.value.pace.syncMicros) * 1_000 }.filter { $0 > 0 }
            state.disk.judge(own: own, others: others, nowNanos: now)
            state.own.isSlow = state.disk.isSlow
        }
    }

    private func current(_ state: State, _ now: Int64) -> [NodeID: Word] {
        state.heard.filter { now - $0.value.atNanos <= Self.wordNanos }
    }

    private func look(_ state: inout State, _ now: Int64) -> NodePace {
        if let looked = state.lookedNanos, now - looked < Self.lookNanos { return state.own }
        state.lookedNanos = now
        let sync = syncTimes.p99Nanos
        var roundTrip: Int64 = 0
        for peer in state.roundTrips.keys {
            roundTrip = max(roundTrip, state.roundTrips[peer]?.p99Nanos(at: now) ?? 0)
        }
        state.own = NodePace(
            patience: NodePace.patience(syncNanos: sync ?? 0, roundTripNanos: roundTrip),
            isSlow: state.disk.isSlow,
            syncMicros: UInt32(clamping: (sync ?? 0) / 1_000))
        return state.own
    }
}
