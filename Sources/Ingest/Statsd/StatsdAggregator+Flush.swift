package import Model

/// The end of an interval: what was gathered becomes batches of increments.
extension StatsdAggregator {
    /// How far the clock may step back before its new time is taken for the right one. Within it
    /// an interval that seems to be over already is merged into the next.
    private static var stepBackNanosMax: Int64 { 60_000_000_000 }

    /// The end of the interval that holds `nanos`: the next multiple of the interval's length.
    package static func intervalEnd(after nanos: Int64, intervalNanos: Int64) -> Int64 {
        (nanos / intervalNanos + (nanos % intervalNanos > 0 ? 1 : 0)) * intervalNanos
    }

    /// Everything gathered since the last flush, as increments at `endNanos`, the end of the
    /// interval; then starts over. Batches have no stamp yet: whoever sends them numbers them.
    ///
    /// A series without a value is reported with a change of 0 (a gauge repeats its value, a set
    /// is empty) for `idleIntervals`, then forgotten. Nothing is taken, and nothing lost, when
    /// `endNanos` is not after the last one: the clock stepped back a little.
    package mutating func flush(endNanos: Int64) -> [WriteBatch] {
        if endNanos <= lastEndNanos, lastEndNanos - endNanos < Self.stepBackNanosMax { return [] }
        lastEndNanos = endNanos
        newSeriesBudget = StatsdAggregator.newSeriesMax(options)
        var writer = StatsdBatchWriter(options: options, endNanos: endNanos)
        var expired: [Int] = []
        for slot in records.indices where isLive[slot] {
            if records[slot].isTouched {
                idle[slot].count = 0
            } else if idle[slot].count >= idle[slot].countMax {
                expired.append(slot)
                continue
            } else {
                idle[slot].count += 1
            }
            write(slot, to: &writer)
            records[slot].value = 0
            records[slot].isTouched = false
            records[slot].isAbsolute = false
        }
        retire(expired)
        // They may name series that the increments above name too: a batch of their own.
        if !timestamped.isEmpty { writer.cut() }
        for item in timestamped { writer.append(item) }
        timestamped.removeAll(keepingCapacity: false)
        for (line, arrivedNanos) in lines { writer.append(line, arrivedNanos) }
        lines.removeAll(keepingCapacity: false)
        return writer.finish()
    }

    private mutating func write(_ slot: Int, to writer: inout StatsdBatchWriter) {
        let record = records[slot]
        let reference = references[slot]
        switch record.kind {
        case .counter: writer.append(reference, .counter, record.value)
        case .gauge:
            writer.append(reference, record.isAbsolute ? .gaugeSet : .gaugeAdd, record.value)
        case .histogram:
            writer.append(reference, histograms[Int(record.detail)].take())
        case .set:
            writer.append(reference, sets[Int(record.detail)].take())
        }
    }
}

/// Fills batches of at most `batchSeriesMax` series.
private struct StatsdBatchWriter {
    private let options: StatsdOptions
    private let endNanos: Int64
    private var batches: [WriteBatch] = []
    private var current: WriteBatch
    /// Series that the timestamped values of this batch share.
    private var indexByID: [SeriesID: UInt32] = [:]

    init(options: StatsdOptions, endNanos: Int64) {
        self.options = options
        self.endNanos = endNanos
        current = WriteBatch(tenant: options.tenant)
        current.increments.intervalNanos = options.intervalNanos
    }

    private mutating func index(of reference: SeriesReference) -> UInt32 {
        if current.series.count >= options.limits.batchSeriesMax { cut() }
        current.series.append(reference)
        return UInt32(current.series.count - 1)
    }

    /// Starts another batch.
    mutating func cut() {
        guard !current.isEmpty else { return }
        batches.append(current)
        current = WriteBatch(tenant: options.tenant)
        current.increments.intervalNanos = options.intervalNanos
        indexByID = [:]
    }

    mutating func append(
        _ reference: SeriesReference, _ kind: IncrementColumns.Kind, _ value: Double
    ) {
        current.increments.append(
            kind: kind, seriesIndex: index(of: reference), timestamp: endNanos, value: value)
    }

    mutating func append(_ reference: SeriesReference, _ histogram: Histogram) {
        let index = index(of: reference)
        current.histogramIncrements.append(
            HistogramSample(seriesIndex: index, timestamp: endNanos, histogram: histogram))
    }

    mutating func append(
        _ reference: SeriesReference, _ set: (members: [UInt64], registers: [UInt8])
    ) {
        let index = index(of: reference)
        current.setIncrements.append(
            SetIncrement(
                seriesIndex: index, timestamp: endNanos, members: set.members,
                registers: set.registers))
    }

    mutating func append(_ item: StatsdAggregator.Timestamped) {
        if current.increments.count + current.samples.count >= options.limits.batchSeriesMax {
            cut()
        }
        let index: UInt32
        if let known = indexByID[item.reference.id] {
            index = known
        } else {
            index = self.index(of: item.reference)
            indexByID[item.reference.id] = index
        }
        if let kind = item.kind {
            current.increments.append(
                kind: kind, seriesIndex: index, timestamp: item.timestamp, value: item.value)
        } else {
            current.samples.append(
                seriesIndex: index, timestamp: item.timestamp, value: item.value)
        }
    }

    mutating func append(_ line: StatsdLogLine, _ arrivedNanos: Int64) {
        if current.streams.isEmpty {
            current.streams.append(
                SeriesReference(tenant: options.tenant, labels: StatsdLogLine.stream))
        }
        current.lines.append(
            streamIndex: 0, timestamp: line.timestampNanos ?? arrivedNanos, line: line.text[...],
            metadata: line.metadataBytes[...])
        if current.lines.count >= options.limits.batchSeriesMax { cut() }
    }

    mutating func finish() -> [WriteBatch] {
        cut()
        return batches
    }
}
