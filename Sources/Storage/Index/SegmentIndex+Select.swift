internal import Encoding
package import Model

/// Answers selectors from the label dictionary. A matcher that an absent label fails narrows by
/// the union of its values' postings; one that an absent label passes removes the series whose
/// value fails. Equal values go first: they are one page each.
extension SegmentIndex {
    /// The tenant's ordinals that the selector selects, ascending.
    package func select(
        tenant: Tenant, selector: Selector
    ) throws(StorageError) -> [UInt32] {
        guard let entry = entry(of: tenant) else { return [] }
        if selector.alternatives.count == 1 {
            return try select(entry, selector.alternatives[0])
        }
        var union = OrdinalSet(count: entry.range.count)
        let base = UInt32(entry.range.lowerBound)
        for alternative in selector.alternatives {
            for ordinal in try select(entry, alternative) { union.insert(ordinal - base) }
        }
        return union.ordinals().map { $0 + base }
    }

    /// Label names that the selected series carry, ascending by bytes.
    package func labelNames(
        tenant: Tenant, selector: Selector = .everything
    ) throws(StorageError) -> [String] {
        guard let entry = entry(of: tenant) else { return [] }
        let selected = try selection(entry, selector)
        var names: [String] = []
        try image.rows(
            "SELECT name, present FROM label WHERE tenant=? ORDER BY name",
            [.integer(entry.ordinal)]
        ) { (row) throws(StorageError) in
            if let selected {
                let present = try ordinals(inList: row.blob(1))
                guard present.contains(where: { selected.contains($0 - selected.base) }) else {
                    return true
                }
            }
            names.append(String(decoding: row.blob(0), as: UTF8.self))
            return true
        }
        return names
    }

    /// Values of label `name` that the selected series carry, ascending by bytes.
    package func labelValues(
        _ name: String, tenant: Tenant, selector: Selector = .everything
    ) throws(StorageError) -> [String] {
        guard let entry = entry(of: tenant), let label = try label(named: name, entry) else {
            return []
        }
        let selected = try selection(entry, selector)
        var values: [String] = []
        try forEachPage(of: label, from: nil, to: nil) { (page) throws(EncodingError) in
            try page.forEach(where: { _ in true }) { index, ordinals in
                if let selected,
                    !ordinals.contains(where: { selected.contains($0 - selected.base) })
                {
                    return
                }
                values.append(String(decoding: page.arena[page.range(index)], as: UTF8.self))
            }
        }
        return values
    }

    private struct Selection {
        var base: UInt32
        var set: OrdinalSet

        func contains(_ place: UInt32) -> Bool { set.contains(place) }
    }

    /// Nil: everything.
    private func selection(
        _ entry: TenantEntry, _ selector: Selector
    ) throws(StorageError) -> Selection? {
        if selector.alternatives.contains([]) { return nil }
        let base = UInt32(entry.range.lowerBound)
        var set = OrdinalSet(count: entry.range.count)
        for ordinal in try select(tenant: entry.tenant, selector: selector) {
            set.insert(ordinal - base)
        }
        return Selection(base: base, set: set)
    }

    private struct Label {
        var ordinal: Int64
        var present: [UInt8]
    }

    private func label(
        named name: String, _ entry: TenantEntry
    ) throws(StorageError) -> Label? {
        var result: Label?
        try image.rows(
            "SELECT ordinal, present FROM label WHERE tenant=? AND name=?",
            [.integer(entry.ordinal), .blob(Array(name.utf8))]
        ) { (row) throws(StorageError) in
            result = Label(ordinal: row.integer(0), present: row.blob(1))
            return false
        }
        return result
    }

    private func ordinals(inList bytes: [UInt8]) throws(StorageError) -> [UInt32] {
        var reader = ByteReader(bytes)
        var result: [UInt32] = []
        do {
            try DictionaryPage.readPostings(&reader, into: &result)
        } catch {
            throw corrupt("label postings", 0)
        }
        guard result.allSatisfy({ $0 < UInt32(seriesCount) }) else {
            throw corrupt("label postings", 0)
        }
        return result
    }

    private func select(
        _ entry: TenantEntry, _ matchers: [Matcher]
    ) throws(StorageError) -> [UInt32] {
        var candidates: [UInt32]?
        let isExact = { (matcher: Matcher) in
            matcher.operation == .equal && !matcher.value.isEmpty
        }
        for matcher in matchers where isExact(matcher) {
            guard let label = try label(named: matcher.name, entry) else { return [] }
            let found = try postings(of: label, equalTo: Array(matcher.value.utf8))
            candidates = candidates.map { intersection($0, found) } ?? found
            if candidates?.isEmpty == true { return [] }
        }
        for matcher in matchers where !isExact(matcher) {
            let known = candidates ?? Array(ordinals(of: entry.tenant))
            candidates = try apply(matcher, to: known, entry)
            if candidates?.isEmpty == true { return [] }
        }
        return candidates ?? Array(ordinals(of: entry.tenant))
    }

