internal import Encoding
internal import Model

/// What deletions say of one segment or memtable: which samples or lines in it do not count.
struct DeletionMask: Sendable {
    private let deletions: [Deletion]

    /// `deletions`: those of the data's tenant and kind.
    init(_ deletions: [Deletion]) { self.deletions = deletions }

    var isEmpty: Bool { deletions.isEmpty }

    /// What is deleted of a series or stream; empty for most.
    func spans(of labels: Labels) -> DeletedSpans {
        guard !deletions.isEmpty else { return DeletedSpans([]) }
        return DeletedSpans(
            deletions.filter { $0.selector.matches(labels) }.map { DeletedSpans.Span($0) })
    }
}

/// What is deleted of one series or stream.
struct DeletedSpans: Sendable {
    /// Timestamps with start ≤ t < end; of lines those that pass the filters.
    struct Span: Sendable {
        let start: Int64
        let end: Int64
        /// Nil: all of them.
        let matcher: LineMatcher?

        init(_ deletion: Deletion) {
            start = deletion.start.nanos
            end = deletion.end.nanos
            matcher = deletion.filters.isEmpty ? nil : LineMatcher(deletion.filters)
        }

        func holds(_ time: Int64) -> Bool { time >= start && time < end }
    }

    private let spans: [Span]

    init(_ spans: [Span]) { self.spans = spans }

    var isEmpty: Bool { spans.isEmpty }

    /// Whether everything from `first` to `last`, both included, is deleted, as one span says.
    func cover(_ first: Int64, _ last: Int64) -> Bool {
        spans.contains { $0.matcher == nil && $0.start <= first && last < $0.end }
    }

    /// Places of the timestamps that stay, ascending; nil when all do.
    func kept(_ nanos: [Int64]) -> [Int]? {
        guard !spans.isEmpty else { return nil }
        let kept = nanos.indices.filter { place in
            !spans.contains { $0.holds(nanos[place]) }
        }
        return kept.count == nanos.count ? nil : kept
    }

    /// Those of `rows`, all of this stream, that are deleted.
    func deleted(_ rows: some Sequence<UInt32>, of lines: LineColumns) -> Set<UInt32> {
        var gone = Set<UInt32>()
        for span in spans {
            let inTime = rows.filter { span.holds(lines.timestamps[Int($0)]) }
            if let matcher = span.matcher {
                let passed = matcher.rows(of: lines.picking(inTime), isWanted: nil)
                for row in passed { gone.insert(inTime[Int(row)]) }
            } else {
                gone.formUnion(inTime)
            }
        }
        return gone
    }

    /// Rows of the lines, all of this stream, that stay, as runs.
    func kept(_ rows: Range<Int>, of lines: LineColumns) -> [Range<Int>] {
        let gone = deleted(UInt32(rows.lowerBound)..<UInt32(rows.upperBound), of: lines)
        var runs: [Range<Int>] = []
        for row in rows where !gone.contains(UInt32(row)) {
            if let last = runs.last, last.upperBound == row {
                runs[runs.count - 1] = last.lowerBound..<row + 1
            } else {
                runs.append(row..<row + 1)
            }
        }
        return runs
    }
}

/// What tombstones say of a segment that is to be merged.
struct SegmentDeletions: Sendable {
    private var tenants: Set<Tenant> = []
    private var deletions: [Tenant: [Deletion]] = [:]

    init(_ tombstones: [Manifest.Tombstone], in record: SegmentRecord) {
        for tombstone in tombstones where tombstone.hides(in: record) {
            if let deletion = tombstone.deletion {
                deletions[tombstone.tenant, default: []].append(deletion)
            } else {
                tenants.insert(tombstone.tenant)
            }
        }
    }

    /// Whether all of the tenant's is deleted.
    func isWhole(_ tenant: Tenant) -> Bool { tenants.contains(tenant) }

    /// What is deleted of a series or stream.
    func spans(of tenant: Tenant, _ labels: Labels) -> DeletedSpans {
        guard let own = deletions[tenant] else { return DeletedSpans([]) }
        return DeletionMask(own).spans(of: labels)
    }
}

extension Shard.State {
    /// What deletions say of data of a tenant and kind that was written up to entry `lastIndex` and
    /// cleaned up to `cleanedIndex`, in [start, end). Nil: all of it is deleted.
    func mask(
        _ tenant: Tenant, _ signal: SignalKind, writtenUpTo lastIndex: UInt64,
        cleaned cleanedIndex: UInt64 = 0, _ start: Timestamp, _ end: Timestamp
    ) -> DeletionMask? {
        var found: [Deletion] = []
        for tombstone in manifest.tombstones + pendingTombstones
        where tombstone.tenant == tenant && tombstone.index >= lastIndex
            && tombstone.index > cleanedIndex
        {
            guard let deletion = tombstone.deletion else { return nil }
            if deletion.signal == signal, deletion.start < end, deletion.end > start {
                found.append(deletion)
            }
        }
        return DeletionMask(found)
    }

    /// The same of a segment.
    func mask(
        _ tenant: Tenant, of record: SegmentRecord, _ start: Timestamp, _ end: Timestamp
    ) -> DeletionMask? {
        mask(
            tenant, record.signal, writtenUpTo: record.lastIndex, cleaned: record.cleanedIndex,
            max(start, record.start), min(end, record.end.advanced(byNanos: 1)))
    }

    /// Whether the memtables hold something of what is to be deleted; a function of the log.
    func holdsInMemory(_ deletion: Deletion) -> Bool {
        let (start, end) = (deletion.start.nanos, deletion.end.nanos)
        switch deletion.signal {
        case .metrics:
            let memtable = metrics.memtable
            guard !memtable.isEmpty, memtable.start < end, memtable.end >= start else {
                return false
            }
            return metrics.catalog.postings
                .select(tenant: deletion.tenant, selector: deletion.selector)
                .contains { memtable.holds(slot: $0) }
        case .logs:
            guard let bounds = logs.memtable.bounds, bounds.lowerBound < end,
                bounds.upperBound >= start
            else { return false }
            return !logs.memtable.select(tenant: deletion.tenant, selector: deletion.selector)
                .isEmpty
        }
    }

    /// Deletions whose jobs are not done.
    private var pendingTombstones: [Manifest.Tombstone] {
        pending.compactMap { index, work in
            switch work {
            case .seal(_, deleting: let deletion?), .delete(let deletion):
                Manifest.Tombstone(tenant: deletion.tenant, index: index, deletion: deletion)
            case .deleteTenant(let tenant):
                Manifest.Tombstone(tenant: tenant, index: index)
            default: nil
            }
        }
    }
}
