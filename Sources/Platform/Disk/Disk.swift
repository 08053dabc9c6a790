/// Files below one directory: the seam between the house and a file system. `LocalDisk` is the
/// real one; the simulator's tears, loses and refuses writes from a seed.
///
/// All calls are synchronous and may be made from any thread. A file's bytes are durable after
/// `DiskFile.sync`, its name after `syncDirectory` of its directory: neither implies the other.
package protocol Disk: Sendable {
    /// Opens a file. Errors: `notFound` for `.read` and `.write` of nothing, `alreadyExists` for
    /// `.create` of something.
    func open(_ path: DiskPath, _ mode: DiskOpenMode) throws(DiskError) -> any DiskFile

    /// What the directory holds, sorted by name, without `.` and `..`.
    func list(_ directory: DiskPath) throws(DiskError) -> [DiskEntry]

    /// Makes the directory and those above it; one that exists is no error. Not yet durable.
    func makeDirectories(_ path: DiskPath) throws(DiskError)

    /// Replaces `target` if there is one, at once for whoever opens it. Not yet durable.
    func rename(_ path: DiskPath, to target: DiskPath) throws(DiskError)

    /// Gives the file a second name: its bytes go when the last name does. Not yet durable. Errors:
    /// `notFound`, `alreadyExists`.
    func link(_ path: DiskPath, to target: DiskPath) throws(DiskError)

    /// Removes a file or an empty directory. Not yet durable.
    func remove(_ path: DiskPath) throws(DiskError)

    /// Makes the names made, moved and removed in `directory` durable.
    func syncDirectory(_ directory: DiskPath) throws(DiskError)

    /// Whether a file or directory is there. False when that can not be known.
    func exists(_ path: DiskPath) -> Bool

    /// Free and total bytes of the file system.
    func space() throws(DiskError) -> DiskSpace

    /// The path by which the operating system knows `path`; nil on a simulated disk. For SQLite,
    /// which opens its own files.
    func localPath(_ path: DiskPath) -> String?
}

/// How a file is opened.
package enum DiskOpenMode: Hashable, Sendable {
    /// An existing file, to read.
    case read
    /// An existing file, to read and write.
    case write
    /// A new file, to read and write; one that exists is an error.
    case create
    /// To read and write, made when it is not there; what is there stays.
    case openOrCreate
    /// To read and write, made when it is not there, emptied when it is.
    case replace
}

/// One entry of a directory.
package struct DiskEntry: Hashable, Sendable {
    package let name: String
    package let isDirectory: Bool
    /// 0 for a directory.
    package let byteCount: Int

    package init(name: String, isDirectory: Bool, byteCount: Int) {
        self.name = name
        self.isDirectory = isDirectory
        self.byteCount = byteCount
    }
}

/// What is left on a disk, for a process without special rights.
package struct DiskSpace: Hashable, Sendable {
    package let freeBytes: Int
    package let totalBytes: Int

    package init(freeBytes: Int, totalBytes: Int) {
        self.freeBytes = freeBytes
        self.totalBytes = totalBytes
    }
}

extension Disk {
    /// The whole file.
    package func readAll(_ path: DiskPath) throws(DiskError) -> [UInt8] {
        let file = try open(path, .read)
        let bytes = try file.read(at: 0, count: try file.size())
        try file.close()
        return bytes
    }

    /// Puts `bytes` at `path` so that after any crash the old or the new content is there whole;
    /// durable on return. Writes `path.new` on the way.
    package func replaceDurably(_ path: DiskPath, with bytes: [UInt8]) throws(DiskError) {
        let draft = DiskPath(path.string + ".new")
        let file = try open(draft, .replace)
        try file.write(bytes, at: 0)
        try file.sync()
        try file.close()
        try rename(draft, to: path)
        try syncDirectory(path.parent)
    }

    /// Makes the directory and those above it, durably.
    package func makeDirectoriesDurably(_ path: DiskPath) throws(DiskError) {
        try makeDirectories(path)
        try syncParents(of: path)
    }

    /// Makes the names of the directory and of those above it durable.
    package func syncParents(of path: DiskPath) throws(DiskError) {
        var directory = path
        while directory != .root {
            directory = directory.parent
            try syncDirectory(directory)
        }
    }

    /// Removes a file or a directory with all it holds; nothing there is no error. Not durable.
    package func removeTree(_ path: DiskPath) throws(DiskError) {
        guard exists(path) else { return }
        var directories = [path]
        var visited = 0
        while visited < directories.count {
            let directory = directories[visited]
            visited += 1
            do {
                for entry in try list(directory) {
                    if entry.isDirectory {
                        directories.append(directory / entry.name)
                    } else {
                        try remove(directory / entry.name)
                    }
                }
            } catch DiskError.failed(_, DiskError.notDirectory, _) {
                continue
            }
        }
        for directory in directories.reversed() { try remove(directory) }
    }
}
