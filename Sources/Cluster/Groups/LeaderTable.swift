internal import Raft
internal import Replication
internal import Synchronization

/// Who leads each group, as this node last heard. Written by the node's loop, read by everybody.
final class LeaderTable: Sendable {
    private struct Known {
        var term: UInt64
        var leadership: Leadership
    }

    let node: NodeID
    private struct State {
        var known: [GroupID: Known] = [:] { didSet { own = nil } }
        /// Led here, ascending; nil until somebody asks.
        var own: [GroupID]?
    }

    private let state = Mutex(State())

    init(node: NodeID) { self.node = node }

    func note(_ changes: [ReplicationOutput.LeaderChange]) {
        guard !changes.isEmpty else { return }
        state.withLock { state in
            for change in changes {
                state.known[change.group] = Known(term: change.term, leadership: change.leadership)
            }
        }
    }

    /// A group of this node alone.
    func noteSole(_ group: GroupID) {
        state.withLock {
            $0.known[group] = Known(term: 0, leadership: Leadership(leader: node, isOwn: true))
        }
    }

    /// What a peer says of the groups that it leads: for those that have no replica here.
    func note(claims: [LeaderTerm], of peer: NodeID) {
        state.withLock { state in
            for claim in claims {
                let leadership = Leadership(leader: peer, isOwn: false)
                let known = state.known[claim.group]
                // The list comes again and again.
                guard claim.term > known?.term ?? 0 || known?.leadership != leadership,
                    claim.term >= known?.term ?? 0
                else { continue }
                state.known[claim.group] = Known(term: claim.term, leadership: leadership)
            }
        }
    }

    func forget(_ group: GroupID) { state.withLock { $0.known[group] = nil } }

    func leader(of group: GroupID) -> NodeID? {
        state.withLock { $0.known[group]?.leadership.leader }
    }

    func isOwn(_ group: GroupID) -> Bool {
        state.withLock { $0.known[group]?.leadership.isOwn } ?? false
    }

    /// The groups that this node leads, ascending.
    var own: [GroupID] {
        state.withLock { state in
            if let own = state.own { return own }
            let own = state.known.filter(\.value.leadership.isOwn).keys.sorted()
            state.own = own
            return own
        }
    }
}
