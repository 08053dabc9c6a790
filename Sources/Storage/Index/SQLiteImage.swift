internal import Platform
internal import Synchronization

/// A SQLite file that never changes, opened to read: as `immutable` where the operating system
/// knows the file (no locks, no journal looked for), else from a copy of its bytes in memory.
///
/// Thread-safe: a lock lets one call of a file happen at a time. A body that gets rows asks nothing
/// of the same file.
final class SQLiteImage: Sendable {
    /// For messages.
    let name: String
    private let connection: Mutex<SQLiteConnection>

    /// Opens `path` of `disk`.
    static func open(disk: any Disk, path: DiskPath) throws(StorageError) -> SQLiteImage {
        guard let local = disk.localPath(path) else {
            let bytes: [UInt8]
            do { bytes = try disk.readAll(path) } catch { throw StorageError.disk(error) }
            return try SQLiteImage(bytes: bytes, name: path.string)
        }
        guard disk.exists(path) else {
            throw StorageError.disk(.notFound(file: path.string))
        }
        return try SQLiteImage(localPath: local, name: path.string)
    }

    private init(localPath: String, name: String) throws(StorageError) {
        let uri = "file:\(SQLiteImage.escaped(localPath))?immutable=1"
        var connection = try SQLiteConnection(reading: uri, name: name)
        // What is read is kept decoded by its readers; a big page cache would hold it twice.
        try connection.execute("PRAGMA cache_size=-64; PRAGMA mmap_size=268435456")
        self.name = name
        self.connection = Mutex(connection)
    }

    /// Opens a copy of `bytes`.
    init(bytes: [UInt8], name: String) throws(StorageError) {
        let connection = try SQLiteConnection.holding(bytes, name: name)
        self.name = name
        self.connection = Mutex(connection)
    }

    /// The path as a URI has it (https://www.sqlite.org/uri.html).
    private static func escaped(_ path: String) -> String {
        var text = ""
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "%"): text += "%25"
            case UInt8(ascii: "?"): text += "%3f"
            case UInt8(ascii: "#"): text += "%23"
            default: text.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        // Bytes above ASCII would be two scalars: such a path is passed on as it is.
        return path.utf8.allSatisfy { $0 < 0x80 } ? text : path
    }

    /// The number in a single-row, single-column result; nil when there is no row.
    func integer(_ sql: String) throws(StorageError) -> Int64? {
        var result: Int64?
        try rows(sql) { row in
            result = row.integer(0)
            return false
        }
        return result
    }

    /// Calls `body` with each row until it returns false. The row is valid inside the call.
    func rows(
        _ sql: String, _ values: [SQLiteValue] = [],
        _ body: (SQLiteRow) throws(StorageError) -> Bool
    ) throws(StorageError) {
        try connection.withLock { (connection) throws(StorageError) in
            try connection.rows(sql, values, body)
        }
    }
}
