internal import Glibc
import Model

/// Series like those that fleets report every 10 s, the same on every run.
struct MetricGenerator {
    static let start: Int64 = 1_750_000_000_000_000_000
    static let stepNanos: Int64 = 10_000_000_000

    enum Kind: String, CaseIterable {
        /// Whole percentages that walk, as the TSBS cpu set has them.
        case hosts = "host metrics"
        /// Half cumulative counters, the rest gauges, whole and with 2 decimals.
        case statsd = "statsd mix"
        /// Latencies with 3 decimals, log-normal about a slow wave.
        case noisy = "noisy floats"

        /// What exporters count: requests, CPU seconds, bytes; each falls to 0 now and then.
        case counters

        /// DESIGN §9.
        var bytesGoal: Double? {
            switch self {
            case .hosts: 0.32
            case .statsd: 0.72
            case .noisy: 1.7
            case .counters: nil
            }
        }
    }

    let kind: Kind
    private var random = BenchSeries.Random(seed: 7)
    private var levels: [Double]
    private var step = 0

    init(kind: Kind, seriesCount: Int) {
        self.kind = kind
        levels = [Double](repeating: kind == .statsd ? 1_000 : 50, count: seriesCount)
    }

    func reference(_ number: Int) -> SeriesReference {
        if kind == .counters {
            return SeriesReference(
                tenant: .standard,
                labels: Labels([
                    ("__name__", "http_requests_total"), ("job", "job-\(number % 10)"),
                    ("instance", "10.0.\(number / 256).\(number % 256):9100"), ("code", "200"),
                ]))
        }
        let labels = Labels([
            ("__name__", "bench_metric_\(number % 10)_total"), ("host", "host-\(number / 10)"),
            ("region", "eu-west-\(number / 10 % 3)"), ("os", "debian12"), ("service", "checkout"),
            ("team", "payments"), ("environment", "production"), ("rack", "\(number / 10 % 40)"),
        ])
        return SeriesReference(tenant: .standard, labels: labels)
    }

    mutating func next(_ number: Int) -> Double {
        switch kind {
        case .hosts:
            levels[number] = min(100, max(0, levels[number] + random.gaussian()))
            return levels[number].rounded(.down)
        case .statsd:
            switch number % 10 {
            case 0..<5: levels[number] += Double(Int.random(in: 0...12, using: &random))
            case 5..<8:
                if random.next() % 3 == 0 {
                    levels[number] += Double(Int.random(in: -5...5, using: &random))
                }
            default:
                levels[number] = (levels[number] * 100 + random.gaussian() * 30).rounded() / 100
            }
            return levels[number]
        case .counters:
            if random.next() % 20_000 == 0 { levels[number] = 0 }
            switch number % 8 {
            case 0..<4: levels[number] += Double(Int.random(in: 0...12, using: &random))
            case 4..<6: levels[number] += Double(Int.random(in: 43...57, using: &random))
            case 6:
                let spent = Double(Int.random(in: 0...300, using: &random))
                levels[number] = (levels[number] * 100 + spent).rounded() / 100
            default: levels[number] += Double(Int.random(in: 0...1_000_000, using: &random))
            }
            return levels[number]
        case .noisy:
            return (exp(random.gaussian() * 0.3 + 3) * 1_000).rounded() / 1_000
        }
    }
}
