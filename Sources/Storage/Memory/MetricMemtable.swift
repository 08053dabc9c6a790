internal import Encoding
internal import Model

/// The samples of one shard since the last seal, by slot of a `SeriesCatalog`. Samples come in any
/// order and are put in order when read; of equal timestamps the one that came later counts.
///
/// 40 bytes per slot plus about 1 to 3 per sample in chunks of 64. A value: freezing is a copy
/// that nobody writes to.
struct MetricMemtable: Sendable {
    private struct Head: Sendable {
        var state = SampleRun.State()
        var used: UInt8 = 0
        var first: UInt32 = 0
        var last: UInt32 = 0
        var count: UInt32 = 0
    }

    private var heads: [Head] = []
    private var arena = SampleArena()
    private var histograms: [UInt32: HistogramRun] = [:]
    /// Float and histogram samples.
    private(set) var sampleCount = 0
    /// Of all samples; empty: start > end.
    private(set) var start = Int64.max
    private(set) var end = Int64.min

    init() {}

    var isEmpty: Bool { sampleCount == 0 }

    /// Bytes held, without the allocator's part. O(histogram series).
    var byteCount: Int {
        heads.capacity * MemoryLayout<Head>.stride + arena.byteCount
            + histograms.values.reduce(0) { $0 + $1.byteCount }
    }

    /// Makes room for slots below `count`.
    mutating func grow(to count: Int) {
        guard heads.count < count else { return }
        heads.append(contentsOf: repeatElement(Head(), count: count - heads.count))
    }

    /// Adds a sample of a slot below the count given to `grow`.
    mutating func append(slot: UInt32, timestamp: Int64, value: Double) {
        note(timestamp)
        var head = heads[Int(slot)]
        if head.first == 0 {
            head.first = arena.makeChunk()
            head.last = head.first
        }
        head.count += 1
        write(timestamp, value.bitPattern, &head)
        heads[Int(slot)] = head
    }

    /// Adds a histogram sample.
    mutating func append(slot: UInt32, timestamp: Int64, histogram: Histogram) {
        note(timestamp)
        histograms[slot, default: HistogramRun()].append(
            timestamp: timestamp, histogram: histogram)
    }

    /// Forgets the samples of a slot.
    mutating func remove(slot: UInt32) {
        if Int(slot) < heads.count {
            sampleCount -= Int(heads[Int(slot)].count)
            heads[Int(slot)] = Head()
        }
        if let run = histograms.removeValue(forKey: slot) { sampleCount -= run.count }
    }

    /// Whether the slot has samples.
    func holds(slot: UInt32) -> Bool {
        (Int(slot) < heads.count && heads[Int(slot)].count > 0) || histograms[slot] != nil
    }

    /// The samples of a slot, still coded: a copy that is cheap to make under a lock.
    func extract(slot: UInt32) -> MemorySeries {
        var series = MemorySeries()
        if Int(slot) < heads.count, heads[Int(slot)].count > 0 {
            let head = heads[Int(slot)]
            series.floats = SampleRun(
                count: Int(head.count),
                bytes: arena.run(first: head.first, last: head.last, used: head.used))
        }
        series.histograms = histograms[slot]
        return series
    }

    private mutating func note(_ timestamp: Int64) {
        sampleCount += 1
        start = min(start, timestamp)
        end = max(end, timestamp)
    }

    private mutating func write(_ timestamp: Int64, _ bits: UInt64, _ head: inout Head) {
        var state = head.state
        let distance = timestamp &- state.timestamp
        let change = distance &- state.distance
        var tag: UInt8 = 0
        var time: UInt64 = 0
        if change != 0 {
            let millis = change / 1_000_000
            let isWhole = millis &* 1_000_000 == change
            tag = isWhole ? 64 : 128
            time = Varint.zigzag(isWhole ? millis : change)
        }
        var whole: Int64?
        if bits != state.bits, state.scale < SampleRun.noScale {
            whole = SampleRun.scaled(bits, SampleRun.power(state.scale))
            if whole == nil, let scale = finerScale(bits, state.scale) {
                state.scale = scale
                put(63 | UInt64(scale) << 8, 2, &head)
                whole = SampleRun.scaled(bits, SampleRun.power(scale))
            }
        }
        let (mode, word, count) = MetricMemtable.value(bits, whole, state)
        if tag == 0, count < 8 {
            put(UInt64(tag | mode) | word << 8, 1 + count, &head)
        } else {
            put(UInt64(tag | mode), 1, &head)
            if tag != 0 {
                while time >= 0x80 {
                    put(time & 0x7f | 0x80, 1, &head)
                    time >>= 7
                }
                put(time, 1, &head)
            }
            if count > 0 { put(word, count, &head) }
        }
        state.timestamp = timestamp
        state.distance = distance
        state.bits = bits
        head.state = state
    }

