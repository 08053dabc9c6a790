package import Raft

/// Why replication refuses.
package enum ReplicationError: Error, Hashable, Sendable {
    /// As much is under way as may be: try again when some of it has committed.
    case overloaded(pendingBytes: Int)
    case tooLarge(byteCount: Int, limit: Int)
    /// Entries that were asked for are no longer in the journal.
    case released(GroupID, through: UInt64)
    case journal(JournalError)
    /// A sole voter's log that nothing of is released can not be founded: seal first.
    case notFounded(GroupID)
    /// What the journal holds of the group makes no replica.
    case noCore(GroupID)
    /// This build has no core for groups with peers.
    case noPeers
}

extension ReplicationError: CustomStringConvertible {
    /// One line for a person.
    package var description: String {
        switch self {
        case .overloaded(let bytes): "overloaded: \(bytes) bytes wait to be committed"
        case .tooLarge(let count, let limit): "\(count) bytes are over the limit of \(limit)"
        case .released(let group, let index): "\(group): entries up to \(index) are released"
        case .journal(let error): "\(error)"
        case .notFounded(let group): "\(group): nothing is sealed yet"
        case .noCore(let group): "\(group): what the journal holds of it contradicts itself"
        case .noPeers: "this build has no etcd raft: it runs single nodes only"
        }
    }
}
