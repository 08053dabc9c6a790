internal import Glibc

/// The series that the encodings are measured on: the same on every run.
enum BenchSeries {
    /// SplitMix64.
    struct Random: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) { state = seed }

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }

        /// About normal, mean 0, deviation 1.
        mutating func gaussian() -> Double {
            (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
        }
    }

    /// Name and values of each.
    static func values(count: Int) -> [(String, [Double])] {
        var random = Random(seed: 1)
        var total = 1_000_000
        let counter = (0..<count).map { _ in
            total += Int.random(in: 43...57, using: &random)
            return Double(total)
        }
        var level = 4_000
        let gauge = (0..<count).map { _ in
            level += Int((random.gaussian() * 30).rounded())
            return Double(level) / 100
        }
        var page = 100_000
        let pages = (0..<count).map { _ in
            if random.next() % 10 == 0 { page += Int.random(in: -200...200, using: &random) }
            return Double(page * 4_096)
        }
        let latency = (0..<count).map { _ in
            (exp(random.gaussian() * 0.6 + 3) * 1_000).rounded() / 1_000
        }
        let smallInts = (0..<count).map { _ in Double((random.gaussian() * 1.2 + 5).rounded()) }
        var place = 100.0
        let walk = (0..<count).map { _ in
            place += random.gaussian()
            return place
        }
        let noisy = (0..<count).map { _ in
            let value = Double(Int.random(in: 40_000...60_000, using: &random)) / 1_000
            return random.next() % 3 == 0 ? value.nextUp : value
        }
        return [
            ("counter +50±7", counter), ("gauge 2 decimals", gauge), ("pages of 4 KiB", pages),
            ("latency 3 decimals", latency), ("small integers", smallInts),
            ("constant", [Double](repeating: 0.25, count: count)), ("real doubles", walk),
            ("decimals with noise", noisy),
        ]
    }

    /// Name and ns since 1970 of each.
    static func timestamps(count: Int) -> [(String, [Int64])] {
        var random = Random(seed: 2)
        let start: Int64 = 1_700_000_000_000
        let regular = (0..<count).map { (start + Int64($0) * 10_000) * 1_000_000 }
        let jittered = (0..<count).map { index in
            let jitter = Int64.random(in: -3...3, using: &random)
            return (start + Int64(index) * 10_000 + jitter) * 1_000_000
        }
        var now = start
        let irregular = (0..<count).map { _ in
            now += Int64(exp(random.gaussian() + 6))
            return now * 1_000_000
        }
        return [("regular", regular), ("jitter 3 ms", jittered), ("irregular", irregular)]
    }
}
