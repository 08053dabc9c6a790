internal import Encoding

/// What is kept of a value vector beside it, so that wide queries need not decode it. NaNs count
/// only in `first` and `last`; a vector of NaNs has min = +∞, max = −∞, sum = 0, count = 0.
package struct VectorStats: Sendable, Equatable {
    /// Values that are not NaN.
    package var count: Int
    package var min: Double
    package var max: Double
    package var sum: Double
    package var first: Double
    package var last: Double
    /// No value is lower than the one before, and none is NaN: as far as this vector goes the
    /// series can be a counter without resets.
    package var isRising: Bool

    /// Of at least one value.
    init(_ values: ArraySlice<Double>) {
        precondition(!values.isEmpty, "BUG: an empty vector")
        var count = 0
        var low = Double.infinity
        var high = -Double.infinity
        var sum = 0.0
        var falls = 0
        var previous = -Double.infinity
        for value in values {
            falls += value >= previous ? 0 : 1
            previous = value
            if value.isNaN { continue }
            count += 1
            low = value < low ? value : low
            high = value > high ? value : high
            sum += value
        }
        isRising = falls == 0
        self.count = count
        min = low
        max = high
        self.sum = sum
        first = values[values.startIndex]
        last = values[values.endIndex - 1]
    }

    private init() {
        count = 0
        min = 0
        max = 0
        sum = 0
        first = 0
        last = 0
        isRising = false
    }

    /// `total`: values of the vector, NaNs included. A constant is one number.
    ///
    ///     u8 flags: bit 0 all values have the bits of `first`, bit 1 there are NaNs,
    ///               bit 2 values rise or stay, none is NaN
    func write(to writer: inout ByteWriter, total: Int) {
        let isConstant =
            count == total && min.bitPattern == max.bitPattern
            && first.bitPattern == min.bitPattern && sum == first * Double(total)
        writer.u8((isConstant ? 1 : 0) | (count == total ? 0 : 2) | (isRising ? 4 : 0))
        CompactNumber.write(first, to: &writer)
        if isConstant { return }
        if count != total { writer.varint(UInt64(count)) }
        CompactNumber.write(last, to: &writer)
        CompactNumber.write(min, to: &writer)
        CompactNumber.write(max, to: &writer)
        CompactNumber.write(sum, to: &writer)
    }

    static func read(
        _ reader: inout ByteReader, total: Int
    ) throws(EncodingError) -> VectorStats {
        let flags = try reader.u8()
        var stats = VectorStats()
        stats.first = try CompactNumber.read(&reader)
        stats.count = total
        stats.isRising = flags & 4 != 0
        guard flags & 1 == 0 else {
            stats.last = stats.first
            stats.min = stats.first
            stats.max = stats.first
            stats.sum = stats.first * Double(total)
            return stats
        }
        if flags & 2 != 0 { stats.count = try reader.count(limit: total) }
        stats.last = try CompactNumber.read(&reader)
        stats.min = try CompactNumber.read(&reader)
        stats.max = try CompactNumber.read(&reader)
        stats.sum = try CompactNumber.read(&reader)
        return stats
    }
}
