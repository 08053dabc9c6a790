import Platform
import Simulator
import Testing

/// What is said of durations: about the 99th of a hundred, of the last minute.
@Suite struct LatencyWindowTests {
    private static let second: Int64 = 1_000_000_000
    private static let milli: Int64 = 1_000_000

    @Test func aHundredAndOneSayWhatNinetyNineDidNotExceed() throws {
        var window = LatencyWindow()
        for number in 1...100 as ClosedRange<Int64> {
            window.record(nanos: number * Self.milli, at: number)
        }
        let p99 = try #require(window.p99Nanos(at: 200))
        #expect(p99 >= 99 * Self.milli && p99 <= 99 * Self.milli * 9 / 8)
        window.record(nanos: 0, at: 300)
        #expect(window.p99Nanos(at: 300) == p99)
    }

    @Test(arguments: [Int64(0), -5, 1_048_576, 1_048_577, 5_000_000, 50_000_001, 999_999_999])
    func aDurationIsReadAtMostAnEighthTooLarge(nanos: Int64) throws {
        var window = LatencyWindow()
        for _ in 0..<3 { window.record(nanos: nanos, at: 1) }
        let p99 = try #require(window.p99Nanos(at: 1))
        #expect(p99 >= nanos && p99 <= max(nanos * 9 / 8 + 1, 1 << 20))
    }

    @Test func veryLongOnesAreCut() throws {
        var window = LatencyWindow()
        for _ in 0..<3 { window.record(nanos: .max, at: 1) }
        #expect(try #require(window.p99Nanos(at: 1)) == 1 << 35)
    }

    @Test func oneIsNoMeasureAndOneOutlierOfManyIsNone() {
        var window = LatencyWindow()
        #expect(window.p99Nanos(at: 0) == nil)
        window.record(nanos: 5 * Self.second, at: 0)
        #expect(window.p99Nanos(at: 0) == nil)
        for _ in 0..<50 { window.record(nanos: Self.milli, at: 0) }
        #expect(window.p99Nanos(at: 0) == 1 << 20)
        window.record(nanos: 5 * Self.second, at: 0)
        #expect(window.p99Nanos(at: 0) ?? 0 >= 5 * Self.second)
    }

    @Test func afterAMinuteItIsForgotten() {
        var window = LatencyWindow()
        let start = 1_000_003 * Self.second
        for _ in 0..<10 { window.record(nanos: Self.second, at: start) }
        var now = start
        while window.p99Nanos(at: now) ?? 0 >= Self.second {
            now += Self.second
            window.record(nanos: Self.milli, at: now)
            if now > start + 100 * Self.second { break }
        }
        #expect(now - start > 49 * Self.second && now - start <= 60 * Self.second)
        #expect(window.p99Nanos(at: now + 60 * Self.second) == nil)
    }

    @Test func aMeterHasAClock() {
        let time = ManualTime()
        let meter = LatencyMeter(time: time)
        for _ in 0..<3 { meter.record(nanos: Self.second) }
        #expect(meter.p99Nanos ?? 0 >= Self.second)
        time.advance(byNanos: 61 * Self.second)
        #expect(meter.p99Nanos == nil)
    }
}
