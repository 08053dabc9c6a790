internal import Encoding
package import Model

/// A series or stream as an index file lists it. Its ordinal is its place in the list.
package struct IndexedSeries: Sendable, Hashable {
    package var tenant: Tenant
    package var id: SeriesID
    package var labels: Labels

    /// `id` must be that of tenant and labels: index files do not store it.
    package init(tenant: Tenant, id: SeriesID, labels: Labels) {
        self.tenant = tenant
        self.id = id
        self.labels = labels
    }

    /// Hashes the id.
    package init(tenant: Tenant, labels: Labels) {
        self.init(tenant: tenant, id: SeriesID(tenant: tenant, labels: labels), labels: labels)
    }
}

extension IndexedSeries: Comparable {
    /// The order of a segment: by tenant, then by labels.
    package static func < (a: IndexedSeries, b: IndexedSeries) -> Bool {
        a.tenant != b.tenant ? a.tenant < b.tenant : a.labels < b.labels
    }
}

/// Makes the index file of a segment: a pure function of its arguments, byte for byte (for one
/// version of SQLite). Format: docs/format/index.md.
package enum SegmentIndexBuilder {
    /// Written as `PRAGMA user_version`; a reader refuses later ones.
    package static let formatVersion = 2

    static let schema = """
        CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE tenant(ordinal INTEGER PRIMARY KEY, name BLOB, first INTEGER, count INTEGER);
        CREATE TABLE series(first INTEGER PRIMARY KEY, content BLOB);
        CREATE TABLE label(tenant INTEGER, name BLOB, ordinal INTEGER, present BLOB,
            PRIMARY KEY(tenant, name)) WITHOUT ROWID;
        CREATE TABLE value(label INTEGER, first BLOB, content BLOB,
            PRIMARY KEY(label, first)) WITHOUT ROWID;
        CREATE TABLE word(page INTEGER PRIMARY KEY, kind INTEGER, length INTEGER, first BLOB,
            content BLOB);
        """

    /// `series`: ascending, each once; ordinal i is series[i]. `tokens`: of a log segment.
    package static func build(
        series: [IndexedSeries], tokens: TokenDictionary? = nil
    ) throws(StorageError) -> [UInt8] {
        precondition(series.count < Int(UInt32.max), "too many series for one segment")
        let tenants = tenantRanges(series)
        return try writer.image { (database) throws(StorageError) in
            try database.insert(
                "INSERT INTO meta VALUES('series', ?)", [.integer(Int64(series.count))])
            try insertTenants(series, tenants, &database)
            try insertSeries(series, tenants, &database)
            try insertLabels(series, tenants, &database)
            try tokens?.insert(into: &database)
        }
    }

    private static let writer = SQLiteImageWriter(schema: schema, formatVersion: formatVersion)

    /// The ordinals of each tenant.
    private static func tenantRanges(_ series: [IndexedSeries]) -> [Range<Int>] {
        var tenants: [Range<Int>] = []
        var start = 0
        while start < series.count {
            var end = start + 1
            while end < series.count, series[end].tenant == series[start].tenant {
                precondition(
                    series[end - 1].labels < series[end].labels, "BUG: series are not in order")
                end += 1
            }
            if let last = tenants.last {
                precondition(
                    series[last.lowerBound].tenant < series[start].tenant,
                    "BUG: series are not in order")
            }
            tenants.append(start..<end)
            start = end
        }
        return tenants
    }

    private static func insertTenants(
        _ series: [IndexedSeries], _ tenants: [Range<Int>], _ database: inout SQLiteConnection
    ) throws(StorageError) {
        var next = 0
        try database.insert("INSERT INTO tenant VALUES(?,?,?,?)") { () throws(StorageError) in
            guard next < tenants.count else { return nil }
            defer { next += 1 }
            let range = tenants[next]
            return [
                .integer(Int64(next)), .blob(Array(series[range.lowerBound].tenant.name.utf8)),
                .integer(Int64(range.lowerBound)), .integer(Int64(range.count)),
            ]
        }
    }

    /// Pages of front-coded canonical labels; a page never spans two tenants.
    private static func insertSeries(
        _ series: [IndexedSeries], _ tenants: [Range<Int>], _ database: inout SQLiteConnection
    ) throws(StorageError) {
        var tenant = 0
        var first = 0
        try database.insert("INSERT INTO series VALUES(?,?)") { () throws(StorageError) in
            guard first < series.count else { return nil }
            if first == tenants[tenant].upperBound { tenant += 1 }
            let end = min(first + StorageLimits.seriesPerPage, tenants[tenant].upperBound)
            defer { first = end }
            var content = ByteWriter()
            content.varint(UInt64(end - first))
            var previous: [UInt8] = []
            for index in first..<end {
                let labels = series[index].labels.bytes
                FrontCoding.append(labels[...], after: previous[...], to: &content.bytes)
                previous = labels
            }
            return [.integer(Int64(first)), .blob(DictionaryPage.seal(content.bytes))]
        }
    }

    private static func insertLabels(
        _ series: [IndexedSeries], _ tenants: [Range<Int>], _ database: inout SQLiteConnection
    ) throws(StorageError) {
        var labelRows: [[SQLiteValue]] = []
        var valueRows: [[SQLiteValue]] = []
        for (tenant, range) in tenants.enumerated() {
            var postings = MemoryPostings()
            for item in series[range] {
                postings.append(tenant: item.tenant, labels: item.labels)
            }
            for name in postings.names {
                let ordinal = Int64(labelRows.count)
                var pages = DictionaryPageWriter()
                var present: [UInt32] = []
                for (value, ordinals) in postings.values(ofName: name.number) {
                    let shifted = ordinals.map { $0 + UInt32(range.lowerBound) }
                    present.append(contentsOf: shifted)
                    pages.add(value[...], shifted)
                }
                // Each series carries the name at most once.
                present.sort()
                var list = ByteWriter()
                DictionaryPage.append(postings: present, to: &list)
                labelRows.append([
                    .integer(Int64(tenant)), .blob(name.bytes), .integer(ordinal),
                    .blob(list.bytes),
                ])
                for page in pages.finish() {
                    valueRows.append([.integer(ordinal), .blob(page.first), .blob(page.row)])
                }
            }
        }
        var next = 0
        try database.insert("INSERT INTO label VALUES(?,?,?,?)") { () throws(StorageError) in
            guard next < labelRows.count else { return nil }
            defer { next += 1 }
            return labelRows[next]
        }
        next = 0
        try database.insert("INSERT INTO value VALUES(?,?,?)") { () throws(StorageError) in
            guard next < valueRows.count else { return nil }
            defer { next += 1 }
            return valueRows[next]
        }
    }
}

extension MemoryPostings {
    /// Label names, ascending by bytes, the tenant's own (empty) left out.
    fileprivate var names: [(bytes: [UInt8], number: Int)] {
        nameRanges.indices.dropFirst()
            .map { (Array(arena[nameRanges[$0]]), $0) }
            .sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }

    /// Values of a name, ascending by bytes, with the ordinals of each.
    fileprivate func values(ofName name: Int) -> [(value: [UInt8], ordinals: [UInt32])] {
        pairsOfName[name]
            .map { number -> (value: [UInt8], ordinals: [UInt32]) in
                let pair = pairs[Int(number)]
                let rest = pair.list == MemoryPostings.noList ? [] : lists[Int(pair.list)]
                return (Array(valueBytes(pair)), [pair.first] + rest)
            }
            .sorted { $0.value.lexicographicallyPrecedes($1.value) }
    }
}
