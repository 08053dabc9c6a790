internal import GRDBSQLite

/// Makes a SQLite database in memory, without journal, and hands out its bytes: what is written
/// then goes through the `Disk` seam like any other file. The same calls give the same bytes: the
/// fields of the header that name the library's version and count changes are blanked.
///
/// Owns the connection; raw calls because a sealed segment inserts in order, once
/// (sqlite3_serialize, https://www.sqlite.org/c3ref/serialize.html).
@safe
final class SQLiteImageWriter {
    /// A value to bind.
    enum Value {
        case integer(Int64)
        case blob([UInt8])
    }

    private let connection: OpaquePointer

    /// `schema`: statements that make the tables.
    init(schema: String, formatVersion: Int) throws(StorageError) {
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(
            ":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
        guard code == SQLITE_OK, let connection = unsafe opened else {
            unsafe sqlite3_close(opened)
            throw StorageError.index(file: "(memory)", message: "SQLite error \(code)")
        }
        unsafe self.connection = unsafe connection
        try execute("PRAGMA page_size=\(StorageLimits.indexPageBytes); PRAGMA journal_mode=OFF")
        try execute("PRAGMA user_version=\(formatVersion)")
        try execute("BEGIN; \(schema)")
    }

    deinit { unsafe sqlite3_close_v2(connection) }

    /// Runs statements that return nothing.
    func execute(_ sql: String) throws(StorageError) {
        try check(unsafe sqlite3_exec(connection, sql, nil, nil, nil))
    }

    /// Inserts rows by one prepared statement: `next` gives the values of a row, nil at the end.
    func insert(
        _ sql: String, next: () throws(StorageError) -> [Value]?
    ) throws(StorageError) {
        var prepared: OpaquePointer?
        try check(unsafe sqlite3_prepare_v2(connection, sql, -1, &prepared, nil))
        defer { unsafe sqlite3_finalize(prepared) }
        // SQLite copies the bytes of a bound blob.
        let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        while let values = try next() {
            for (index, value) in values.enumerated() {
                let place = Int32(index + 1)
                switch value {
                case .integer(let number):
                    try check(unsafe sqlite3_bind_int64(prepared, place, number))
                case .blob(let bytes) where bytes.isEmpty:
                    try check(unsafe sqlite3_bind_zeroblob(prepared, place, 0))
                case .blob(let bytes):
                    try check(
                        unsafe sqlite3_bind_blob(
                            prepared, place, bytes, Int32(bytes.count), transient))
                }
            }
            let code = unsafe sqlite3_step(prepared)
            guard code == SQLITE_DONE else { throw failure(code) }
            try check(unsafe sqlite3_reset(prepared))
        }
    }

    /// The bytes of the database file.
    func finish() throws(StorageError) -> [UInt8] {
        try execute("COMMIT")
        var count: sqlite3_int64 = 0
        guard let image = unsafe sqlite3_serialize(connection, "main", &count, 0) else {
            throw failure(SQLITE_NOMEM)
        }
        var bytes = unsafe Array(UnsafeBufferPointer(start: image, count: Int(count)))
        unsafe sqlite3_free(image)
        // File change counter, version-valid-for and SQLITE_VERSION_NUMBER (fileformat2 §1.3).
        for offset in [24, 92, 96] where offset + 4 <= bytes.count {
            bytes.replaceSubrange(offset..<offset + 4, with: [0, 0, 0, 1])
        }
        return bytes
    }

    private func check(_ code: Int32) throws(StorageError) {
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> StorageError {
        let message = unsafe sqlite3_errmsg(connection).map { unsafe String(cString: $0) }
        return .index(file: "(memory)", message: message ?? "SQLite error \(code)")
    }
}
