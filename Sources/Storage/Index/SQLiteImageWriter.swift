internal import Synchronization

/// Makes SQLite databases in memory and hands out their bytes: what is written then goes through
/// the `Disk` seam like any other file. The same rows give the same bytes: the fields of the header
/// that name the library's version and count changes are blanked.
///
/// Tables are made once, and rows go in within a transaction that is taken back when their bytes are
/// known: the next database finds empty tables and compiled statements. Most segments have few rows;
/// for them the making of tables and the compiling of statements was nearly all of the work.
///
/// Thread-safe: databases that are made at once have a connection each.
final class SQLiteImageWriter: Sendable {
    private let schema: String
    private let formatVersion: Int
    private let idle = Mutex<[Connection]>([])

    private final class Connection: Sendable {
        let value: Mutex<SQLiteConnection>

        init(_ value: consuming SQLiteConnection) { self.value = Mutex(value) }
    }

    /// `schema`: statements that make the tables.
    init(schema: String, formatVersion: Int) {
        self.schema = schema
        self.formatVersion = formatVersion
    }

    /// The bytes of a database file with the rows that `fill` inserts.
    func image(
        _ fill: (inout SQLiteConnection) throws(StorageError) -> Void
    ) throws(StorageError) -> [UInt8] {
        let connection = try free()
        var bytes = try connection.value.withLock { (database) throws(StorageError) in
            try database.execute("BEGIN")
            try fill(&database)
            let bytes = try database.serialized()
            try database.execute("ROLLBACK")
            return bytes
        }
        // After an error it is not used again.
        idle.withLock { $0.append(connection) }
        // File change counter, version-valid-for and SQLITE_VERSION_NUMBER (fileformat2 §1.3).
        for offset in [24, 92, 96] where offset + 4 <= bytes.count {
            bytes.replaceSubrange(offset..<offset + 4, with: [0, 0, 0, 1])
        }
        return bytes
    }

    private func free() throws(StorageError) -> Connection {
        if let known = idle.withLock({ $0.popLast() }) { return known }
        var connection = try SQLiteConnection(inMemoryAs: "(memory)")
        try connection.execute("PRAGMA page_size=\(StorageLimits.indexPageBytes)")
        try connection.execute("PRAGMA user_version=\(formatVersion); BEGIN; \(schema); COMMIT")
        return Connection(connection)
    }
}
