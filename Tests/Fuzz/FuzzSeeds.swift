internal import Encoding
internal import Model

/// The corpus: few and small inputs that lead deep into each parser.
enum FuzzSeeds {
    private static func texts(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    static let promql = texts(
        "sum by (a) (rate(x{b=~\"c.*\"}[5m] offset 1h)) / on(a) group_left(z) y @ end() > bool 1",
        "max_over_time(a[1h:5m]) or -b ^ 2", "histogram_quantile(0.9, {\"a.b\"}) # c")
    static let logql = texts(
        "{a=\"b\",c=~\"d.*\"} |= \"x\" != `y` | json a=\"b.c\" | d > 5ms | line_format \"{{.a}}\"",
        "sum by (a) (rate({a=\"b\"} | logfmt | unwrap duration(c) [5m])) > 2",
        "{a=\"b\"} | pattern \"<x> <_>\" | ip = ip(\"10.0.0.0/8\") | drop x")

    static let batch: [[UInt8]] = {
        var batch = WriteBatch(tenant: .standard, stamp: BatchStamp(source: 1, sequence: 2))
        batch.series = [SeriesReference(tenant: .standard, labels: Labels(["a": "b"]))]
        for index in 0..<3 {
            batch.samples.append(seriesIndex: 0, timestamp: Int64(index), value: 1.5)
        }
        return [WriteBatch(tenant: .standard).encoded(), batch.encoded()]
    }()
    static let codecs: [[UInt8]] = {
        let numbers = (0..<170).map { Int64($0 * $0) }
        var integers = ByteWriter()
        IntegerCodec.encode(numbers, tier: .hot, into: &integers)
        var doubles = ByteWriter()
        ValueCodec.encode(numbers.map { Double($0) / 10 }[...], tier: .dense, into: &doubles)
        var ids = ByteWriter()
        PostingsCodec.encode(numbers.map { UInt32($0) }, into: &ids)
        let text = LZ4Block.compress([UInt8](repeating: 7, count: 170))
        return [integers.bytes, doubles.bytes, ids.bytes, text].map { [10] + $0 }
    }()
}
