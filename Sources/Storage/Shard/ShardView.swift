internal import Encoding
internal import Model
internal import Synchronization

/// What one query sees of a shard's metrics: the segments of one moment and copies of what the
/// memtables hold of the selected series. Immutable; keeps the files of its segments.
struct ShardView: Sendable {
    /// One series' samples in one memtable, still coded.
    struct MemoryPart: Sendable {
        var series: IndexedSeries
        var samples: MemorySeries
    }

    /// Oldest write first.
    var segments: [LiveSegment] = []
    /// What is deleted of the segment with the same place in the list.
    var masks: [DeletionMask] = []
    /// Parts of the frozen memtables, oldest first, then of the active one.
    var memory: [[MemoryPart]] = []
    /// What is deleted of the parts with the same place in the list.
    var memoryMasks: [DeletionMask] = []
    /// For logs: the selected streams of the memtables.
    var streams: [IndexedSeries] = []
}

extension Shard {
    /// Series copied under one hold of the lock.
    private static let seriesPerHold = 1_024

    /// Copies out what is in memory of the selected series. The lock is released between groups;
    /// a seal in between makes it begin again.
    func view(
        tenant: Tenant, selector: Selector, start: Timestamp, end: Timestamp
    ) -> ShardView {
        var attempt = 0
        while true {
            let holdsOn = attempt == 3
            if let view = tryView(tenant, selector, start, end, inOneHold: holdsOn) {
                return view
            }
            attempt += 1
        }
    }

    private func tryView(
        _ tenant: Tenant, _ selector: Selector, _ start: Timestamp, _ end: Timestamp,
        inOneHold: Bool
    ) -> ShardView? {
        var view = ShardView()
        var slots: [UInt32] = []
        var frozen: [(state: FrozenState, mask: DeletionMask)] = []
        var generation: UInt64 = 0
        var parts: [ShardView.MemoryPart] = []
        state.withLock { state in
            generation = state.lastSealIndex
            frozen = state.frozen.compactMap { old in
                state.mask(tenant, .metrics, writtenUpTo: old.index, start, end)
                    .map { (old, $0) }
            }
            for record in state.manifest.segments
            where record.signal == .metrics && record.start < end && record.end >= start {
                guard let segment = state.live[record.name],
                    let mask = state.mask(tenant, of: record, start, end)
                else { continue }
                view.segments.append(segment)
                view.masks.append(mask)
            }
            let memtable = state.metrics.memtable
            guard !memtable.isEmpty, memtable.start < end.nanos, memtable.end >= start.nanos
            else { return }
            slots = state.metrics.catalog.postings.select(tenant: tenant, selector: selector)
                .filter { memtable.holds(slot: $0) }
            let now = inOneHold ? slots.count : min(slots.count, Shard.seriesPerHold)
            parts = state.metrics.parts(slots[..<now], tenant)
        }
        while parts.count < slots.count {
            let rest = slots[parts.count...].prefix(Shard.seriesPerHold)
            let more = state.withLock { state in
                state.lastSealIndex == generation ? state.metrics.parts(rest, tenant) : nil
            }
            guard let more else { return nil }
            parts += more
        }
        for (old, mask) in frozen
        where old.memtable.start < end.nanos && old.memtable.end >= start.nanos {
            let selected = old.catalog.postings.select(tenant: tenant, selector: selector)
                .filter { old.memtable.holds(slot: $0) }
            view.memory.append(
                MetricState.parts(selected[...], tenant, old.catalog, old.memtable))
            view.memoryMasks.append(mask)
        }
        view.memory.append(parts)
        view.memoryMasks.append(DeletionMask([]))
        return view
    }
}

extension MetricState {
    fileprivate func parts(
        _ slots: ArraySlice<UInt32>, _ tenant: Tenant
    ) -> [ShardView.MemoryPart] {
        MetricState.parts(slots, tenant, catalog, memtable)
    }

    fileprivate static func parts(
        _ slots: ArraySlice<UInt32>, _ tenant: Tenant, _ catalog: SeriesCatalog,
        _ memtable: MetricMemtable
    ) -> [ShardView.MemoryPart] {
        slots.map { slot in
            ShardView.MemoryPart(
                series: IndexedSeries(
                    tenant: tenant, id: catalog.ids[Int(slot)], labels: catalog.labels(of: slot)),
                samples: memtable.extract(slot: slot))
        }
    }
}
