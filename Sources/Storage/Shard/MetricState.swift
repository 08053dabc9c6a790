internal import Encoding
internal import Model

/// The metrics half of a shard's state in memory: a function of the log up to the last entry.
/// A value; what a seal freezes is a copy.
struct MetricState: Sendable {
    /// Which series there are.
    private(set) var catalog = SeriesCatalog()
    private(set) var memtable = MetricMemtable()
    private var accumulators = Accumulators()
    /// By slot: seconds of the clock of the last seal that saw samples; of birth before that.
    private var activeSeconds: [UInt32] = []
    /// By tenant and metric.
    private(set) var metadata: [Tenant: [String: MetricMetadata]] = [:]
    /// The clock of the newest seal, seconds.
    private var sealSeconds: UInt32 = 0

    /// Of the shard, as the last entry left them.
    var limits: ShardLimits

    init(limits: ShardLimits) { self.limits = limits }

    /// The clock of the newest seal, whole seconds.
    var sealTime: Timestamp { Timestamp(nanos: Int64(sealSeconds) * 1_000_000_000) }

    var byteCount: Int {
        catalog.byteCount + memtable.byteCount + accumulators.byteCount
            + activeSeconds.capacity * 4
    }

    /// The slot of each series of the batch; `SlotMap.none` for those not known.
    func find(_ batch: WriteBatch) -> [UInt32] {
        catalog.slots(of: batch.series.map(\.id))
    }

    /// Applies the metrics of a batch. `found`: what `find` gave just now; every series that it
    /// did not find comes with labels.
    mutating func apply(
        _ batch: WriteBatch, found: [UInt32], _ rejections: inout RejectionList
    ) {
        guard !batch.series.isEmpty || !batch.metadata.isEmpty else { return }
        let knownCount = catalog.count
        let slots = resolve(batch, found)
        memtable.grow(to: catalog.count)
        applySamples(batch, slots, &rejections)
        applyIncrements(batch, slots, &rejections)
        for set in batch.setIncrements {
            guard let slot = slots.slot(set.seriesIndex, &rejections) else { continue }
            switch accumulators.add(set, slot: slot) {
            case .sample(let sample):
                memtable.append(slot: slot, timestamp: sample.timestamp, value: sample.value)
            case .closed: rejections.add("set_interval_closed", catalog.labels(of: slot))
            case .malformed: rejections.add("set_malformed", catalog.labels(of: slot))
            }
        }
        note(batch.metadata, of: batch.tenant, &rejections)
        if catalog.count > knownCount { noteKinds(of: batch, slots, newFrom: knownCount) }
    }

    private mutating func applySamples(
        _ batch: WriteBatch, _ slots: SlotMap, _ rejections: inout RejectionList
    ) {
        for index in batch.samples.seriesIndexes.indices {
            guard let slot = slots.slot(batch.samples.seriesIndexes[index], &rejections) else {
                continue
            }
            memtable.append(
                slot: slot, timestamp: batch.samples.timestamps[index],
                value: batch.samples.values[index])
        }
        for sample in batch.histograms {
            guard let slot = slots.slot(sample.seriesIndex, &rejections) else { continue }
            memtable.append(
                slot: slot, timestamp: sample.timestamp, histogram: sample.histogram)
        }
    }

    private mutating func applyIncrements(
        _ batch: WriteBatch, _ slots: SlotMap, _ rejections: inout RejectionList
    ) {
        let increments = batch.increments
        for index in increments.kinds.indices {
            guard let slot = slots.slot(increments.seriesIndexes[index], &rejections) else {
                continue
            }
            let (birth, sample) = accumulators.add(
                increments.kinds[index], slot: slot, timestamp: increments.timestamps[index],
                value: increments.values[index], intervalNanos: increments.intervalNanos)
            if let birth {
                memtable.append(slot: slot, timestamp: birth.timestamp, value: birth.value)
            }
            memtable.append(slot: slot, timestamp: sample.timestamp, value: sample.value)
        }
        for increment in batch.histogramIncrements {
            guard let slot = slots.slot(increment.seriesIndex, &rejections) else { continue }
            let (birth, total) = accumulators.add(
                histogram: increment.histogram, slot: slot, timestamp: increment.timestamp,
                intervalNanos: increments.intervalNanos)
            if let birth {
                memtable.append(
                    slot: slot, timestamp: birth.timestamp, histogram: birth.histogram)
            }
            memtable.append(slot: slot, timestamp: total.timestamp, histogram: total.histogram)
        }
    }

