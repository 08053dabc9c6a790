internal import CSQLite

/// A value that is bound to a statement.
enum SQLiteValue {
    case integer(Int64)
    case blob([UInt8])
}

/// A connection to one SQLite database and its statements, each compiled once. It has one owner, and
/// every use changes it: it moves between threads but is never used by two. Errors are `StorageError.index` with the name of
/// the file.
///
/// Owns connection and statements. Calls of SQLite itself: a library between costs more than all
/// that SQLite does for an index of few rows (docs/decisions/013-sqlite-itself.md).
@safe
struct SQLiteConnection: ~Copyable, @unchecked Sendable {
    /// For messages.
    let name: String
    private let handle: OpaquePointer
    private var statements: [String: OpaquePointer] = unsafe [:]

    private static let configured = varve_sqlite_configure()
    /// SQLite copies the bytes of a bound blob.
    private static var transient: sqlite3_destructor_type {
        unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    /// Opens an empty database in memory.
    init(inMemoryAs name: String) throws(StorageError) {
        try self.init(
            ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, name: name)
    }

    /// Opens the file of the URI `uri` to read.
    init(reading uri: String, name: String) throws(StorageError) {
        try self.init(uri, flags: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, name: name)
    }

    /// Opens a copy of `bytes` to read.
    static func holding(
        _ bytes: [UInt8], name: String
    ) throws(StorageError) -> SQLiteConnection {
        var connection = try SQLiteConnection(inMemoryAs: name)
        try connection.load(bytes)
        return connection
    }

    private mutating func load(_ bytes: [UInt8]) throws(StorageError) {
        let count = sqlite3_int64(bytes.count)
        guard let copy = unsafe sqlite3_malloc64(sqlite3_uint64(max(count, 1))) else {
            throw StorageError.index(file: name, message: "no memory for \(count) bytes")
        }
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe copy.copyMemory(from: start, byteCount: source.count)
            }
        }
        // SQLite frees the copy, also where it fails.
        try check(
            unsafe sqlite3_deserialize(
                handle, "main", copy.assumingMemoryBound(to: UInt8.self), count, count,
                UInt32(SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY)))
    }

    private init(_ place: String, flags: Int32, name: String) throws(StorageError) {
        guard SQLiteConnection.configured == SQLITE_OK else {
            throw StorageError.index(
                file: name, message: "SQLite cannot be set up: \(SQLiteConnection.configured)")
        }
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(place, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let connection = unsafe opened else {
            let message = unsafe opened.flatMap { unsafe sqlite3_errmsg($0) }
                .map { unsafe String(cString: $0) }
            unsafe sqlite3_close_v2(opened)
            throw StorageError.index(file: name, message: message ?? "SQLite error \(code)")
        }
        self.name = name
        unsafe handle = unsafe connection
    }

    deinit {
        for unsafe(_, statement) in unsafe statements { unsafe sqlite3_finalize(statement) }
        unsafe sqlite3_close_v2(handle)
    }

    /// Runs statements that return nothing and are not used again.
    mutating func execute(_ sql: String) throws(StorageError) {
        try check(unsafe sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Calls `body` with each row until it returns false. The row is valid inside the call; `body`
    /// does not use the connection.
    mutating func rows(
        _ sql: String, _ values: [SQLiteValue] = [],
        _ body: (SQLiteRow) throws(StorageError) -> Bool
    ) throws(StorageError) {
        let statement = unsafe try statement(sql)
        defer { unsafe sqlite3_reset(statement) }
        unsafe try bind(values, to: statement)
        while true {
            let code = unsafe sqlite3_step(statement)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw failure(code) }
            if try !body(unsafe SQLiteRow(statement: statement)) { return }
        }
    }

    /// Inserts a row.
    mutating func insert(_ sql: String, _ values: [SQLiteValue]) throws(StorageError) {
        unsafe try insert(values, by: statement(sql))
    }

    /// Inserts rows by one statement: `next` gives the values of a row, nil at the end.
    mutating func insert(
        _ sql: String, next: () throws(StorageError) -> [SQLiteValue]?
    ) throws(StorageError) {
        let statement = unsafe try statement(sql)
        while let values = try next() { unsafe try insert(values, by: statement) }
    }

    private mutating func insert(
        _ values: [SQLiteValue], by statement: OpaquePointer
    ) throws(StorageError) {
        unsafe try bind(values, to: statement)
        let code = unsafe sqlite3_step(statement)
        unsafe sqlite3_reset(statement)
        guard code == SQLITE_DONE else { throw failure(code) }
    }

    /// The database as a file has it, with what the open transaction changed
    /// (https://www.sqlite.org/c3ref/serialize.html).
    mutating func serialized() throws(StorageError) -> [UInt8] {
        var count: sqlite3_int64 = 0
        guard let image = unsafe sqlite3_serialize(handle, "main", &count, 0) else {
            throw failure(SQLITE_NOMEM)
        }
        defer { unsafe sqlite3_free(image) }
        return unsafe Array(UnsafeBufferPointer(start: image, count: Int(count)))
    }

    private mutating func statement(_ sql: String) throws(StorageError) -> OpaquePointer {
        if let known = unsafe statements[sql] { return unsafe known }
        var prepared: OpaquePointer?
        try check(unsafe sqlite3_prepare_v2(handle, sql, -1, &prepared, nil))
        guard let prepared = unsafe prepared else { throw failure(SQLITE_ERROR) }
        unsafe statements[sql] = unsafe prepared
        return unsafe prepared
    }

    private mutating func bind(
        _ values: [SQLiteValue], to statement: OpaquePointer
    ) throws(StorageError) {
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            switch value {
            case .integer(let number):
                try check(unsafe sqlite3_bind_int64(statement, place, number))
            case .blob(let bytes) where bytes.isEmpty:
                try check(unsafe sqlite3_bind_zeroblob(statement, place, 0))
            case .blob(let bytes):
                try check(
                    unsafe sqlite3_bind_blob(
                        statement, place, bytes, Int32(bytes.count), SQLiteConnection.transient))
            }
        }
    }

    private func check(_ code: Int32) throws(StorageError) {
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> StorageError {
        let message = unsafe sqlite3_errmsg(handle).map { unsafe String(cString: $0) }
        return .index(file: name, message: message ?? "SQLite error \(code)")
    }
}

/// One row of a result, inside the call that gives it.
@safe
struct SQLiteRow {
    private let statement: OpaquePointer

    fileprivate init(statement: OpaquePointer) { unsafe self.statement = unsafe statement }

    /// The number in `column`.
    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement, column) }

    /// A copy of the bytes in `column`.
    func blob(_ column: Int32) -> [UInt8] {
        guard let start = unsafe sqlite3_column_blob(statement, column) else { return [] }
        let count = Int(unsafe sqlite3_column_bytes(statement, column))
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
