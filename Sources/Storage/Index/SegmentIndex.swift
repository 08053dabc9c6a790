internal import Encoding
package import Model
package import Platform

/// The inverted index of one sealed segment, read from its SQLite file: labels → ordinals of
/// series or streams, and for logs tokens → blocks. Immutable and thread-safe; every row is
/// checked against its own checksum when it is read. Format: docs/format/index.md.
package final class SegmentIndex: Sendable {
    struct TenantEntry: Sendable {
        var ordinal: Int64
        var tenant: Tenant
        var range: Range<Int>
    }

    let image: SQLiteImage
    let tenantEntries: [TenantEntry]
    private let entryOfTenant: [Tenant: Int]
    /// Series or streams in the segment; ordinals are below it.
    package let seriesCount: Int
    /// Blocks that the token dictionary covers; 0 without one.
    package let blockCount: Int
    /// Blocks with tokens that are longer than the dictionary holds.
    let longTokenBlocks: [UInt32]
    let wordPages: WordPages
    private let cacheNumber = WordPageCache.shared.nextIndex()

    /// Opens the file at `path`. With `checksum` the whole file is read and compared first.
    package static func open(
        disk: any Disk, path: DiskPath, verifying checksum: UInt64? = nil
    ) throws(StorageError) -> SegmentIndex {
        if let checksum {
            let bytes: [UInt8]
            do { bytes = try disk.readAll(path) } catch { throw StorageError.disk(error) }
            guard SegmentIndex.checksum(of: bytes) == checksum else {
                throw StorageError.corrupt(file: path.string, what: "index checksum", offset: 0)
            }
        }
        return try SegmentIndex(image: SQLiteImage.open(disk: disk, path: path))
    }

    /// Opens a file that is in memory.
    package convenience init(bytes: [UInt8], name: String) throws(StorageError) {
        try self.init(image: SQLiteImage(bytes: bytes, name: name))
    }

    /// What `open` compares, for the manifest.
    package static func checksum(of bytes: [UInt8]) -> UInt64 {
        StableHash.hash64(bytes, seed: 0)
    }

    private init(image: SQLiteImage) throws(StorageError) {
        self.image = image
        let version = Int(try image.integer("PRAGMA user_version") ?? 0)
        guard version <= SegmentIndexBuilder.formatVersion else {
            throw StorageError.newerFormat(
                file: image.name, version: version,
                versionMax: SegmentIndexBuilder.formatVersion)
        }
        let meta = try Meta(image)
        guard version == SegmentIndexBuilder.formatVersion, let seriesTotal = meta.seriesCount
        else { throw StorageError.corrupt(file: image.name, what: "index header", offset: 0) }
        seriesCount = seriesTotal
        blockCount = meta.blockCount
        longTokenBlocks = meta.longTokenBlocks
        var entries: [TenantEntry] = []
        var end = 0
        try image.rows("SELECT ordinal, name, first, count FROM tenant ORDER BY ordinal") {
            (row) throws(StorageError) in
            let name = String(decoding: row.blob(1), as: UTF8.self)
            let first = Int(row.integer(2))
            let count = Int(row.integer(3))
            guard let tenant = Tenant(name), first == end, count > 0, first + count <= seriesTotal
            else { throw StorageError.corrupt(file: image.name, what: "tenants", offset: 0) }
            end = first + count
            entries.append(
                TenantEntry(ordinal: row.integer(0), tenant: tenant, range: first..<end))
            return true
        }
        guard end == seriesTotal else {
            throw StorageError.corrupt(file: image.name, what: "tenants", offset: 0)
        }
        tenantEntries = entries
        entryOfTenant = Dictionary(
            entries.enumerated().map { ($1.tenant, $0) }, uniquingKeysWith: { first, _ in first })
        wordPages = try WordPages(image)
    }

    /// The table of single facts.
    private struct Meta {
        var seriesCount: Int?
        var blockCount = 0
        var longTokenBlocks: [UInt32] = []

        init(_ image: SQLiteImage) throws(StorageError) {
            var long: [UInt8]?
            try image.rows("SELECT name, value FROM meta") { row in
                switch String(decoding: row.blob(0), as: UTF8.self) {
                case "series": seriesCount = UInt32(exactly: row.integer(1)).map { Int($0) }
                case "blocks": blockCount = Int(row.integer(1))
                case "long": long = row.blob(1)
                default: break
                }
                return true
            }
            guard let long else { return }
            var reader = ByteReader(long)
            do {
                try DictionaryPage.readPostings(&reader, into: &longTokenBlocks)
            } catch {
                throw StorageError.corrupt(file: image.name, what: "long tokens", offset: 0)
            }
        }
    }

    deinit { WordPageCache.shared.forget(index: cacheNumber) }

    /// A page of the token dictionary.
    func wordPage(_ number: Int64) throws(StorageError) -> WordPage {
        try WordPageCache.shared.page(number, of: cacheNumber) { () throws(StorageError) in
            var row: [UInt8] = []
            try image.rows("SELECT content FROM word WHERE page=?", [.integer(number)]) { found in
                row = found.blob(0)
                return false
            }
            do {
                return try WordPage(row, blockCount: blockCount)
            } catch {
                throw corrupt("word page", Int(number))
            }
        }
    }

    /// The tenants with series here, ascending.
    package var tenants: [Tenant] { tenantEntries.map(\.tenant) }

    /// The ordinals of the tenant's series; empty when it has none here.
    package func ordinals(of tenant: Tenant) -> Range<UInt32> {
        guard let entry = entry(of: tenant) else { return 0..<0 }
        return UInt32(entry.range.lowerBound)..<UInt32(entry.range.upperBound)
    }

    func entry(of tenant: Tenant) -> TenantEntry? {
        entryOfTenant[tenant].map { tenantEntries[$0] }
    }

    /// The labels of each ordinal (ascending is fastest).
    package func labels(of ordinals: [UInt32]) throws(StorageError) -> [Labels] {
        var result: [Labels] = []
        result.reserveCapacity(ordinals.count)
        var page = SeriesPage(first: 0, labels: [])
        for ordinal in ordinals {
            if !page.contains(ordinal) { page = try seriesPage(holding: ordinal) }
            result.append(page.labels[Int(ordinal) - page.first])
        }
        return result
    }

    /// The series of each ordinal (ascending is fastest); the ids are hashed anew.
    package func series(of ordinals: [UInt32]) throws(StorageError) -> [IndexedSeries] {
        let labels = try labels(of: ordinals)
        var result: [IndexedSeries] = []
        result.reserveCapacity(ordinals.count)
        var entry = 0
        for (ordinal, labels) in zip(ordinals, labels) {
            if !tenantEntries[entry].range.contains(Int(ordinal)) {
                entry = tenantEntries.firstIndex { $0.range.contains(Int(ordinal)) } ?? 0
            }
            result.append(IndexedSeries(tenant: tenantEntries[entry].tenant, labels: labels))
        }
        return result
    }

    struct SeriesPage {
        var first: Int
        var labels: [Labels]

        func contains(_ ordinal: UInt32) -> Bool {
            Int(ordinal) >= first && Int(ordinal) < first + labels.count
        }
    }

    private func seriesPage(holding ordinal: UInt32) throws(StorageError) -> SeriesPage {
        precondition(Int(ordinal) < seriesCount, "ordinal outside of the segment")
        var found: (first: Int, content: [UInt8])?
        try image.rows(
            "SELECT first, content FROM series WHERE first<=? ORDER BY first DESC LIMIT 1",
            [.integer(Int64(ordinal))]
        ) { (row) throws(StorageError) in
            found = (Int(row.integer(0)), row.blob(1))
            return false
        }
        guard let found else { throw corrupt("series page", Int(ordinal)) }
        do {
            let content = try DictionaryPage.expand(found.content)
            var reader = ByteReader(content)
            let count = try reader.count(limit: content.count)
            var arena: [UInt8] = []
            var ends: [UInt32] = []
            try FrontCoding.decode(
                &reader, count: count, into: &arena, ends: &ends,
                limit: StorageLimits.dictionaryPageBytesMax)
            var labels: [Labels] = []
            var start = 0
            for end in ends {
                // Checked when they came in, and by the page's checksum since.
                labels.append(Labels(canonical: Array(arena[start..<Int(end)])))
                start = Int(end)
            }
            let page = SeriesPage(first: found.first, labels: labels)
            guard page.contains(ordinal) else { throw corrupt("series page", Int(ordinal)) }
            return page
        } catch let error as StorageError {
            throw error
        } catch {
            throw corrupt("series page", found.first)
        }
    }

    /// `offset` is the row, not a byte.
    func corrupt(_ what: String, _ offset: Int) -> StorageError {
        .corrupt(file: image.name, what: what, offset: offset)
    }
}
