/// What went wrong on a `Disk`. `file` names the file for a person; `errno` is the system's.
package enum DiskError: Error, Hashable, Sendable {
    /// What was being done.
    package enum Operation: String, Hashable, Sendable {
        case open, read, write, size, preallocate, truncate, sync, close, list, makeDirectory
        case rename, link, remove, space, lock
    }

    case notFound(file: String)
    case alreadyExists(file: String)
    /// No space or quota left. Space may come back: the caller refuses writes and tries later.
    case full(file: String)
    /// A read-only mount, or permission missing.
    case readOnly(file: String)
    /// Another process holds the data directory.
    case locked(file: String, holder: String)
    /// The device or the file system refused; of what was written nothing is known.
    case failed(Operation, errno: Int32, file: String)
    /// The file did not reach the disk and the kernel may have dropped the dirty pages. Never
    /// retry: a second sync would report success for data that is gone. Fatal for the writer.
    case syncFailed(errno: Int32, file: String)
    case closed(file: String)

    /// The case that `errno` stands for.
    package init(_ operation: Operation, errno code: Int32, file: String) {
        switch code {
        case DiskError.noEntry: self = .notFound(file: file)
        case DiskError.entryExists: self = .alreadyExists(file: file)
        case DiskError.noSpace, DiskError.quota, DiskError.fileTooBig: self = .full(file: file)
        case DiskError.readOnlyMount, DiskError.notPermitted, DiskError.accessDenied:
            self = .readOnly(file: file)
        default:
            self =
                operation == .sync
                ? .syncFailed(errno: code, file: file)
                : .failed(operation, errno: code, file: file)
        }
        // A sync that fails for want of space has lost data like any other.
        if operation == .sync { self = .syncFailed(errno: code, file: file) }
    }

    /// The numbers of Linux, spelled here so that a simulated disk needs no system headers.
    package static let noEntry: Int32 = 2
    package static let ioError: Int32 = 5
    package static let notPermitted: Int32 = 1
    package static let accessDenied: Int32 = 13
    package static let entryExists: Int32 = 17
    package static let notDirectory: Int32 = 20
    package static let fileTooBig: Int32 = 27
    package static let noSpace: Int32 = 28
    package static let readOnlyMount: Int32 = 30
    package static let quota: Int32 = 122
}

extension DiskError: CustomStringConvertible {
    /// One line for a person.
    package var description: String {
        switch self {
        case .notFound(let file): "\(file): no such file"
        case .alreadyExists(let file): "\(file): exists already"
        case .full(let file): "\(file): no space left on the disk"
        case .readOnly(let file): "\(file): read-only or permission denied"
        case .locked(let file, let holder): "\(file): in use by another process (\(holder))"
        case .failed(let operation, let code, let file):
            "\(file): \(operation.rawValue) failed: \(SystemError.text(code))"
        case .syncFailed(let code, let file):
            "\(file): sync failed, data may be lost: \(SystemError.text(code))"
        case .closed(let file): "\(file): closed"
        }
    }
}