    /// The slot of each series of the batch; new series are added.
    private mutating func resolve(_ batch: WriteBatch, _ found: [UInt32]) -> SlotMap {
        precondition(found.count == batch.series.count, "BUG: slots of another batch")
        if batch.series.indices.allSatisfy({
            found[$0] != SlotMap.none && batch.series[$0].labels == nil
        }) {
            return SlotMap(slots: found)
        }
        var map = SlotMap()
        map.slots.reserveCapacity(batch.series.count)
        for (reference, slot) in zip(batch.series, found) {
            // A batch that names a series twice has added it by now.
            if let slot = slot == SlotMap.none ? catalog.slot(of: reference.id) : slot {
                let collides =
                    reference.labels.map { labels in
                        catalog.labels(of: slot) != labels
                            || catalog.tenant(of: slot) != batch.tenant
                    } ?? false
                map.append(
                    slot, refusedAs: collides ? "fingerprint_collision" : nil, reference.labels)
            } else if let labels = reference.labels {
                guard catalog.count < limits.seriesMax else {
                    map.append(0, refusedAs: "storage.series_per_shard_max", labels)
                    continue
                }
                map.append(
                    catalog.append(tenant: batch.tenant, id: reference.id, labels: labels),
                    refusedAs: nil, nil)
                activeSeconds.append(sealSeconds)
            } else {
                preconditionFailure("BUG: a batch with unknown series is applied")
            }
        }
        return map
    }

    private mutating func note(
        _ entries: [MetricMetadata], of tenant: Tenant, _ rejections: inout RejectionList
    ) {
        for entry in entries {
            let isFull = (metadata[tenant]?.count ?? 0) >= limits.metadataMax
            if isFull, metadata[tenant]?[entry.metric] == nil {
                rejections.add("storage.metadata_max", entry.metric)
            } else {
                metadata[tenant, default: [:]][entry.metric] = entry
            }
        }
    }

    /// What accumulates says by that what kind of metric it is. Metadata that was sent goes first.
    private mutating func noteKinds(of batch: WriteBatch, _ slots: SlotMap, newFrom first: Int) {
        var noted = metadata.removeValue(forKey: batch.tenant) ?? [:]
        func note(_ seriesIndex: UInt32, _ kind: MetricMetadata.Kind) {
            let slot = slots.slots[Int(seriesIndex)]
            guard slot != SlotMap.none, slot >= first, noted.count < limits.metadataMax else {
                return
            }
            let metric = catalog.labels(of: slot).metricName
            guard !metric.isEmpty, noted[metric] == nil else { return }
            noted[metric] = MetricMetadata(metric: metric, kind: kind)
        }
        for (kind, index) in zip(batch.increments.kinds, batch.increments.seriesIndexes) {
            note(index, kind == .counter ? .counter : .gauge)
        }
        for increment in batch.histogramIncrements { note(increment.seriesIndex, .histogram) }
        for set in batch.setIncrements { note(set.seriesIndex, .gauge) }
        metadata[batch.tenant] = noted.isEmpty ? nil : noted
    }

    /// Takes the memtable out and forgets idle series. Returns the catalog that the memtable's slots
    /// refer to.
    mutating func seal(
        at time: Timestamp
    ) -> (catalog: SeriesCatalog, memtable: MetricMemtable) {
        let frozen = (catalog: catalog, memtable: memtable)
        memtable = MetricMemtable()
        sealSeconds = UInt32(clamping: time.nanos / 1_000_000_000)
        var idle = 0
        for slot in activeSeconds.indices {
            if frozen.memtable.holds(slot: UInt32(slot)) {
                activeSeconds[slot] = sealSeconds
            } else if isIdle(slot) {
                idle += 1
            }
        }
        if idle >= StorageLimits.evictionSeriesMin,
            idle >= catalog.count / StorageLimits.evictionFractionDenominator
        {
            keep((0..<UInt32(catalog.count)).filter { !isIdle(Int($0)) })
        }
        memtable.grow(to: catalog.count)
        return frozen
    }

    /// Forgets the series, totals, samples in memory and metadata of a tenant.
    mutating func delete(_ tenant: Tenant) {
        metadata[tenant] = nil
        let gone = catalog.postings.select(tenant: tenant, selector: .everything)
        guard !gone.isEmpty else { return }
        for slot in gone {
            memtable.remove(slot: slot)
            accumulators.remove(slot: slot)
        }
    }

    private func isIdle(_ slot: Int) -> Bool {
        UInt64(activeSeconds[slot]) + UInt64(limits.idleSeconds) < UInt64(sealSeconds)
    }

    /// Only while the memtable is empty: slots are renumbered.
    private mutating func keep(_ slots: [UInt32]) {
        precondition(memtable.isEmpty, "BUG: slots are renumbered under a memtable")
        catalog = catalog.keeping(slots)
        accumulators = accumulators.keeping(slots)
        activeSeconds = slots.map { activeSeconds[Int($0)] }
    }
}

