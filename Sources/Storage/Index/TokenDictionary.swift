internal import Encoding

/// The words of a log segment and the blocks that hold them, ready for the index file: pages of
/// words of one kind, exact and whole, so that a search for the inside of a word needs no block
/// that does not hold it.
package struct TokenDictionary {
    private let collector: TokenCollector

    /// `collector`: all blocks of the segment have been added.
    init(_ collector: TokenCollector) { self.collector = collector }

    func insert(into database: inout SQLiteConnection) throws(StorageError) {
        let blockCount = Int(collector.blockCount)
        try database.insert(
            "INSERT INTO meta VALUES('blocks', ?)", [.integer(Int64(blockCount))])
        var long = ByteWriter()
        DictionaryPage.append(postings: collector.longTokenBlocks, to: &long)
        try database.insert("INSERT INTO meta VALUES('long', ?)", [.blob(long.bytes)])
        let groups = collector.groups()
        var group = 0
        var next = 0
        var page: Int64 = 0
        try database.insert("INSERT INTO word VALUES(?,?,?,?,?)") { () throws(StorageError) in
            while group < groups.count, next == groups[group].count {
                group += 1
                next = 0
            }
            guard group < groups.count else { return nil }
            let words = groups[group]
            let range = next..<min(next + StorageLimits.wordsPerPage, words.count)
            next = range.upperBound
            defer { page += 1 }
            return [
                .integer(page), .integer(Int64(words.kind.rawValue)),
                .integer(Int64(words.length)), .blob(words.first(range.lowerBound)),
                .blob(WordPage.row(words, range, blockCount: blockCount)),
            ]
        }
    }
}
