/// Series like those that machines report, the same on every run.
enum Series {
    /// A counter that grows by 50 ± 7 per step.
    static func counter(_ count: Int, seed: UInt64 = 1) -> [Double] {
        var random = SplitMix(seed: seed)
        var value = 1_000_000
        return (0..<count).map { _ in
            value += Int.random(in: 43...57, using: &random)
            return Double(value)
        }
    }

    /// A gauge with two decimals around 40 that wanders.
    static func gauge(_ count: Int, seed: UInt64 = 2) -> [Double] {
        var random = SplitMix(seed: seed)
        var value = 4_000
        return (0..<count).map { _ in
            value += Int((random.gaussian() * 30).rounded())
            return Double(value) / 100
        }
    }

    /// A counter of small steps that starts over now and then, and has a burst now and then.
    static func restarted(_ count: Int, seed: UInt64 = 7) -> [Double] {
        var random = SplitMix(seed: seed)
        var value = 0
        return (0..<count).map { _ in
            value += Int.random(in: 0...12, using: &random)
            let chance = random.next() % 1_000
            if chance == 0 { value = 0 }
            if chance == 1 { value += 1_000_000 }
            return Double(value)
        }
    }

    /// Small whole numbers about five, without memory.
    static func levels(_ count: Int, seed: UInt64 = 8) -> [Double] {
        var random = SplitMix(seed: seed)
        return (0..<count).map { _ in (random.gaussian() * 1.2 + 5).rounded() }
    }

    /// Bytes in use, in pages of 4 KiB, mostly unchanged.
    static func pages(_ count: Int, seed: UInt64 = 3) -> [Double] {
        var random = SplitMix(seed: seed)
        var value = 100_000
        return (0..<count).map { _ in
            if random.next() % 10 == 0 { value += Int.random(in: -200...200, using: &random) }
            return Double(value * 4_096)
        }
    }

    /// Real doubles.
    static func walk(_ count: Int, seed: UInt64 = 4) -> [Double] {
        var random = SplitMix(seed: seed)
        var value = 100.0
        return (0..<count).map { _ in
            value += random.gaussian()
            return value
        }
    }

    /// Decimals as sums leave them: 51.846000000000004.
    static func noisy(_ count: Int, seed: UInt64 = 5) -> [Double] {
        var random = SplitMix(seed: seed)
        return (0..<count).map { _ in
            let value = Double(Int.random(in: 40_000...60_000, using: &random)) / 1_000
            return random.next() % 3 == 0 ? value.nextUp : value
        }
    }

    /// Timestamps in ns, every 10 s, with a jitter of whole milliseconds.
    static func timestamps(_ count: Int, jitterMillis: Int64, seed: UInt64 = 6) -> [Int64] {
        var random = SplitMix(seed: seed)
        return (0..<count).map { index in
            let jitter = Int64.random(in: -jitterMillis...jitterMillis, using: &random)
            return (1_700_000_000_000 + Int64(index) * 10_000 + jitter) * 1_000_000
        }
    }
}