extension MetricState {
    /// Everything but the memtable, which is empty in a checkpoint.
    func write(to writer: inout ByteWriter) {
        writer.u32(sealSeconds)
        writer.varint(UInt64(catalog.count))
        for slot in 0..<UInt32(catalog.count) {
            writer.lengthPrefixed(Array(catalog.tenant(of: slot).name.utf8))
            writer.lengthPrefixed(catalog.labels(of: slot).bytes)
            writer.u32(activeSeconds[Int(slot)])
        }
        accumulators.write(to: &writer)
        writer.varint(UInt64(metadata.count))
        for tenant in metadata.keys.sorted() {
            let entries = metadata[tenant] ?? [:]
            writer.lengthPrefixed(Array(tenant.name.utf8))
            writer.varint(UInt64(entries.count))
            for metric in entries.keys.sorted() {
                guard let entry = entries[metric] else { continue }
                writer.u8(entry.kind.rawValue)
                writer.lengthPrefixed(Array(entry.metric.utf8))
                writer.lengthPrefixed(Array(entry.help.utf8))
                writer.lengthPrefixed(Array(entry.unit.utf8))
            }
        }
    }

    /// Reads what `write` wrote into a state that is empty.
    mutating func read(_ reader: inout ByteReader) throws {
        sealSeconds = try reader.u32()
        var known: [ArraySlice<UInt8>: Tenant] = [:]
        func tenant() throws -> Tenant {
            let name = try reader.lengthPrefixed()
            if let tenant = known[name] { return tenant }
            guard let tenant = Tenant(String(decoding: name, as: UTF8.self)) else {
                throw EncodingError.corrupt(what: "tenant", offset: reader.offset)
            }
            known[name] = tenant
            return tenant
        }
        let count = try reader.count(limit: Int(Int32.max))
        for _ in 0..<count {
            let owner = try tenant()
            guard let labels = Labels(checking: Array(try reader.lengthPrefixed())) else {
                throw EncodingError.corrupt(what: "labels", offset: reader.offset)
            }
            let id = SeriesID(tenant: owner, labels: labels)
            guard catalog.slot(of: id) == nil else {
                throw EncodingError.corrupt(what: "series", offset: reader.offset)
            }
            _ = catalog.append(tenant: owner, id: id, labels: labels)
            activeSeconds.append(try reader.u32())
        }
        memtable.grow(to: count)
        accumulators = try Accumulators.read(&reader, slotCount: count)
        for _ in 0..<(try reader.varint()) {
            let owner = try tenant()
            for _ in 0..<(try reader.varint()) {
                guard let kind = MetricMetadata.Kind(rawValue: try reader.u8()) else {
                    throw EncodingError.corrupt(what: "metadata kind", offset: reader.offset)
                }
                let metric = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
                let help = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
                let unit = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
                metadata[owner, default: [:]][metric] = MetricMetadata(
                    metric: metric, kind: kind, help: help, unit: unit)
            }
        }
    }
}

/// Batch series index → slot, or why it has none.
struct SlotMap {
    static let none = SeriesCatalog.none

    var slots: [UInt32] = []
    private var refusals: [UInt32: (reason: String, labels: Labels?)] = [:]

    init() {}

    /// None of them refused.
    init(slots: [UInt32]) { self.slots = slots }

    mutating func append(_ slot: UInt32, refusedAs reason: String?, _ labels: Labels?) {
        if let reason { refusals[UInt32(slots.count)] = (reason, labels) }
        slots.append(reason == nil ? slot : SlotMap.none)
    }

    /// Nil, and one item counted, when the series was refused.
    @inline(__always)
    func slot(_ index: UInt32, _ rejections: inout RejectionList) -> UInt32? {
        let slot = slots[Int(index)]
        if slot != SlotMap.none { return slot }
        reject(index, &rejections)
        return nil
    }

    private func reject(_ index: UInt32, _ rejections: inout RejectionList) {
        guard let refusal = refusals[index] else {
            preconditionFailure("BUG: a series without slot was not refused")
        }
        rejections.add(refusal.reason, refusal.labels ?? .empty)
    }
}

/// What was refused of one entry, by reason in order of first occurrence.
struct RejectionList {
    private(set) var rejections: [AppendReceipt.Rejection] = []

    mutating func add(_ reason: String, _ labels: Labels) {
        if bump(reason) { return }
        start(reason, labels.description)
    }

    mutating func add(_ reason: String, _ example: String) {
        if bump(reason) { return }
        start(reason, example)
    }

    private mutating func bump(_ reason: String) -> Bool {
        guard let place = rejections.firstIndex(where: { $0.reason == reason }) else {
            return false
        }
        rejections[place].itemCount += 1
        return true
    }

    private mutating func start(_ reason: String, _ example: String) {
        rejections.append(
            AppendReceipt.Rejection(reason: reason, itemCount: 1, example: example))
    }
}
