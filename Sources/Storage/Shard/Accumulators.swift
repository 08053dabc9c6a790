internal import Encoding
internal import Model

/// The running totals of accumulating series (DESIGN §2), by slot: what turns the deltas of any
/// node into samples. Part of the replicated state and of every checkpoint.
///
/// A total never goes back in time: an increment whose interval ended before the newest one is
/// added to the total at the newest, so that a late node does not look like a counter reset.
struct Accumulators: Sendable {
    /// A counter's total or a gauge's value.
    struct Total: Sendable, Equatable {
        var value: Double
        /// Of the newest sample, ns.
        var timestamp: Int64
    }

    struct HistogramTotal: Sendable, Equatable {
        var histogram: Histogram
        var timestamp: Int64
    }

    private(set) var totals: [UInt32: Total] = [:]
    private(set) var histograms: [UInt32: HistogramTotal] = [:]
    private(set) var sets: [UInt32: [SetUnion]] = [:]

    var byteCount: Int {
        totals.capacity * 32 + histograms.count * 1_024
            + sets.values.reduce(0) { total, unions in
                total + unions.reduce(64) { $0 + $1.members.count * 8 + $1.registers.count }
            }
    }

    /// A sample to write.
    struct Sample {
        var timestamp: Int64
        var value: Double
    }

    /// Adds a delta; `birth` is the zero sample one interval earlier of a new counter.
    mutating func add(
        _ kind: IncrementColumns.Kind, slot: UInt32, timestamp: Int64, value: Double,
        intervalNanos: Int64
    ) -> (birth: Sample?, sample: Sample) {
        guard var total = totals[slot] else {
            totals[slot] = Total(value: value, timestamp: timestamp)
            let birth = Timestamp(nanos: timestamp).advanced(byNanos: -max(1, intervalNanos))
            return (
                kind == .counter ? Sample(timestamp: birth.nanos, value: 0) : nil,
                Sample(timestamp: timestamp, value: value)
            )
        }
        switch kind {
        case .gaugeSet:
            // A late set is a sample of its own time and no longer the current value.
            guard timestamp >= total.timestamp else {
                return (nil, Sample(timestamp: timestamp, value: value))
            }
            total.value = value
        case .counter, .gaugeAdd: total.value += value
        }
        total.timestamp = max(total.timestamp, timestamp)
        totals[slot] = total
        return (nil, Sample(timestamp: total.timestamp, value: total.value))
    }

    /// Adds a histogram; returns the new total and its time, and the empty one at birth.
    mutating func add(
        histogram: Histogram, slot: UInt32, timestamp: Int64, intervalNanos: Int64
    ) -> (birth: HistogramTotal?, total: HistogramTotal) {
        guard var total = histograms[slot] else {
            let total = HistogramTotal(histogram: histogram, timestamp: timestamp)
            histograms[slot] = total
            let empty = Histogram(
                schema: histogram.schema, zeroThreshold: histogram.zeroThreshold,
                customBounds: histogram.customBounds)
            let birth = Timestamp(nanos: timestamp).advanced(byNanos: -max(1, intervalNanos))
            return (HistogramTotal(histogram: empty, timestamp: birth.nanos), total)
        }
        total.histogram.add(histogram)
        total.timestamp = max(total.timestamp, timestamp)
        histograms[slot] = total
        return (nil, total)
    }

    /// What a set increment came to.
    enum SetOutcome { case sample(Sample), closed, malformed }

    /// Unions members into their interval; a sample is the count so far.
    mutating func add(_ increment: SetIncrement, slot: UInt32) -> SetOutcome {
        var unions = sets[slot] ?? []
        var place = unions.firstIndex { $0.timestamp == increment.timestamp }
        if place == nil {
            let isFull = unions.count >= StorageLimits.setIntervalsOpenMax
            if isFull, let oldest = unions.first, increment.timestamp < oldest.timestamp {
                return .closed
            }
            let position =
                unions.firstIndex { $0.timestamp > increment.timestamp } ?? unions.count
            unions.insert(SetUnion(timestamp: increment.timestamp), at: position)
            place = position
        }
        guard let place, unions[place].add(increment) else { return .malformed }
        let sample = Sample(timestamp: increment.timestamp, value: unions[place].count)
        if unions.count > StorageLimits.setIntervalsOpenMax { unions.removeFirst() }
        sets[slot] = unions
        return .sample(sample)
    }

    /// Forgets what belongs to a slot.
    mutating func remove(slot: UInt32) {
        totals[slot] = nil
        histograms[slot] = nil
        sets[slot] = nil
    }

    /// Only `slots`, renumbered from 0 in their order.
    func keeping(_ slots: [UInt32]) -> Accumulators {
        var kept = Accumulators()
        for (number, slot) in slots.enumerated() {
            kept.totals[UInt32(number)] = totals[slot]
            kept.histograms[UInt32(number)] = histograms[slot]
            kept.sets[UInt32(number)] = sets[slot]
        }
        return kept
    }

    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(totals.count))
        for slot in totals.keys.sorted() {
            guard let total = totals[slot] else { continue }
            writer.varint(UInt64(slot))
            writer.i64(total.timestamp)
            CompactNumber.write(total.value, to: &writer)
        }
        writer.varint(UInt64(histograms.count))
        for slot in histograms.keys.sorted() {
            guard let total = histograms[slot] else { continue }
            writer.varint(UInt64(slot))
            writer.i64(total.timestamp)
            HistogramCodec.write(total.histogram, to: &writer)
        }
        writer.varint(UInt64(sets.count))
        for slot in sets.keys.sorted() {
            let unions = sets[slot] ?? []
            writer.varint(UInt64(slot))
            writer.varint(UInt64(unions.count))
            for union in unions { union.write(to: &writer) }
        }
    }

    static func read(_ reader: inout ByteReader, slotCount: Int) throws -> Accumulators {
        var result = Accumulators()
        func slot() throws -> UInt32 {
            let slot = try reader.varint()
            guard slot < UInt64(slotCount) else {
                throw EncodingError.corrupt(what: "slot", offset: reader.offset)
            }
            return UInt32(slot)
        }
        for _ in 0..<(try reader.count(limit: slotCount)) {
            let slot = try slot()
            let timestamp = try reader.i64()
            result.totals[slot] = Total(
                value: try CompactNumber.read(&reader), timestamp: timestamp)
        }
        for _ in 0..<(try reader.count(limit: slotCount)) {
            let slot = try slot()
            let timestamp = try reader.i64()
            result.histograms[slot] = HistogramTotal(
                histogram: try HistogramCodec.read(&reader), timestamp: timestamp)
        }
        for _ in 0..<(try reader.count(limit: slotCount)) {
            let slot = try slot()
            let count = try reader.count(limit: StorageLimits.setIntervalsOpenMax)
            result.sets[slot] = try (0..<count).map { _ in try SetUnion.read(&reader) }
        }
        return result
    }
}
