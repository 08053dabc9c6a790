/// One vector of integers, encoded: the prediction and the packing that come out smallest. All
/// arithmetic wraps, so every Int64 is possible and every vector reads back exactly.
enum IntegerVector {
    /// Appends `count` (1 or more, at most the scratch's capacity) values.
    static func encode(
        _ values: UnsafePointer<Int64>, count: Int, tier: CodecTier, isWide: Bool,
        scratch: borrowing CodecScratch, into writer: inout ByteWriter
    ) {
        var head = IntegerHead(form: .constant)
        head.isWide = isWide
        let base = unsafe values[0]
        let step = count > 1 ? unsafe values[1] &- base : 0
        if unsafe isRamp(values, count: count, step: step) {
            head.form = step == 0 ? .constant : .ramp
            writer.u8(head.byte)
            writer.zigzag(base)
            if step != 0 { writer.zigzag(step) }
            return
        }
        let divisor = unsafe commonDivisor(values, count: count)
        head.hasDivisor = divisor > 1
        unsafe divide(values, count: count, by: divisor, into: scratch.quotients)

        let lineStep = unsafe scratch.quotients[count - 1] / Int64(count - 1)
        let (order, center) = unsafe bestOrder(
            UnsafePointer(scratch.quotients), count: count, lineStep: lineStep)
        let residualCount = count - order.skipped
        unsafe predict(
            UnsafePointer(scratch.quotients), count: count, order: order, lineStep: lineStep,
            into: scratch.residuals)
        let residuals = unsafe UnsafePointer(scratch.residuals)
        let packing = unsafe PackingPlan(
            residuals, count: residualCount, center: center, histogram: scratch.histogram)
        let dense =
            tier == .dense
            ? unsafe DensePlan(residuals, count: residualCount, below: packing.byteCount) : nil

        head.form = dense == nil ? .packed(order) : .dense(order)
        writer.u8(head.byte)
        writer.zigzag(base)
        if head.hasDivisor { writer.varint(divisor) }
        if order == .line { writer.zigzag(lineStep) }
        if order == .deltaOfDelta {
            writer.zigzag(unsafe scratch.quotients[1])
        }
        if let dense {
            unsafe dense.write(residuals, count: residualCount, into: &writer)
        } else {
            unsafe packing.write(residuals, count: residualCount, into: &writer)
        }
    }

    private static func isRamp(
        _ values: UnsafePointer<Int64>, count: Int, step: Int64
    ) -> Bool {
        guard count > 2 else { return true }
        // Most vectors are told apart by their first values; the rest goes without branches.
        for index in 2..<min(count, 8)
        where unsafe values[index] &- values[index - 1] != step { return false }
        var difference: Int64 = 0
        for index in 1..<count {
            unsafe difference |= (values[index] &- values[index - 1]) ^ step
        }
        return difference == 0
    }

    /// The greatest number that divides all differences to the first value; 1 if one overflows.
    private static func commonDivisor(_ values: UnsafePointer<Int64>, count: Int) -> UInt64 {
        let base = unsafe values[0]
        var divisor: UInt64 = 0
        for index in 1..<count {
            let (difference, overflow) = unsafe values[index].subtractingReportingOverflow(base)
            if overflow { return 1 }
            var a = difference.magnitude
            if a == 0 { continue }
            if divisor > 0, a % divisor == 0 { continue }
            var b = divisor
            while b != 0 { (a, b) = (b, a % b) }
            divisor = a
            if divisor == 1 { return 1 }
        }
        return divisor
    }

    private static func divide(
        _ values: UnsafePointer<Int64>, count: Int, by divisor: UInt64,
        into quotients: UnsafeMutablePointer<Int64>
    ) {
        let base = unsafe values[0]
        if divisor == 1 {
            for index in 0..<count { unsafe quotients[index] = values[index] &- base }
            return
        }
        for index in 0..<count {
            let difference = unsafe values[index] &- base
            let magnitude = Int64(bitPattern: difference.magnitude / divisor)
            unsafe quotients[index] = difference < 0 ? 0 &- magnitude : magnitude
        }
    }

    @inline(__always)
    private static func residual(
        _ values: UnsafePointer<Int64>, _ index: Int, _ order: IntegerHead.Order, _ lineStep: Int64
    ) -> Int64 {
        switch order {
        case .plain: unsafe values[index]
        case .delta: unsafe values[index] &- values[index - 1]
        case .deltaOfDelta:
            unsafe values[index] &- 2 &* values[index - 1] &+ values[index - 2]
        case .line: unsafe values[index] &- Int64(index) &* lineStep
        }
    }

    /// The order whose residuals are narrowest around their middle, judged by up to 96 of them in
    /// runs across the vector; and that middle.
    private static func bestOrder(
        _ values: UnsafePointer<Int64>, count: Int, lineStep: Int64
    ) -> (IntegerHead.Order, center: Int64) {
        var best = (order: IntegerHead.Order.plain, center: Int64(0), bits: Int.max)
        let runCount = count <= 96 ? 1 : 12
        let runLength = count <= 96 ? count - 2 : 8
        guard runLength > 0 else { return (.plain, unsafe values[count - 1]) }
        let stride = runCount == 1 ? 0 : (count - 2 - runLength) / (runCount - 1)
        let places = count <= 128 ? 9 : 17
        for order in IntegerHead.Order.allCases {
            var middle: InlineArray<17, Int64> = .init(repeating: 0)
            for place in 0..<places {
                let index = 2 + place * (count - 3) / (places - 1)
                let value = unsafe residual(values, index, order, lineStep)
                var hole = place
                while hole > 0, middle[hole - 1] > value {
                    middle[hole] = middle[hole - 1]
                    hole -= 1
                }
                middle[hole] = value
            }
            let center = middle[places / 2]
            var bits = 0
            for run in 0..<runCount {
                let start = 2 + run * stride
                for index in start..<start + runLength {
                    let distance = unsafe residual(values, index, order, lineStep) &- center
                    bits &+= 64 &- (distance ^ (distance &>> 63)).leadingZeroBitCount
                }
            }
            // The later orders have more to store: they must be better, not equal.
            if bits < best.bits { best = (order, center, bits) }
        }
        return (best.order, best.center)
    }

    private static func predict(
        _ values: UnsafePointer<Int64>, count: Int, order: IntegerHead.Order, lineStep: Int64,
        into residuals: UnsafeMutablePointer<Int64>
    ) {
        let skipped = order.skipped
        switch order {
        case .plain:
            for index in skipped..<count {
                unsafe residuals[index - skipped] = residual(values, index, .plain, 0)
            }
        case .delta:
            for index in skipped..<count {
                unsafe residuals[index - skipped] = residual(values, index, .delta, 0)
            }
        case .deltaOfDelta:
            for index in skipped..<count {
                unsafe residuals[index - skipped] = residual(values, index, .deltaOfDelta, 0)
            }
        case .line:
            for index in skipped..<count {
                unsafe residuals[index - skipped] = residual(values, index, .line, lineStep)
            }
        }
    }
}
