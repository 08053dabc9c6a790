import Model
import Testing

@Suite struct WriteBatchCutTests {
    /// 40 series with 50 samples each, 30 streams with 20 lines each.
    private static func large(stamp: BatchStamp?) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard, stamp: stamp)
        for number in 0..<40 {
            let labels = Labels([("__name__", "m"), ("number", "\(number)")])
            batch.series.append(SeriesReference(tenant: .standard, labels: labels))
        }
        for step in 0..<50 {
            for number in 0..<40 {
                batch.samples.append(
                    seriesIndex: UInt32(number), timestamp: Int64(step),
                    value: Double(step * number))
            }
        }
        for number in 0..<30 {
            let labels = Labels([("app", "\(number)")])
            batch.streams.append(SeriesReference(tenant: .standard, labels: labels))
        }
        for line in 0..<600 {
            batch.lines.append(
                streamIndex: UInt32(line % 30), timestamp: 7, line: Array("line \(line)".utf8)[...],
                metadata: [])
        }
        batch.metadata.append(MetricMetadata(metric: "m", kind: .gauge, help: "Of a test."))
        return batch
    }

    private func samples(_ batches: [WriteBatch]) -> [String] {
        batches.flatMap { batch in
            (0..<batch.samples.count).map { i in
                let series = batch.series[Int(batch.samples.seriesIndexes[i])]
                return "\(series.id) \(batch.samples.timestamps[i]) \(batch.samples.values[i])"
            }
        }
    }

    private func lines(_ batches: [WriteBatch]) -> [String] {
        batches.flatMap { batch in
            (0..<batch.lines.count).map { i in
                let stream = batch.streams[Int(batch.lines.streamIndexes[i])]
                let text = batch.lines.bytes[batch.lines.lineRange(i)]
                return "\(stream.id) \(String(decoding: text, as: UTF8.self))"
            }
        }
    }

    @Test func aBatchThatFitsStaysWhole() {
        let batch = Self.large(stamp: nil)
        #expect(batch.cut(bytesMax: 1 << 20) == [batch])
    }

    @Test(arguments: [2_000, 5_000, 20_000])
    func piecesFitAndHoldEverythingInOrder(bytesMax: Int) {
        let batch = Self.large(stamp: nil)
        let pieces = batch.cut(bytesMax: bytesMax)
        #expect(pieces.count > 1)
        #expect(pieces.allSatisfy { $0.encoded().count <= bytesMax })
        #expect(samples(pieces) == samples([batch]))
        #expect(lines(pieces) == lines([batch]))
        #expect(pieces.flatMap(\.metadata) == batch.metadata)
    }

    @Test func theBoundIsNoLessThanTheEncodedForm() throws {
        for batch in [Self.large(stamp: nil), try WriteBatchCodecTests.sample()] {
            #expect(batch.encodedBytesBound >= batch.encoded().count)
        }
    }

    @Test func stampsOfPiecesFollowFromTheBatchs() {
        let first = Self.large(stamp: BatchStamp(source: 5, sequence: 8)).cut(bytesMax: 3_000)
        let again = Self.large(stamp: BatchStamp(source: 5, sequence: 8)).cut(bytesMax: 3_000)
        let next = Self.large(stamp: BatchStamp(source: 5, sequence: 9)).cut(bytesMax: 3_000)
        #expect(first == again)
        #expect(Set(first.map { $0.stamp?.source }).count == first.count)
        #expect(first.map { $0.stamp?.source } == next.map { $0.stamp?.source })
        #expect(next.allSatisfy { $0.stamp?.sequence == 9 })
    }

    @Test func piecesWithLinesAreStampedByContent() {
        let pieces = Self.large(stamp: nil).cut(bytesMax: 3_000)
        for piece in pieces { #expect((piece.stamp == nil) == piece.lines.isEmpty) }
        #expect(pieces == Self.large(stamp: nil).cut(bytesMax: 3_000))
    }

    @Test func anItemThatIsTooLargeIsAPieceOfItsOwn() {
        var batch = WriteBatch(tenant: .standard)
        batch.streams.append(SeriesReference(tenant: .standard, labels: Labels([("a", "b")])))
        for size in [10, 9_000, 10] {
            batch.lines.append(
                streamIndex: 0, timestamp: 1, line: [UInt8](repeating: 65, count: size)[...])
        }
        #expect(batch.cut(bytesMax: 2_000).map(\.lines.count) == [1, 1, 1])
    }
}