    private mutating func put(_ word: UInt64, _ count: Int, _ head: inout Head) {
        arena.append(word, count: count, chunk: &head.last, used: &head.used)
    }

    /// The scale that `bits` needs, given that `scale` does not do.
    private func finerScale(_ bits: UInt64, _ scale: UInt8) -> UInt8? {
        var candidate = scale + 1
        while candidate <= SampleRun.scaleMax {
            if SampleRun.scaled(bits, SampleRun.power(candidate)) != nil { return candidate }
            candidate += 1
        }
        // NaNs (stale markers) and infinities say nothing about the scale.
        return Double(bitPattern: bits).isFinite ? SampleRun.noScale : nil
    }

    /// `now`: the value as an integer at the scale of `state`, if it is one.
    private static func value(
        _ bits: UInt64, _ now: Int64?, _ state: SampleRun.State
    ) -> (mode: UInt8, word: UInt64, count: Int) {
        let difference = bits ^ state.bits
        if difference == 0 { return (0, 0, 0) }
        if let now,
            let before = SampleRun.scaled(state.bits, SampleRun.power(state.scale))
        {
            let step = now - before
            if step >= -8, step <= 8 { return (UInt8(54 + step), 0, 0) }
            let word = Varint.zigzag(step)
            let count = (71 - word.leadingZeroBitCount) / 8
            return (UInt8(1 + count), word, count)
        }
        let trailing = difference.trailingZeroBitCount / 8
        let count = 8 - difference.leadingZeroBitCount / 8 - trailing
        return (
            SampleRun.xorMode(count: count, trailing: trailing),
            difference >> UInt64(8 * trailing), count
        )
    }
}

/// The samples of one series taken out of a memtable.
struct MemorySeries: Sendable {
    var floats: SampleRun?
    var histograms: HistogramRun?

    /// Sorted, of equal timestamps only the last that came.
    func floatColumns() -> (timestamps: [Int64], values: [Double]) {
        guard let floats else { return ([], []) }
        var timestamps: [Int64] = []
        var values: [Double] = []
        timestamps.reserveCapacity(floats.count)
        values.reserveCapacity(floats.count)
        floats.decode(timestamps: &timestamps, values: &values)
        guard let order = ArrivalOrder.sorted(timestamps) else { return (timestamps, values) }
        return (order.map { timestamps[$0] }, order.map { values[$0] })
    }

    /// Sorted, of equal timestamps only the last that came.
    func histogramColumns() -> (timestamps: [Int64], histograms: [Histogram]) {
        guard let histograms else { return ([], []) }
        let decoded = histograms.decode()
        guard let order = ArrivalOrder.sorted(histograms.timestamps) else {
            return (histograms.timestamps, decoded)
        }
        return (order.map { histograms.timestamps[$0] }, order.map { decoded[$0] })
    }
}

/// Puts timestamps that came in any order into strictly ascending order.
enum ArrivalOrder {
    /// Nil when they are strictly ascending already; else the positions to take, of equal
    /// timestamps the last.
    static func sorted(_ timestamps: [Int64]) -> [Int]? {
        var isAscending = true
        for index in timestamps.indices.dropFirst()
        where timestamps[index] <= timestamps[index - 1] {
            isAscending = false
            break
        }
        if isAscending { return nil }
        // (timestamp, position) is a total order, so the sort need not be stable.
        let order = timestamps.indices.sorted {
            timestamps[$0] != timestamps[$1] ? timestamps[$0] < timestamps[$1] : $0 < $1
        }
        return order.indices
            .filter { $0 + 1 == order.count || timestamps[order[$0]] != timestamps[order[$0 + 1]] }
            .map { order[$0] }
    }
}
