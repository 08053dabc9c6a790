internal import GRDB
internal import GRDBSQLite
internal import Platform

/// A SQLite file that never changes, opened to read: as `immutable` where the operating system
/// knows the file (no locks, no journal looked for), else from a copy of its bytes in memory.
///
/// Thread-safe: GRDB's queue serialises the calls of one file. Statements are cached.
final class SQLiteImage: Sendable {
    /// For messages.
    let name: String
    private let queue: DatabaseQueue

    /// Opens `path` of `disk`.
    static func open(disk: any Disk, path: DiskPath) throws(StorageError) -> SQLiteImage {
        guard let local = disk.localPath(path) else {
            do {
                return try SQLiteImage(bytes: try disk.readAll(path), name: path.string)
            } catch let error as DiskError {
                throw StorageError.disk(error)
            } catch let error as StorageError {
                throw error
            } catch {
                throw StorageError.index(file: path.string, message: "\(error)")
            }
        }
        guard disk.exists(path) else {
            throw StorageError.disk(.notFound(file: path.string))
        }
        return try SQLiteImage(localPath: local, name: path.string)
    }

    private init(localPath: String, name: String) throws(StorageError) {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.prepareDatabase { database in
            // What is read is kept decoded by its readers; a big page cache would hold it twice.
            try database.execute(sql: "PRAGMA cache_size=-64; PRAGMA mmap_size=268435456")
        }
        self.name = name
        do {
            queue = try DatabaseQueue(
                path: "file:\(SQLiteImage.escaped(localPath))?immutable=1",
                configuration: configuration)
        } catch {
            throw StorageError.index(file: name, message: "\(error)")
        }
    }

    /// Opens a copy of `bytes`.
    init(bytes: [UInt8], name: String) throws(StorageError) {
        self.name = name
        do {
            queue = try DatabaseQueue()
            try queue.inDatabase { database in
                try SQLiteImage.load(bytes, into: database)
            }
        } catch {
            throw StorageError.index(file: name, message: "\(error)")
        }
    }

    private static func load(_ bytes: [UInt8], into database: Database) throws {
        let count = sqlite3_int64(bytes.count)
        guard let copy = unsafe sqlite3_malloc64(sqlite3_uint64(max(count, 1))) else {
            throw DatabaseError(resultCode: .SQLITE_NOMEM)
        }
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe copy.copyMemory(from: start, byteCount: bytes.count)
            }
        }
        let code = unsafe sqlite3_deserialize(
            database.sqliteConnection, "main", copy.assumingMemoryBound(to: UInt8.self), count,
            count,
            UInt32(SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY))
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
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
        _ sql: String, _ values: [SQLiteImageWriter.Value] = [],
        _ body: (SQLiteRow) throws(StorageError) -> Bool
    ) throws(StorageError) {
        do {
            try queue.unsafeRead { database in
                let statement = try database.cachedStatement(sql: sql)
                let prepared = unsafe statement.sqliteStatement
                unsafe sqlite3_reset(prepared)
                defer { unsafe sqlite3_reset(prepared) }
                try unsafe bind(values, to: prepared)
                while true {
                    let code = unsafe sqlite3_step(prepared)
                    if code == SQLITE_DONE { return }
                    guard code == SQLITE_ROW else {
                        throw DatabaseError(resultCode: ResultCode(rawValue: code))
                    }
                    if try !body(unsafe SQLiteRow(statement: prepared)) { return }
                }
            }
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError.index(file: name, message: "\(error)")
        }
    }

    private func bind(_ values: [SQLiteImageWriter.Value], to prepared: OpaquePointer) throws {
        let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            let code: Int32
            switch value {
            case .integer(let number): code = unsafe sqlite3_bind_int64(prepared, place, number)
            case .blob(let bytes) where bytes.isEmpty:
                code = unsafe sqlite3_bind_zeroblob(prepared, place, 0)
            case .blob(let bytes):
                code = unsafe sqlite3_bind_blob(
                    prepared, place, bytes, Int32(bytes.count), transient)
            }
            guard code == SQLITE_OK else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code))
            }
        }
    }
}

/// One row of a result, inside the call that gives it.
@safe
struct SQLiteRow {
    private let statement: OpaquePointer

    init(statement: OpaquePointer) { unsafe self.statement = unsafe statement }

    /// The number in `column`.
    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement, column) }

    /// A copy of the bytes in `column`.
    func blob(_ column: Int32) -> [UInt8] {
        guard let start = unsafe sqlite3_column_blob(statement, column) else { return [] }
        let count = Int(unsafe sqlite3_column_bytes(statement, column))
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
