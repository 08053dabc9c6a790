internal import Encoding
internal import Synchronization

/// Where the word pages of one log segment's index are.
struct WordPages: Sendable {
    struct Entry: Sendable {
        var page: Int64
        var kind: WordKind
        var length: Int
        var first: [UInt8]
    }

    /// By kind, length and first word.
    private let entries: [Entry]

    init(_ image: SQLiteImage) throws(StorageError) {
        var entries: [Entry] = []
        try image.rows("SELECT page, kind, length, first FROM word ORDER BY page") {
            (row) throws(StorageError) in
            guard let number = UInt8(exactly: row.integer(1)), let kind = WordKind(rawValue: number)
            else {
                throw StorageError.corrupt(
                    file: image.name, what: "kind of words", offset: Int(row.integer(0)))
            }
            entries.append(
                Entry(
                    page: row.integer(0), kind: kind, length: Int(row.integer(2)),
                    first: row.blob(3)))
            return true
        }
        self.entries = entries
    }

    /// The pages that may have words which hold the needle.
    func pages(for needle: TokenNeedle) -> [Int64] {
        let kind = WordKind(needle.text[...])
        let first = WordPages.key(needle.text, kind)
        return entries.indices.filter { index in
            let entry = entries[index]
            switch entry.kind {
            case .decimal: guard kind == .decimal else { return false }
            case .hexadecimal: guard kind != .text else { return false }
            case .text: break
            }
            if entry.kind != .text {
                guard needle.text.count <= entry.length else { return false }
                guard needle.isWhole else { return true }
                guard entry.kind == kind, entry.length == needle.text.count else { return false }
            } else if needle.isWhole {
                guard kind == .text else { return false }
            }
            guard needle.isWholeAtStart, entry.kind == kind, needle.isWhole || kind == .text
            else { return true }
            // Words that begin with the needle: not before it, and none that is greater but does
            // not begin with it.
            if entry.first.lexicographicallyPrecedes(first) {
                let next = index + 1
                return next == entries.count || entries[next].kind != entry.kind
                    || entries[next].length != entry.length
                    || !entries[next].first.lexicographicallyPrecedes(first)
            }
            return needle.isWhole ? entry.first == first : entry.first.starts(with: first)
        }.map { entries[$0].page }
    }

    /// As `WordGroup.first` writes it.
    private static func key(_ text: [UInt8], _ kind: WordKind) -> [UInt8] {
        guard kind != .text, let digits = DigitSearch.digits(text[...]) else { return text }
        return stride(from: UInt64(56), through: 0, by: -8).map {
            UInt8(truncatingIfNeeded: digits >> $0)
        }
    }
}

/// Decoded word pages of all open segments, the ones used last: repeated searches decode nothing.
/// Thread-safe.
final class WordPageCache: Sendable {
    /// The process has one, so that one limit holds for all segments.
    static let shared = WordPageCache(bytesMax: StorageLimits.wordCacheBytesMax)

    private struct Key: Hashable {
        var index: Int
        var page: Int64
    }

    private struct State {
        var pages: [Key: (page: WordPage, used: Int)] = [:]
        var byteCount = 0
        var clock = 0
        var indexCount = 0
    }

    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// A number for an index file that was opened, which no other has.
    func nextIndex() -> Int {
        state.withLock { state in
            state.indexCount += 1
            return state.indexCount
        }
    }

    /// Page `page` of index `index`, made by `load` when it is not here.
    func page(
        _ page: Int64, of index: Int, _ load: () throws(StorageError) -> WordPage
    ) throws(StorageError) -> WordPage {
        let key = Key(index: index, page: page)
        let known = state.withLock { state -> WordPage? in
            state.clock += 1
            let known = state.pages[key]?.page
            if known != nil { state.pages[key]?.used = state.clock }
            return known
        }
        if let known { return known }
        let loaded = try load()
        state.withLock { state in
            guard state.pages[key] == nil, loaded.byteCount <= bytesMax / 4 else { return }
            state.pages[key] = (loaded, state.clock)
            state.byteCount += loaded.byteCount
            if state.byteCount > bytesMax { shrink(&state) }
        }
        return loaded
    }

    /// Drops the pages of an index that is closed.
    func forget(index: Int) {
        state.withLock { state in
            for (key, entry) in state.pages where key.index == index {
                state.byteCount -= entry.page.byteCount
                state.pages[key] = nil
            }
        }
    }

    /// Drops those used least lately until three quarters are left.
    private func shrink(_ state: inout State) {
        for (key, entry) in state.pages.sorted(by: { $0.value.used < $1.value.used }) {
            if state.byteCount <= bytesMax / 4 * 3 { return }
            state.byteCount -= entry.page.byteCount
            state.pages[key] = nil
        }
    }
}
