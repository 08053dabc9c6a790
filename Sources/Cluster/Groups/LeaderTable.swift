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
    private let known = Mutex<[GroupID: Known]>([:])

    init(node: NodeID) { self.node = node }

    func note(_ changes: [ReplicationOutput.LeaderChange]) {
        guard !changes.isEmpty else { return }
        known.withLock { known in
            for change in changes {
                known[change.group] = Known(term: change.term, leadership: change.leadership)
            }
        }
    }

    /// A group of this node alone.
    func noteSole(_ group: GroupID) {
        known.withLock {
            $0[group] = Known(term: 0, leadership: Leadership(leader: node, isOwn: true))
        }
    }

    /// What a peer says of the groups that it leads: for those that have no replica here.
    func note(claims: [LeaderTerm], of peer: NodeID) {
        known.withLock { known in
            for claim in claims where claim.term >= known[claim.group]?.term ?? 0 {
                known[claim.group] = Known(
                    term: claim.term, leadership: Leadership(leader: peer, isOwn: false))
            }
        }
    }

    func forget(_ group: GroupID) { known.withLock { $0[group] = nil } }

    func leader(of group: GroupID) -> NodeID? { known.withLock { $0[group]?.leadership.leader } }

    func isOwn(_ group: GroupID) -> Bool {
        known.withLock { $0[group]?.leadership.isOwn } ?? false
    }

    /// The groups that this node leads, ascending.
    var own: [GroupID] {
        known.withLock { $0.filter(\.value.leadership.isOwn).keys.sorted() }
    }
}
