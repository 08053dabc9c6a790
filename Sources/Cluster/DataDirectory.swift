internal import Platform

/// The file `varve.format` at the root of a data directory: the version of its layout and the
/// number of shards, which is fixed for its life.
///
///     varve data directory
///     format 1
///     shards 16
struct DataDirectory: Equatable {
    static let path = DiskPath("varve.format")
    static let formatVersion = 1
    static let shardCountMax = 4_096
    private static let heading = "varve data directory"

    let shardCount: Int

    /// Reads the file, or makes a new directory with `shardCount` shards. Throws `newerFormat`
    /// before anything in the directory is touched.
    static func open(_ disk: any Disk, shardCount: Int) throws(NodeError) -> DataDirectory {
        do {
            if disk.exists(path) {
                return try parse(String(decoding: try disk.readAll(path), as: UTF8.self))
            }
            let directory = DataDirectory(shardCount: shardCount)
            try directory.write(disk)
            return directory
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// Durable when it returns, in place of what was there.
    func write(_ disk: any Disk) throws(NodeError) {
        do {
            try disk.replaceDurably(DataDirectory.path, with: Array(text.utf8))
        } catch {
            throw NodeError.failed("\(error)")
        }
    }

    /// The file while a snapshot is being made: what holds it is not opened.
    static let unfinished = "\(heading)\nunfinished snapshot\n"

    var text: String {
        "\(DataDirectory.heading)\nformat \(DataDirectory.formatVersion)\nshards \(shardCount)\n"
    }

    static func parse(_ text: String) throws(NodeError) -> DataDirectory {
        let lines = text.split(separator: "\n")
        guard lines.first.map(String.init) == heading else {
            throw NodeError.notADataDirectory(reason: "\(path) begins otherwise")
        }
        func number(_ name: String) -> Int? {
            lines.lazy.compactMap { line -> Int? in
                let words = line.split(separator: " ")
                return words.count == 2 && words[0] == name ? Int(words[1]) : nil
            }.first
        }
        guard let version = number("format"), version > 0 else {
            throw NodeError.notADataDirectory(reason: "\(path) names no format")
        }
        guard version <= formatVersion else {
            throw NodeError.newerFormat(found: version, known: formatVersion)
        }
        guard let shardCount = number("shards"), (1...shardCountMax).contains(shardCount) else {
            throw NodeError.notADataDirectory(reason: "\(path) names no number of shards")
        }
        return DataDirectory(shardCount: shardCount)
    }
}
