import Encoding
import Ingest
import Model
import Testing

@Suite("StatsdAggregator")
struct StatsdAggregatorTests {
    private static let second: Int64 = 1_000_000_000

    private static func feed(_ text: String, _ aggregator: inout StatsdAggregator) {
        let bytes = Array(text.utf8)
        aggregator.take(bytes, ranges: [0..<bytes.count], arrivedNanos: 1)
    }

    private static func flushed(
        _ aggregator: inout StatsdAggregator, _ seconds: Int64
    ) -> [String] {
        StatsdFixture.describe(aggregator.flush(endNanos: seconds * second))
    }

    /// Lines of every kind, and then some with a few bytes changed, cut or doubled.
    private static func corpus(seed: UInt64, count: Int) -> [[UInt8]] {
        var random = seed
        func next(_ bound: Int) -> Int {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: random >> 33) % bound
        }
        let names = ["a", "b.c", "x,k=v", "y#k=v", "z;k=v", "p[k=v]q", " n ", "", "_sc|x|0"]
        let values = [
            "1", "-2.5", "+3", "0.1", "1:2", "1::x", "18446744073709551615", "u1", "1e3", "", "a:b",
            " 4 ", "1_0",
        ]
        let types = ["c", "g", "ms", "h", "d", "s", "x", "c:5|c", "c|@0.5:3|c|@0.1", "c "]
        let suffixes = [
            "", "", "|@0.5", "|@0", "|#k:v", "|#k:v,w|@0.1", "|T1700000000", "|c:id", "||", "\r",
            "|#:", "|e:x|card:low",
        ]
        var datagrams: [[UInt8]] = []
        for _ in 0..<count {
            var lines: [String] = []
            for _ in 0...next(70) {
                lines.append(
                    names[next(names.count)] + ":" + values[next(values.count)] + "|"
                        + types[next(types.count)] + suffixes[next(suffixes.count)])
            }
            var bytes = Array(lines.joined(separator: "\n").utf8)
            for _ in 0..<next(6) where !bytes.isEmpty {
                let at = next(bytes.count)
                switch next(4) {
                case 0: bytes[at] = UInt8(next(256))
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(Array("|:\n@#,.".utf8)[next(7)], at: at)
                default: bytes.removeSubrange(at...)
                }
            }
            datagrams.append(bytes)
        }
        return datagrams
    }

    /// Slow lines are counted differently by definition; all else has to be equal.
    @Test("the fast path gives what the slow path gives", arguments: 1...40)
    func differential(seed: Int) {
        let corpus = Self.corpus(seed: UInt64(seed), count: 40)
        for gaugeSign in StatsdOptions.GaugeSign.allCases {
            let options = StatsdFixture.options {
                $0.gaugeSign = gaugeSign
                $0.unknownTypes = seed % 2 == 0 ? .strict : .compat
                $0.limits.lineBytesMax = 60
            }
            let fast = StatsdFixture.run(corpus, options)
            let slow = StatsdFixture.run(corpus, options, isSlow: true)
            #expect(fast == slow, "seed \(seed)")
            #expect(!fast.series.isEmpty)
        }
    }

    @Test("datagrams of one batch are as good as one after the other")
    func batchOfDatagrams() {
        let corpus = Self.corpus(seed: 77, count: 60)
        var slab: [UInt8] = []
        var ranges: [Range<Int>] = []
        for bytes in corpus {
            ranges.append(slab.count..<slab.count + bytes.count)
            slab += bytes + [UInt8](repeating: UInt8(ascii: ":"), count: 64)
        }
        var aggregator = StatsdAggregator(options: StatsdOptions(), seed: 3)
        aggregator.take(slab, ranges: ranges, arrivedNanos: 5)
        let batch = StatsdFixture.describe(aggregator.flush(endNanos: 10 * Self.second))
        #expect(batch == StatsdFixture.run(corpus).series)
    }

    @Test("an idle series is reported with no change, then forgotten, then born again")
    func idle() {
        let options = StatsdFixture.options { $0.limits.idleIntervals = 2 }
        var aggregator = StatsdAggregator(options: options, seed: 1)
        Self.feed("c:1|c\ng:5|g\nt:1|ms\ns:u|s", &aggregator)
        #expect(Self.flushed(&aggregator, 10).count == 4)
        let silent = [
            "c += 0.0", "g ±= 0.0", "s set 0 [] 0", "t h5 n=0.0 sum=0.0 zero=0.0 [][]",
        ]
        #expect(Self.flushed(&aggregator, 20) == silent)
        Self.feed("c:2|c", &aggregator)
        #expect(Self.flushed(&aggregator, 30) == ["c += 2.0"] + silent.dropFirst())
        #expect(Self.flushed(&aggregator, 40) == ["c += 0.0"])
        #expect(aggregator.figures.seriesCount == 1)
        #expect(Self.flushed(&aggregator, 50) == ["c += 0.0"])
        #expect(Self.flushed(&aggregator, 60) == [])
        #expect(aggregator.figures.seriesCount == 0)
        // Slots are used again, and the cache must not lead old keys to them.
        Self.feed("t2:1|ms\nc:3|c\ng:+1|g\nt:4|ms", &aggregator)
        #expect(
            Self.flushed(&aggregator, 70) == [
                "c += 3.0", "g ±= 1.0", "t h5 n=1.0 sum=4.0 zero=0.0 [64][1.0]",
                "t2 h5 n=1.0 sum=1.0 zero=0.0 [0][1.0]",
            ])
    }

    @Test("a small step back of the clock merges intervals, a large one is followed")
    func clockSteps() {
        var aggregator = StatsdAggregator(options: StatsdOptions(), seed: 1)
        Self.feed("c:1|c", &aggregator)
        #expect(Self.flushed(&aggregator, 1000) == ["c += 1.0"])
        Self.feed("c:2|c", &aggregator)
        #expect(Self.flushed(&aggregator, 1000) == [])
        #expect(Self.flushed(&aggregator, 990) == [])
        #expect(Self.flushed(&aggregator, 1010) == ["c += 2.0"])
        Self.feed("c:4|c", &aggregator)
        #expect(Self.flushed(&aggregator, 500) == ["c += 4.0"])
    }

    @Test("series beyond the limits are refused and counted, known ones go on")
    func seriesLimits() {
        let options = StatsdFixture.options {
            $0.limits.seriesMax = 15
            $0.limits.newSeriesPerSecond = 1
        }
        var aggregator = StatsdAggregator(options: options, seed: 1)
        for index in 0..<12 { Self.feed("m\(index):1|c", &aggregator) }
        #expect(aggregator.figures[.newSeriesRate] == 2)
        #expect(Self.flushed(&aggregator, 10).count == 10)
        for index in 0..<20 { Self.feed("m\(index):1|c", &aggregator) }
        #expect(aggregator.figures[.seriesLimit] == 5)
        #expect(aggregator.figures[.newSeriesRate] == 2)
        #expect(Self.flushed(&aggregator, 20).count == 15)
    }

    @Test("batches hold at most so many series, each once, and all of them come")
    func batches() {
        let options = StatsdFixture.options { $0.limits.batchSeriesMax = 10 }
        var aggregator = StatsdAggregator(options: options, seed: 1)
        for index in 0..<35 { Self.feed("m\(index):1|c\nm\(index):1|c|T1700000000", &aggregator) }
        let batches = aggregator.flush(endNanos: 10 * Self.second)
        #expect(batches.allSatisfy { $0.series.count <= 10 && $0.stamp == nil })
        #expect(batches.allSatisfy { Set($0.series.map(\.id)).count == $0.series.count })
        #expect(StatsdFixture.describe(batches).count == 70)
        #expect(batches.allSatisfy { $0.increments.intervalNanos == 10 * Self.second })
    }

    @Test("many lines of many series add up exactly")
    func exactTotals() {
        var aggregator = StatsdAggregator(options: StatsdOptions(), seed: 9)
        let text = (0..<3000).map { "count.\($0):\($0)|c|#i:\($0 % 7)" }.joined(separator: "\n")
        for _ in 0..<10 { Self.feed(text, &aggregator) }
        #expect(aggregator.figures.valueCount == 30_000)
        #expect(aggregator.figures.slowLineCount == 3000)
        let batches = aggregator.flush(endNanos: 10 * Self.second)
        let sum = batches.reduce(0.0) { $0 + $1.increments.values.reduce(0, +) }
        #expect(sum == 10 * Double(2999 * 3000 / 2))
    }

    @Test("a full cache of keys starts over without harm")
    func cacheOverflow() {
        let options = StatsdFixture.options { $0.limits.keyCacheBytesMax = 20_000 }
        var aggregator = StatsdAggregator(options: options, seed: 9)
        for round in 0..<200 { Self.feed("c:1|c|x\(round)\nc:1|c|y\(round)", &aggregator) }
        #expect(Self.flushed(&aggregator, 10) == ["c += 400.0"])
    }

    @Test("a set is exact up to its bound and close above")
    func sets() {
        for (count, isExact) in [(4096, true), (4097, false), (12_000, false)] {
            var aggregator = StatsdAggregator(options: StatsdOptions(), seed: 9)
            for start in stride(from: 0, to: count, by: 500) {
                let lines = (start..<min(start + 500, count)).map { "s:user\($0)|s" }
                Self.feed(lines.joined(separator: "\n"), &aggregator)
                Self.feed(lines.joined(separator: "\n"), &aggregator)
            }
            let set = aggregator.flush(endNanos: 10 * Self.second).flatMap(\.setIncrements)
            #expect(set.count == 1)
            #expect(set[0].members.isEmpty != isExact)
            if isExact {
                #expect(set[0].members.count == count)
                #expect(set[0].members == set[0].members.sorted())
            } else {
                let estimate = HyperLogLog.estimate(set[0].registers)
                #expect(abs(estimate / Double(count) - 1) < 5 * 0.01625)
            }
        }
    }

    @Test("many values of a timer stay bounded and keep count and sum")
    func timerBounds() {
        var aggregator = StatsdAggregator(options: StatsdOptions(), seed: 9)
        var slab: [UInt8] = []
        for index in 0..<4_000 { slab += Array("t:\(index % 997).\(index % 10)|ms\n".utf8) }
        for _ in 0..<10 {
            aggregator.take(slab, ranges: [0..<slab.count], arrivedNanos: 0)
        }
        let histograms = aggregator.flush(endNanos: 10 * Self.second).flatMap(\.histogramIncrements)
        #expect(histograms.count == 1)
        let histogram = histograms[0].histogram
        #expect(histogram.count == 40_000)
        #expect(histogram.positive.indexes.count <= 1024)
        #expect(
            histogram.positive.counts.reduce(0, +) + histogram.zeroCount == histogram.count)
    }

    @Test("the end of an interval is the next multiple of its length")
    func intervalEnd() {
        let cases: [(Int64, Int64)] = [(0, 0), (1, 10), (9, 10), (10, 10), (11, 20)]
        for (now, end) in cases {
            #expect(StatsdAggregator.intervalEnd(after: now, intervalNanos: 10) == end)
        }
    }
}
