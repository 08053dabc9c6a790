package import Platform
package import Raft

/// Why the journal can not do what it was asked.
package enum JournalError: Error, Hashable, Sendable {
    /// Bytes that were durable are damaged or gone. Never repaired by cutting: the replica is
    /// faulty. `offset`: of the first bad batch in the file.
    case corrupt(file: String, offset: Int, reason: String)
    /// Written by a later version of the program.
    case newerVersion(file: String, found: UInt32, known: UInt32)
    /// No space for another segment. Nothing was written; may succeed later.
    case full(file: String)
    /// A sync failed once: of what was written since the last one nothing is known, and nothing
    /// more is accepted. Fatal for the process.
    case syncFailed(DiskError)
    /// Another error of the disk; the batch is not durable and may be tried again.
    case disk(DiskError)
    /// The batch has more bytes than a segment takes.
    case tooLarge(byteCount: Int, limit: Int)
    /// The entry was released, or never written.
    case noEntry(GroupID, index: UInt64)
}

extension JournalError: CustomStringConvertible {
    /// One line for a person.
    package var description: String {
        switch self {
        case .corrupt(let file, let offset, let reason):
            "\(file): damaged at byte \(offset): \(reason)"
        case .newerVersion(let file, let found, let known):
            "\(file): written by a newer version (journal format \(found), this program knows"
                + " \(known))"
        case .full(let file): "\(file): no space left for the journal"
        case .syncFailed(let error), .disk(let error): "\(error)"
        case .tooLarge(let count, let limit):
            "a journal batch of \(count) bytes is over the limit of \(limit)"
        case .noEntry(let group, let index): "\(group): no entry \(index) in the journal"
        }
    }

    /// Sorts an error of the disk.
    init(_ error: DiskError) {
        switch error {
        case .full(let file): self = .full(file: file)
        case .syncFailed: self = .syncFailed(error)
        default: self = .disk(error)
        }
    }
}
