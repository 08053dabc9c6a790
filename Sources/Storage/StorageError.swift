package import Model
package import Platform

/// What goes wrong with one shard's data. A corrupt block is an operating error: the caller repairs
/// it from a replica or the archive. Broken invariants of this program crash with `BUG:` instead.
package enum StorageError: Error, Hashable, Sendable {
    /// The disk refused.
    case disk(DiskError)
    /// Bytes that are not what was written: `what` names the structure, `offset` is in the file.
    case corrupt(file: String, what: String, offset: Int)
    /// Written by a later version of this program; the data is left as it is.
    case newerFormat(file: String, version: Int, versionMax: Int)
    /// SQLite refused an index file, with its words.
    case index(file: String, message: String)
    /// The query that needed the data was stopped.
    case stopped(QueryLimitError)
    /// The process can not go on writing here since an earlier error; it says which.
    case failedBefore(String)
}

extension StorageError: CustomStringConvertible {
    /// One line for a person.
    package var description: String {
        switch self {
        case .disk(let error): error.description
        case .corrupt(let file, let what, let offset):
            "\(file): corrupt \(what) at byte \(offset)"
        case .newerFormat(let file, let version, let versionMax):
            "\(file): written in format \(version), this binary reads up to \(versionMax); "
                + "install a newer varve"
        case .index(let file, let message): "\(file): \(message)"
        case .stopped(let limit): "query stopped: \(limit)"
        case .failedBefore(let reason): "storage is stopped: \(reason)"
        }
    }
}
