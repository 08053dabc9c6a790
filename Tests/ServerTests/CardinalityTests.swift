import Model
import Testing

@testable import Server

@Suite struct CardinalityTests {
    @Test func countsSeriesByNamesAndLabels() {
        var cardinality = Cardinality()
        for number in 0..<6 {
            cardinality.add(
                Labels([
                    ("__name__", number < 4 ? "hits" : "misses"), ("host", "h\(number % 3)"),
                    ("zone", "a"),
                ]))
        }
        #expect(cardinality.seriesCount == 6)
        #expect(cardinality.pairCount == 6)
        #expect(cardinality.seriesByMetric(10).map(\.name) == ["hits", "misses"])
        #expect(cardinality.seriesByMetric(10).map(\.count) == [4, 2])
        #expect(cardinality.valuesByLabel(10).map(\.name) == ["host", "__name__", "zone"])
        #expect(cardinality.valuesByLabel(10).map(\.count) == [3, 2, 1])
        #expect(cardinality.bytesByLabel(1).map(\.count) == [4 * 4 + 2 * 6])
        #expect(
            cardinality.seriesByPair(2).map { "\($0.name) \($0.count)" }
                == ["zone=a 6", "__name__=hits 4"])
    }
}
