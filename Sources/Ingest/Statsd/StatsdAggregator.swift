internal import Encoding
internal import Model

/// Adds up what comes in on statsd between two flushes. Pure: bytes and times come in, batches go
/// out; whoever owns it calls it from one thread at a time.
///
/// The fast path works on 64 lines at once: cut them, find their raw bytes in a cache, add the
/// number to the record the cache names. A line that is not in the cache, and a value that is not a
/// plain number, take the slow path: `StatsdParser` in full, labels and fingerprint, then the same
/// records. Both give the same result, which a differential test holds them to.
///
/// Invariants: `records`, `idle`, `references` and `isLive` have one element per series slot; a key in
/// `cache` names a live slot of its kind; every line ends in a record, a buffer or a reason of
/// `figures`.
package struct StatsdAggregator: ~Copyable {
    /// What one series has gathered in this interval: 16 bytes, so that none lies across two cache
    /// lines.
    struct Record: BitwiseCopyable {
        /// A counter's sum; a gauge's value or change; unused by the others.
        var value = 0.0
        /// The index into `histograms` or `sets`.
        var detail: UInt32 = 0
        var kind = StatsdKind.counter
        /// Got a value in this interval.
        var isTouched = false
        /// The gauge's value replaces what the shard has; else it is added.
        var isAbsolute = false
    }

    /// For how long a series has had no value, in intervals, and for how long it may.
    struct Idle: BitwiseCopyable {
        var count: UInt16 = 0
        var countMax: UInt16
    }

    /// A value with a time of its own, which is not aggregated.
    struct Timestamped {
        var reference: SeriesReference
        /// Nil: an absolute sample.
        var kind: IncrementColumns.Kind?
        var timestamp: Int64
        var value: Double
    }

    let options: StatsdOptions
    let parser: StatsdParser
    package internal(set) var figures = StatsdFigures()

    var records: [Record] = []
    var idle: [Idle] = []
    var references: [SeriesReference] = []
    var isLive: [Bool] = []
    var freeSlots: [UInt32] = []
    var slotByID: [SeriesID: UInt32] = [:]
    var histograms: [StatsdHistogram] = []
    var freeHistograms: [UInt32] = []
    var sets: [StatsdSet] = []
    var freeSets: [UInt32] = []
    var timestamped: [Timestamped] = []
    var lines: [(line: StatsdLogLine, arrivedNanos: Int64)] = []
    /// New series that this interval may still bring.
    var newSeriesBudget: Int
    /// End of the last interval that was flushed, ns.
    var lastEndNanos = Int64.min

    private var cache = ByteKeyTable()
    private var scan: LineScan
    private var values: [StatsdMetric.Value] = []
    private var notes: [StatsdReason] = []

    /// `seed`: of the cache's hash; random, so that nobody can send keys that collide.
    package init(options: StatsdOptions, seed: UInt64) {
        self.options = options
        parser = StatsdParser(options: options)
        scan = LineScan(seed: seed)
        newSeriesBudget = StatsdAggregator.newSeriesMax(options)
    }

    /// The successor of one that was flushed just now, with other options: counts go on, series
    /// are known again when they come again.
    init(continuing old: consuming StatsdAggregator, options: StatsdOptions, seed: UInt64) {
        self.init(options: options, seed: seed)
        figures = old.figures
        lastEndNanos = old.lastEndNanos
    }

    static func newSeriesMax(_ options: StatsdOptions) -> Int {
        let seconds = Double(options.intervalNanos) / 1e9
        return max(1, Int(Double(options.limits.newSeriesPerSecond) * seconds))
    }

    /// Takes the lines in `ranges` of `bytes`; a line ends at a newline or with its range.
    /// `arrivedNanos`: when they came, the time of events that say none.
    package mutating func take(_ bytes: [UInt8], ranges: [Range<Int>], arrivedNanos: Int64) {
        scan.begin()
        while scan.fill(bytes, ranges: ranges) {
            cache.find(&scan, in: bytes, near: records)
            figures.lineCount += scan.count
            for index in 0..<scan.count {
                let line = scan[index]
                guard line.id != ScannedLine.missing else {
                    takeSlowly(line, bytes, arrivedNanos)
                    continue
                }
                if line.form == .other || records[Int(line.id)].kind == .set {
                    takeOddValue(line, bytes)
                } else {
                    add(line)
                }
            }
        }
        if cache.byteCount > options.limits.keyCacheBytesMax { cache.removeAll() }
    }

    /// Takes lines that all go the slow way: what `take` must agree with.
    package mutating func takeSlowly(
        _ bytes: [UInt8], ranges: [Range<Int>], arrivedNanos: Int64
    ) {
        scan.begin()
        while scan.fill(bytes, ranges: ranges) {
            figures.lineCount += scan.count
            for index in 0..<scan.count { takeSlowly(scan[index], bytes, arrivedNanos) }
        }
    }

    /// Adds a plain number to the series that the cache named.
    @inline(__always)
    private mutating func add(_ line: ScannedLine) {
        let slot = Int(line.id)
        let number = line.number * line.second
        switch records[slot].kind {
        case .counter:
            records[slot].value += number * line.first
            records[slot].isTouched = true
        case .gauge:
            addToGauge(slot, number, isSigned: line.form == .signed)
        case .histogram:
            histograms[Int(records[slot].detail)].add(
                number, weight: line.first, bucketsMax: options.limits.histogramBucketsMax)
            records[slot].isTouched = true
        case .set:
            preconditionFailure("BUG: a set's value was read as a number")
        }
        figures.valueCount += 1
    }

    @inline(__always)
    private mutating func addToGauge(_ slot: Int, _ number: Double, isSigned: Bool) {
        if isSigned, options.gaugeSign == .delta {
            records[slot].value += number
        } else {
            records[slot].value = number
            records[slot].isAbsolute = true
        }
        records[slot].isTouched = true
    }

    /// A known key with a value that is a set's member, several values, or no plain number.
    private mutating func takeOddValue(_ line: ScannedLine, _ bytes: [UInt8]) {
        guard Int(line.end - line.start) <= options.limits.lineBytesMax else {
            figures.add(.lineTooLong)
            return
        }
        let slot = Int(line.id)
        values.removeAll(keepingCapacity: true)
        notes.removeAll(keepingCapacity: true)
        parser.readValues(
            bytes[Int(line.nameEnd) + 1..<Int(line.valueEnd)], records[slot].kind, &values, &notes)
        for note in notes { figures.add(note) }
        for value in values { add(value, to: slot, weight: line.first, scale: line.second) }
    }

    private mutating func takeSlowly(
        _ line: ScannedLine, _ bytes: [UInt8], _ arrivedNanos: Int64
    ) {
        figures.slowLineCount += 1
        guard Int(line.end - line.start) <= options.limits.lineBytesMax else {
            figures.add(.lineTooLong)
            return
        }
        let record: StatsdRecord
        do {
            record = try parser.parse(bytes[Int(line.start)..<Int(line.end)])
        } catch {
            figures.add(error)
            return
        }
        switch record {
        case .empty: figures.lineCount -= 1
        case .line(let logLine): keep(logLine, arrivedNanos)
        case .metric(let metric): take(metric, line, bytes)
        }
    }

    private mutating func keep(_ line: StatsdLogLine, _ arrivedNanos: Int64) {
        guard lines.count < options.limits.logLineMax else {
            figures.add(.logLineLimit)
            return
        }
        lines.append((line, arrivedNanos))
        figures.valueCount += 1
    }

    private mutating func take(_ metric: StatsdMetric, _ line: ScannedLine, _ bytes: [UInt8]) {
        for note in metric.notes { figures.add(note) }
        for group in metric.groups {
            if let timestamp = metric.timestampNanos,
                group.kind == .counter || group.kind == .gauge
            {
                keep(group, at: timestamp)
                continue
            }
            let slot: Int
            do {
                slot = try self.slot(for: group)
            } catch {
                figures.add(error, count: group.values.count)
                continue
            }
            for value in group.values {
                add(value, to: slot, weight: group.weight, scale: group.scale)
            }
            if metric.isCacheable {
                cache.insert(
                    line, of: bytes, id: UInt32(slot), first: group.weight, second: group.scale)
            }
        }
    }

    private mutating func add(
        _ value: StatsdMetric.Value, to slot: Int, weight: Double, scale: Double
    ) {
        let number = value.number * scale
        switch records[slot].kind {
        case .counter:
            records[slot].value += number * weight
        case .gauge:
            addToGauge(slot, number, isSigned: value.isSigned)
        case .histogram:
            histograms[Int(records[slot].detail)].add(
                number, weight: weight, bucketsMax: options.limits.histogramBucketsMax)
        case .set:
            sets[Int(records[slot].detail)].insert(
                value.member, exactMax: options.limits.setMembersExactMax)
        }
        records[slot].isTouched = true
        figures.valueCount += 1
    }

    /// Keeps values with a time of their own. A counter's becomes an increment at that time, a
    /// gauge's a sample, a gauge's change an increment: the total or value that the shard then has
    /// is written at that time.
    private mutating func keep(_ group: StatsdMetric.Group, at timestamp: Int64) {
        let reference = SeriesReference(tenant: options.tenant, labels: group.labels)
        for value in group.values {
            guard timestamped.count < options.limits.timestampedMax else {
                figures.add(.timestampedLimit)
                continue
            }
            let number = value.number * group.scale
            var item = Timestamped(
                reference: reference, kind: nil, timestamp: timestamp, value: number)
            if group.kind == .counter {
                item.kind = .counter
                item.value = number * group.weight
            } else if value.isSigned, options.gaugeSign == .delta {
                item.kind = .gaugeAdd
            }
            timestamped.append(item)
            figures.valueCount += 1
        }
    }

    /// The slot of the series of `group`, new if need be.
    private mutating func slot(for group: StatsdMetric.Group) throws(StatsdReason) -> Int {
        let reference = SeriesReference(tenant: options.tenant, labels: group.labels)
        if let known = slotByID[reference.id] {
            guard records[Int(known)].kind == group.kind else { throw .typeConflict }
            return Int(known)
        }
        guard figures.seriesCount < options.limits.seriesMax else { throw .seriesLimit }
        guard newSeriesBudget > 0 else { throw .newSeriesRate }
        newSeriesBudget -= 1
        var record = Record()
        record.kind = group.kind
        let idle = Idle(
            countMax: UInt16(clamping: group.idleIntervals ?? options.limits.idleIntervals))
        switch group.kind {
        case .histogram:
            record.detail = freeHistograms.popLast() ?? UInt32(histograms.count)
            if Int(record.detail) == histograms.count { histograms.append(StatsdHistogram()) }
        case .set:
            record.detail = freeSets.popLast() ?? UInt32(sets.count)
            if Int(record.detail) == sets.count { sets.append(StatsdSet()) }
        case .counter, .gauge: break
        }
        let slot = Int(freeSlots.popLast() ?? UInt32(records.count))
        if slot == records.count {
            records.append(record)
            self.idle.append(idle)
            references.append(reference)
            isLive.append(true)
        } else {
            records[slot] = record
            self.idle[slot] = idle
            references[slot] = reference
            isLive[slot] = true
        }
        slotByID[reference.id] = UInt32(slot)
        figures.seriesCount += 1
        return slot
    }

    /// Drops the slots in `expired` from memory, and the keys that name them.
    mutating func retire(_ expired: [Int]) {
        guard !expired.isEmpty else { return }
        for slot in expired {
            slotByID[references[slot].id] = nil
            references[slot].labels = nil
            isLive[slot] = false
            freeSlots.append(UInt32(slot))
            switch records[slot].kind {
            case .histogram: freeHistograms.append(records[slot].detail)
            case .set: freeSets.append(records[slot].detail)
            case .counter, .gauge: break
            }
        }
        figures.seriesCount -= expired.count
        cache.retain(isLive)
    }
}
