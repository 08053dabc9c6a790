import Model
import Storage
import Testing

/// `SeriesData.isRising` says of a series that it never falls only when that is so, wherever its
/// samples lie.
struct RisingSeriesTests {
    private static let second = ShardFixture.second
    private static let epoch = ShardFixture.epoch

    /// Parts of one series, each written and, but for the last, sealed; and whether the whole rises.
    private static let cases: [(parts: [[Double]], isRising: Bool)] = [
        ([[1, 1, 2, 5]], true),
        ([[1, 2], [2, 3], [3, 9]], true),
        ([(0..<3_000).map(Double.init), [3_000, 3_000]], true),
        ([[1, 5, 4, 9]], false),
        ([[1, 5], [4, 9]], false),
        ([[1, 2], [2, 3], [2, 9]], false),
        ([(0..<3_000).map { $0 == 1_024 ? 0.0 : Double($0) }, [3_000]], false),
        ([[1, .nan, 2], [3]], false),
        ([[.nan], [3]], false),
        ([[1, 2], [.staleMarker]], false),
    ]

    @Test(arguments: cases.indices)
    func risesOnlyWhenItDoes(_ number: Int) throws {
        let (parts, isRising) = Self.cases[number]
        let fixture = try ShardFixture()
        var time = Self.epoch
        for (place, part) in parts.enumerated() {
            if place > 0 { try fixture.seal() }
            let rows = part.map { value -> (labels: Labels, time: Int64, value: Double) in
                time += Self.second
                return (labels("a"), time, value)
            }
            try fixture.apply(.write(.samples(rows)))
        }
        #expect(try fixture.query().map(\.isRising) == [isRising], "last part in memory")
        try fixture.seal()
        #expect(try fixture.query().map(\.isRising) == [isRising], "sealed")
        try fixture.compact()
        #expect(try fixture.query().map(\.isRising) == [isRising], "compacted")
    }

    @Test func aPartOfASeriesThatFallsMayRise() throws {
        let fixture = try ShardFixture()
        let values = (0..<3_000).map { $0 < 2_048 ? Double($0) : Double($0 - 2_048) }
        let rows = values.enumerated().map {
            (
                labels: labels("a"), time: Self.epoch + Int64($0.offset) * Self.second,
                value: $0.element
            )
        }
        try fixture.apply(.write(.samples(rows)))
        try fixture.seal()
        func isRising(_ low: Int64, _ high: Int64) throws -> [Bool] {
            try fixture.query(
                start: Timestamp(nanos: Self.epoch + low * Self.second),
                end: Timestamp(nanos: Self.epoch + high * Self.second)
            ).map(\.isRising)
        }
        #expect(try isRising(0, 3_000) == [false])
        #expect(try isRising(0, 2_048) == [true])
        #expect(try isRising(2_048, 3_000) == [true])
        #expect(try isRising(2_047, 2_049) == [false])
    }

    @Test func overlappingPartsClaimNothing() throws {
        let fixture = try ShardFixture()
        let a = labels("a")
        try fixture.apply(.write(.samples([(a, Self.epoch, 1), (a, Self.epoch + 20, 9)])))
        try fixture.seal()
        try fixture.apply(.write(.samples([(a, Self.epoch + 10, 20)])))
        #expect(try fixture.query().map(\.isRising) == [false])
    }
}
