internal import Encoding

/// The words of a log segment and the blocks that hold them, ready for the index file.
///
/// Words in two blocks or more are the dictionary proper: sorted, in pages with postings. Words of
/// one block only (most: ids, numbers) stand in a list of their block, as text, so that substring
/// search stays exact: separator, word, separator, word, …, separator.
package struct TokenDictionary {
    /// Between the words of a list; no word holds it.
    static let separator: UInt8 = 0

    private let collector: TokenCollector

    /// `collector`: all blocks of the segment have been added.
    init(_ collector: TokenCollector) { self.collector = collector }

    func insert(into writer: SQLiteImageWriter) throws(StorageError) {
        try writer.execute("INSERT INTO meta VALUES('blocks', \(collector.blockCount))")
        var long = ByteWriter()
        DictionaryPage.append(postings: collector.longTokenBlocks, to: &long)
        var longRow: [UInt8]? = long.bytes
        try writer.insert("INSERT INTO meta VALUES('long', ?)") { () throws(StorageError) in
            defer { longRow = nil }
            return longRow.map { [.blob($0)] }
        }
        var repeated = DictionaryPageWriter()
        collector.forEachRepeated { token, blocks in repeated.add(token, blocks) }
        let pages = repeated.finish()
        var next = 0
        try writer.insert("INSERT INTO token VALUES(?,?)") { () throws(StorageError) in
            guard next < pages.count else { return nil }
            defer { next += 1 }
            return [.blob(pages[next].first), .blob(pages[next].row)]
        }
        let lists = collector.rareTokens()
        next = 0
        try writer.insert("INSERT INTO rare VALUES(?,?)") { () throws(StorageError) in
            while next < lists.count, lists[next].isEmpty { next += 1 }
            guard next < lists.count else { return nil }
            defer { next += 1 }
            var content: [UInt8] = [TokenDictionary.separator]
            for token in lists[next] {
                content.append(contentsOf: token)
                content.append(TokenDictionary.separator)
            }
            return [.integer(Int64(next)), .blob(DictionaryPage.seal(content))]
        }
    }
}
