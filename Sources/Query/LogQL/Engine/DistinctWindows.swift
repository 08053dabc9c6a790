internal import Encoding

/// Which values a label had in which windows. Values are known by 64 bits of hash (that two share
/// one is a matter of one in 10⁷ for a million values); windows, which follow each other where a
/// value comes often, are ranges. Lines may come in any order.
///
/// As bytes: varint values, then per value: u64 hash │ varint ranges │ per range: varint first
/// window, varint windows. Values ascend by hash.
struct DistinctWindows: Sendable {
    /// By hash: ranges of windows, apart from each other, ascending.
    private var windows: [UInt64: [Range<Int32>]] = [:]

    /// Notes the value in all of `range`, which is not empty; true when it is a new value.
    mutating func add(_ hash: UInt64, _ range: Range<Int>) -> Bool {
        add(hash, Int32(range.lowerBound)..<Int32(range.upperBound))
    }

    private mutating func add(_ hash: UInt64, _ range: Range<Int32>) -> Bool {
        guard let index = windows.index(forKey: hash) else {
            windows[hash] = [range]
            return true
        }
        DistinctWindows.unite(&windows.values[index], range)
        return false
    }

    private static func unite(_ ranges: inout [Range<Int32>], _ range: Range<Int32>) {
        // Those that touch the new one become one with it.
        var low = ranges.count
        while low > 0, ranges[low - 1].upperBound >= range.lowerBound { low -= 1 }
        var high = low
        var lower = range.lowerBound
        var upper = range.upperBound
        while high < ranges.count, ranges[high].lowerBound <= upper {
            lower = min(lower, ranges[high].lowerBound)
            upper = max(upper, ranges[high].upperBound)
            high += 1
        }
        if high == low + 1 {
            ranges[low] = lower..<upper
        } else {
            ranges.replaceSubrange(low..<high, with: CollectionOfOne(lower..<upper))
        }
    }

    /// Takes in what another gathered; how many values were new.
    mutating func merge(_ other: DistinctWindows) -> Int {
        var added = 0
        for (hash, ranges) in other.windows {
            for range in ranges where add(hash, range) { added += 1 }
        }
        return added
    }

    /// Values per window; absent where there is none.
    func counts(windowCount: Int) -> [Double] {
        var steps = [Int](repeating: 0, count: windowCount + 1)
        for ranges in windows.values {
            for range in ranges {
                steps[Int(range.lowerBound)] += 1
                steps[Int(range.upperBound)] -= 1
            }
        }
        var count = 0
        return steps.dropLast().map { step in
            count += step
            return count == 0 ? LogVector.absent : Double(count)
        }
    }

    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(windows.count))
        for hash in windows.keys.sorted() {
            let ranges = windows[hash] ?? []
            writer.i64(Int64(bitPattern: hash))
            writer.varint(UInt64(ranges.count))
            for range in ranges {
                writer.varint(UInt64(range.lowerBound))
                writer.varint(UInt64(range.count))
            }
        }
    }

    init() {}

    /// Reads what `write` wrote, of bytes that may be anything.
    init(_ reader: inout ByteReader, windowCount: Int) throws(EncodingError) {
        for _ in 0..<(try reader.count(limit: reader.remaining)) {
            let hash = UInt64(bitPattern: try reader.i64())
            for _ in 0..<(try reader.count(limit: reader.remaining)) {
                let first = try reader.count(limit: windowCount)
                let count = try reader.count(limit: windowCount)
                guard count > 0, first + count <= windowCount else {
                    throw .corrupt(what: "windows", offset: reader.offset)
                }
                _ = add(hash, Int32(first)..<Int32(first + count))
            }
        }
    }
}
