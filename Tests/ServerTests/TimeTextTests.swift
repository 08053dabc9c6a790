import Model
import Server
import Testing

@Suite struct TimeTextTests {
    @Test(
        arguments: [
            ("0", 0), ("1.5", 1_500_000_000), ("-1", -1_000_000_000), ("1e3", 1_000_000_000_000),
            ("1970-01-01T00:00:00Z", 0), ("1970-01-02", 86_400_000_000_000),
            ("2000-02-29T12:00:00.5+01:00", 951_822_000_500_000_000),
            ("1969-12-31T23:59:59Z", -1_000_000_000),
            ("2026-11-23T10:15:02", 1_795_428_902_000_000_000),
        ] as [(String, Int64)])
    func readsSecondsAndRFC3339(text: String, nanos: Int64) {
        #expect(TimeText.parse(text)?.nanos == nanos)
    }

    @Test(arguments: [
        "", "yesterday", "nan", "inf", "0x10", "2026-13-01", "2026-02-30", "2026-11-23T25:00:00Z",
        "2026-11-23T10:15:02.Z", "2026-11-23T10:15:02+1", "1 2",
    ])
    func refusesWhatIsNoTime(text: String) { #expect(TimeText.parse(text) == nil) }

    @Test func integersAreNanosecondsForLoki() {
        #expect(
            TimeText.parse("1795428902000000001", integersAreNanos: true)?.nanos
                == 1_795_428_902_000_000_001)
        #expect(
            TimeText.parse("1795428902", integersAreNanos: true)?.nanos
                == 1_795_428_902_000_000_000)
    }

    @Test(
        arguments: [
            0, 951_822_000_500_000_000, -1, -86_400_000_000_000, 1_795_428_902_000_000_000,
        ] as [Int64])
    func printsWhatItReads(nanos: Int64) {
        let text = TimeText.format(nanos: nanos, decimals: 9)
        #expect(TimeText.parse(text)?.nanos == nanos, "\(text)")
    }

    @Test func relativeTimesAreAgo() {
        #expect(TimeText.parseRelative("1h", nowNanos: 7_200_000_000_000) == 3_600_000_000_000)
        #expect(TimeText.parseRelative("now", nowNanos: 5) == 5)
        #expect(TimeText.duration("90") == 90_000_000_000)
        #expect(TimeText.duration("1h30m") == 5_400_000_000_000)
        #expect(TimeText.duration("soon") == nil)
    }
}
