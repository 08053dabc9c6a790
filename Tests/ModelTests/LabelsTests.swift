import Model
import Testing

@Suite struct LabelsTests {
    @Test func sortsNamesAndKeepsTheLaterOfTwoValues() {
        let labels = Labels([("b", "2"), ("a", "1"), ("b", "3")])
        #expect(labels.description == #"{a="1", b="3"}"#)
    }

    @Test func anEmptyValueIsNoLabel() {
        #expect(Labels([("a", "")]) == Labels.empty)
        #expect(Labels([("a", "1"), ("a", "")]) == Labels.empty)
    }

    @Test func equalSetsHaveEqualBytesWhateverTheOrder() {
        let one = Labels([("x", "1"), ("__name__", "up"), ("job", "a")])
        let other = Labels([("job", "a"), ("x", "1"), ("__name__", "up")])
        #expect(one.bytes == other.bytes)
        #expect(one.metricName == "up")
        #expect(one["job"] == "a")
        #expect(one["nothing"] == nil)
    }

    @Test func ordersPairByPair() {
        let ordered = [
            Labels.empty,
            Labels([("a", "1")]),
            Labels([("a", "1"), ("b", "1")]),
            Labels([("a", "10")]),
            Labels([("a", "2")]),
            Labels([("b", "0")]),
        ]
        #expect(ordered.shuffled().sorted() == ordered)
    }

    @Test func keepsAndDropsByName() {
        let labels = Labels([("__name__", "m"), ("a", "1"), ("b", "2")])
        #expect(labels.keeping(["a"]) == Labels([("a", "1")]))
        #expect(labels.dropping(["a"]) == Labels([("__name__", "m"), ("b", "2")]))
        #expect(labels.withoutMetricName == Labels([("a", "1"), ("b", "2")]))
    }

    @Test func longValuesRoundTrip() {
        let value = String(repeating: "välue", count: 10_000)
        let labels = Labels([("k", value)])
        #expect(labels["k"] == value)
        #expect(Labels(checking: labels.bytes) == labels)
    }

    @Test(
        arguments: [
            [1], [1, 0x61], [1, 0x61, 0], [0, 1, 0x61], [1, 0x62, 1, 0x31, 1, 0x61, 1, 0x31],
            [1, 0x61, 1, 0x31, 1, 0x61, 1, 0x32], [1, 0xFF, 1, 0x31],
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]])
    func malformedBytesAreRefused(bytes: [UInt8]) {
        #expect(Labels(checking: bytes) == nil)
    }
}

@Suite struct SeriesIDTests {
    @Test func tenantsDoNotShareFingerprints() throws {
        let labels = Labels([("a", "1")])
        let other = try #require(Tenant("other"))
        #expect(
            SeriesID(tenant: .standard, labels: labels) != SeriesID(tenant: other, labels: labels))
    }

    @Test func spreadsOverShards() {
        var counts = [Int](repeating: 0, count: 16)
        for i in 0..<16_000 {
            let id = SeriesID(tenant: .standard, labels: Labels([("i", "\(i)")]))
            counts[id.shard(of: 16)] += 1
        }
        #expect(counts.allSatisfy { (850...1_150).contains($0) }, "\(counts)")
    }
}

@Suite struct TenantTests {
    @Test(arguments: ["", ".", "..", "a/b", "a b", "ä", String(repeating: "x", count: 151)])
    func badNamesAreRefused(name: String) { #expect(Tenant(name) == nil) }

    @Test(arguments: ["a", "team-1", "A_b.c*'()!", "1"])
    func goodNamesPass(name: String) { #expect(Tenant(name)?.name == name) }
}

@Suite struct TimestampTests {
    @Test(arguments: [
        (Int64(0), Int64(0)), (1, 0), (999_999, 0), (1_000_000, 1), (-1, -1), (-1_000_000, -1),
        (-1_000_001, -2),
    ])
    func millisecondsRoundDown(nanos: Int64, millis: Int64) {
        #expect(Timestamp(nanos: nanos).millis == millis)
    }

    @Test func extremesSaturate() {
        #expect(Timestamp(millis: .max) == .distantFuture)
        #expect(Timestamp(millis: .min) == .distantPast)
        #expect(Timestamp(seconds: 1e300) == .distantFuture)
        #expect(Timestamp(seconds: -.infinity) == .distantPast)
        #expect(Timestamp(seconds: 1.5).nanos == 1_500_000_000)
        #expect(Timestamp.distantFuture.advanced(byNanos: 1) == .distantFuture)
    }
}
