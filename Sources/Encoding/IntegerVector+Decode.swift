/// Reading back one vector of integers. The bytes may be anything.
extension IntegerVector {
    /// Fills `count` (1 or more) slots of `target`.
    static func decode(
        _ head: IntegerHead, _ reader: inout ByteReader, count: Int,
        into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        let base = try reader.zigzag()
        switch head.form {
        case .constant:
            unsafe target.update(repeating: base, count: count)
        case .ramp:
            let step = try reader.zigzag()
            for index in 0..<count {
                unsafe target[index] = base &+ Int64(truncatingIfNeeded: index) &* step
            }
        case .packed(let order):
            let plan = try Prediction(order, head, &reader, count: count, base: base)
            try unsafe PackingPlan.read(
                &reader, count: count - order.skipped, into: target + order.skipped)
            unsafe plan.restore(target, count: count)
        case .dense(let order):
            let plan = try Prediction(order, head, &reader, count: count, base: base)
            try unsafe DensePlan.read(
                &reader, count: count - order.skipped, placement: plan.placement,
                into: target + order.skipped)
            if plan.isPlaced {
                unsafe target[0] = base
            } else {
                unsafe plan.restore(target, count: count)
            }
        }
    }

    /// Passes over what `decode` reads.
    static func skip(
        _ head: IntegerHead, _ reader: inout ByteReader, count: Int
    ) throws(EncodingError) {
        let base = try reader.zigzag()
        switch head.form {
        case .constant: return
        case .ramp: _ = try reader.zigzag()
        case .packed(let order):
            _ = try Prediction(order, head, &reader, count: count, base: base)
            try PackingPlan.skip(&reader, count: count - order.skipped)
        case .dense(let order):
            _ = try Prediction(order, head, &reader, count: count, base: base)
            try DensePlan.skip(&reader, count: count - order.skipped)
        }
    }

    private struct Prediction {
        let order: IntegerHead.Order
        let base: Int64
        let divisor: Int64
        /// The slope of the line, or the first difference.
        let step: Int64

        init(
            _ order: IntegerHead.Order, _ head: IntegerHead, _ reader: inout ByteReader,
            count: Int, base: Int64
        ) throws(EncodingError) {
            guard count > order.skipped else {
                throw EncodingError.corrupt(what: "integer form", offset: reader.offset)
            }
            self.order = order
            self.base = base
            divisor = head.hasDivisor ? Int64(bitPattern: try reader.varint()) : 1
            step = order == .line || order == .deltaOfDelta ? try reader.zigzag() : 0
        }

        /// Whether `placement` turns residuals into values; else it leaves them to `restore`.
        var isPlaced: Bool { order == .plain || order == .delta }

        /// What the entropy stage makes of the residuals on the way.
        var placement: DensePlan.Placement {
            isPlaced
                ? .init(base: base, divisor: divisor, isRunning: order == .delta) : .init()
        }

        /// From residuals to values, in place. The first `skipped` slots are free.
        func restore(_ target: UnsafeMutablePointer<Int64>, count: Int) {
            unsafe target[0] = base
            switch order {
            case .plain:
                for index in 1..<count {
                    unsafe target[index] = base &+ target[index] &* divisor
                }
            case .delta:
                var value = base
                for index in 1..<count {
                    value &+= unsafe target[index] &* divisor
                    unsafe target[index] = value
                }
            case .deltaOfDelta:
                var slope = step &* divisor
                var value = base &+ slope
                unsafe target[1] = value
                for index in 2..<count {
                    slope &+= unsafe target[index] &* divisor
                    value &+= slope
                    unsafe target[index] = value
                }
            case .line:
                for index in 1..<count {
                    let residual = unsafe target[index]
                    let onLine = Int64(truncatingIfNeeded: index) &* step
                    unsafe target[index] = base &+ (onLine &+ residual) &* divisor
                }
            }
        }
    }
}
