import Ingest
import Model
import Testing

@Suite struct SeriesCachesTests {
    /// Parses one Influx line with `cache`; the number of its samples.
    static func parse(_ line: String, _ cache: inout SeriesCache) throws(IngestError) -> Int {
        try InfluxBody.parse(
            Array(line.utf8), tenant: .standard, now: Timestamp(nanos: 0),
            limits: IngestLimits(), cache: &cache
        ).batch.samples.count
    }

    @Test func requestsThatRunAtOnceGetCachesOfTheirOwn() throws {
        let caches = SeriesCaches(seed: 1, count: 2)
        let counts = try caches.withCache { (outer: inout SeriesCache) throws(IngestError) in
            let first = try Self.parse("a value=1", &outer)
            let second = try caches.withCache { (inner: inout SeriesCache) throws(IngestError) in
                try Self.parse("b value=1,other=2", &inner) * 10 + inner.seriesCount
            }
            return [first, outer.seriesCount, second]
        }
        #expect(counts == [1, 1, 22])
    }

    @Test func theNextRequestMeetsTheWarmCache() throws {
        let caches = SeriesCaches(seed: 1, count: 2)
        for _ in 0..<2 {
            let count = try caches.withCache { (cache: inout SeriesCache) throws(IngestError) in
                _ = try Self.parse("a value=1", &cache)
                return cache.seriesCount
            }
            #expect(count == 1)
        }
    }

    @Test func linesWithManyFieldsAreFoundAgain() throws {
        var cache = SeriesCache(seed: 1)
        let fields = (0..<500).map { "f\($0)=\($0)" }
        for order in [fields, fields.reversed()] {
            #expect(try Self.parse("m " + order.joined(separator: ","), &cache) == 500)
        }
        #expect(cache.seriesCount == 500)
    }

    @Test func contentCodings() {
        #expect(ContentCoding(header: nil) == .identity)
        #expect(ContentCoding(header: "GZIP") == .gzip)
        #expect(ContentCoding(header: "deflate") == .gzip)
        #expect(ContentCoding(header: "snappy") == .snappy)
        #expect(ContentCoding(header: "br") == nil)
    }
}

extension SeriesCachesTests {
    /// Whatever was sent before, a batch is as that of a cache that knows nothing.
    @Test(arguments: [
        ["abc", "abc", "abc"], ["abc", "ab", "abc", "abcd", "abcd"], ["abc", "acb", "abc"],
        ["aabbc", "aabbc", "abcab", "abcab"], ["abc", "", "abc"], ["ab", "cd", "ab", "cd", "ac"],
        ["abc", "abxc", "abc", "xabc"],
    ])
    func batchesThatRepeatEarlierOnesAreTheSame(bodies: [String]) throws {
        var warm = SeriesCache(seed: 1, seriesCountMax: 5)
        for body in bodies {
            // x stands for a line that is dropped after its field was read.
            let text = body.map { $0 == "x" ? "x value=1 bad" : "\($0),t=1 value=1,other=2 5" }
            let bytes = Array(text.joined(separator: "\n").utf8)
            func parse(_ cache: inout SeriesCache) throws -> WriteBatch {
                try InfluxBody.parse(
                    bytes, tenant: .standard, now: Timestamp(nanos: 0), limits: IngestLimits(),
                    cache: &cache
                ).batch
            }
            var cold = SeriesCache(seed: 2)
            #expect(try parse(&warm) == parse(&cold))
        }
    }
}