    private func apply(
        _ matcher: Matcher, to candidates: [UInt32], _ entry: TenantEntry
    ) throws(StorageError) -> [UInt32] {
        let passesAbsent = matcher.matchesEmpty
        guard let label = try label(named: matcher.name, entry) else {
            return passesAbsent ? candidates : []
        }
        if candidates.count <= StorageLimits.directTestSeriesMax {
            let labels = try labels(of: candidates)
            return zip(candidates, labels).filter { matcher.matches($1) }.map(\.0)
        }
        // A range that every match lies in bounds the pages only when matches are what is kept.
        var bounds: (low: [UInt8], high: [UInt8])?
        if !passesAbsent, matcher.operation == .matches {
            bounds = matcher.expression?.matchRange()
        }
        let isWanted = { (page: DictionaryPage, key: Int) in
            matcher.matches(page.arena[page.range(key)]) != passesAbsent
        }
        if candidates.count <= StorageLimits.mergeTestSeriesMax {
            var passes = [Bool](repeating: passesAbsent, count: candidates.count)
            try forEachPage(of: label.ordinal, from: bounds?.low, to: bounds?.high) {
                (page) throws(EncodingError) in
                try page.forEach(where: { isWanted(page, $0) }, among: candidates) {
                    passes[$0] = !passesAbsent
                }
            }
            return zip(candidates, passes).filter(\.1).map(\.0)
        }
        var set = OrdinalSet(count: entry.range.count)
        let base = UInt32(entry.range.lowerBound)
        let end = UInt32(entry.range.upperBound)
        var isCorrupt = false
        try forEachPage(of: label.ordinal, from: bounds?.low, to: bounds?.high) {
            (page) throws(EncodingError) in
            try page.forEach(
                where: { isWanted(page, $0) },
                { _, ordinals in
                    for ordinal in ordinals {
                        guard ordinal >= base, ordinal < end else {
                            isCorrupt = true
                            return
                        }
                        set.insert(ordinal - base)
                    }
                })
        }
        if isCorrupt { throw corrupt("value postings", 0) }
        return candidates.filter { set.contains($0 - base) != passesAbsent }
    }

    private func postings(
        of label: Label, equalTo value: [UInt8]
    ) throws(StorageError) -> [UInt32] {
        var row: [UInt8]?
        try image.rows(
            "SELECT content FROM value WHERE label=? AND first<=? ORDER BY first DESC LIMIT 1",
            [.integer(label.ordinal), .blob(value)]
        ) { (found) throws(StorageError) in
            row = found.blob(0)
            return false
        }
        guard let row else { return [] }
        var result: [UInt32] = []
        do {
            let page = try DictionaryPage(row)
            guard let place = page.find(value) else { return [] }
            try page.forEach(where: { $0 == place }) { _, ordinals in result = ordinals }
        } catch {
            throw corrupt("value page", 0)
        }
        guard result.allSatisfy({ $0 < UInt32(seriesCount) }) else {
            throw corrupt("value postings", 0)
        }
        return result
    }

    private func forEachPage(
        of label: Int64, from low: [UInt8]?, to high: [UInt8]?,
        _ body: (DictionaryPage) throws(EncodingError) -> Void
    ) throws(StorageError) {
        var sql = "SELECT content FROM value WHERE label=?1"
        var values: [SQLiteValue] = [.integer(label)]
        if let low, let high {
            // The page that holds `low` is the last one that begins at or before it.
            sql += " AND first<=?3 AND first>=coalesce("
            sql += "(SELECT max(first) FROM value WHERE label=?1 AND first<=?2), x'')"
            values += [.blob(low), .blob(high)]
        }
        try image.rows(sql + " ORDER BY first", values) { (row) throws(StorageError) in
            do {
                try body(try DictionaryPage(row.blob(0)))
            } catch {
                throw corrupt("value page", 0)
            }
            return true
        }
    }

    private func forEachPage(
        of label: Label, from low: [UInt8]?, to high: [UInt8]?,
        _ body: (DictionaryPage) throws(EncodingError) -> Void
    ) throws(StorageError) {
        try forEachPage(of: label.ordinal, from: low, to: high, body)
    }

    private func intersection(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        var i = 0
        var j = 0
        while i < a.count, j < b.count {
            if a[i] == b[j] {
                result.append(a[i])
                i += 1
                j += 1
            } else if a[i] < b[j] {
                i += 1
            } else {
                j += 1
            }
        }
        return result
    }
}
