package import Raft

/// Why replication refuses.
package enum ReplicationError: Error, Hashable, Sendable {
    /// As much is under way as may be: try again when some of it has committed.
    case overloaded(pendingBytes: Int)
    case tooLarge(byteCount: Int, limit: Int)
    /// Entries that were asked for are no longer in the journal.
    case released(GroupID, through: UInt64)
    case journal(JournalError)
}

extension ReplicationError: CustomStringConvertible {
    /// One line for a person.
    package var description: String {
        switch self {
        case .overloaded(let bytes): "overloaded: \(bytes) bytes wait to be committed"
        case .tooLarge(let count, let limit): "\(count) bytes are over the limit of \(limit)"
        case .released(let group, let index): "\(group): entries up to \(index) are released"
        case .journal(let error): "\(error)"
        }
    }
}
