import Encoding
import Model
import Simulator
import Testing

@testable import Cluster

/// Questions and answers as bytes: what is written is read, and what nobody wrote is an error.
struct ReadWireTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func questionsAreReadAsTheyWereWritten(seed: UInt64) throws {
        var samples = ReadSamples(seed: seed)
        let question = try samples.question()
        #expect(try ReadQuestion(decoding: question.encoded()) == question)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func damagedQuestionsAreErrorsOrOtherQuestions(seed: UInt64) throws {
        var samples = ReadSamples(seed: seed)
        let bytes = try samples.question().encoded()
        for count in 0..<bytes.count {
            #expect(throws: (any Error).self) {
                try ReadQuestion(decoding: Array(bytes[..<count]))
            }
        }
        #expect(throws: (any Error).self) { try ReadQuestion(decoding: bytes + [0]) }
        for _ in 0..<200 {
            var damaged = bytes
            damaged[samples.number(0...bytes.count - 1)] = UInt8(samples.number(0...255))
            _ = try? ReadQuestion(decoding: damaged)
        }
    }

    @Test func aNewerQuestionIsToldFromGarbage() {
        #expect(throws: EncodingError.unsupportedVersion(2)) {
            try ReadQuestion(decoding: [2, 0])
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func damagedPartsAreErrorsOrOtherParts(seed: UInt64) throws {
        var samples = ReadSamples(seed: seed)
        for bytes in samples.parts() {
            _ = try ReadPart(decoding: bytes, tenant: .standard)
            for count in 0..<bytes.count {
                // Series go on to the end of the part: one may end between two.
                let part = try? ReadPart(decoding: Array(bytes[..<count]), tenant: .standard)
                guard let part else { continue }
                guard case .series(let pieces) = part.content else {
                    Issue.record("a part cut at \(count) of \(bytes.count) is one")
                    continue
                }
                #expect(pieces.count < 6)
            }
            for _ in 0..<200 {
                var damaged = bytes
                damaged[samples.number(0...bytes.count - 1)] = UInt8(samples.number(0...255))
                guard let part = try? ReadPart(decoding: damaged, tenant: .standard),
                    case .series(let pieces) = part.content
                else { continue }
                var joiner = SeriesJoiner()
                _ = try? joiner.add(pieces)
            }
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func seriesArriveBitForBit(seed: UInt64) throws {
        var samples = ReadSamples(seed: seed)
        let series = samples.series(samples.number(1...50))
        let (read, partCount) = try ReadWireTests.carry(series)
        #expect(partCount == 1)
        #expect(read.map(SeriesImage.init) == series.map(SeriesImage.init))
        for index in series.indices.dropFirst()
        where series[index].timestamps === series[index - 1].timestamps {
            #expect(read[index].timestamps === read[index - 1].timestamps)
        }
    }

    @Test func longSeriesAreCutAndJoined() throws {
        var samples = ReadSamples(seed: 5)
        let count = 2 * SeriesPiece.samplesMax + 17
        let labels = Labels([("__name__", "long")])
        let histogramCount = SeriesPiece.histogramsMax + 3
        let long = SeriesData(
            id: SeriesID(tenant: .standard, labels: labels), labels: labels,
            timestamps: samples.column(count, isRegular: false),
            values: (0..<count).map { Double($0) },
            histogramTimestamps: samples.column(histogramCount, isRegular: true),
            histograms: (0..<histogramCount).map { _ in samples.histogram() })
        let series = samples.series(2) + [long] + samples.series(2)
        let (read, partCount) = try ReadWireTests.carry(series)
        #expect(partCount > 2)
        #expect(read.map(SeriesImage.init) == series.map(SeriesImage.init))
    }

    @Test func equalColumnsOfSuccessivePartsBecomeOne() throws {
        var samples = ReadSamples(seed: 6)
        let column = samples.column(8_640, isRegular: false)
        let series = (0..<60).map { number in
            let labels = Labels([("n", "\(number)")])
            return SeriesData(
                id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                timestamps: column, values: column.nanos.map { Double($0) })
        }
        let (read, partCount) = try ReadWireTests.carry(series)
        #expect(partCount > 2)
        #expect(Set(read.map { ObjectIdentifier($0.timestamps) }).count == 1)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func linesArriveAsTheyAre(seed: UInt64) throws {
        var samples = ReadSamples(seed: seed)
        let data = samples.lines()
        let charges = ReadCharges(samples: 1, series: 2, bytes: 3)
        let part = try ReadPart(
            decoding: ReadPart.lines(data, tenant: .standard, charges), tenant: .standard)
        #expect(part.charges == charges)
        guard case .lines(let read) = part.content else {
            Issue.record("not lines")
            return
        }
        #expect(read.lines == data.lines && read.streams == data.streams)
    }

    @Test func linesOfAnotherTenantAreRefused() {
        var samples = ReadSamples(seed: 1)
        let bytes = ReadPart.lines(samples.lines(), tenant: .standard, ReadCharges())
        #expect(throws: EncodingError.self) {
            try ReadPart(decoding: bytes, tenant: Tenant("other")!)
        }
    }

    @Test func theLastWordIsReadAndNothingElse() throws {
        let end = ReadEnd(
            charges: ReadCharges(samples: 5, series: 6, bytes: 7),
            completeness: Completeness(missing: ["a block", "another"]))
        let bytes = end.encoded()
        #expect(try ReadEnd(decoding: bytes) == end)
        for count in 0..<bytes.count {
            #expect(throws: EncodingError.self) { try ReadEnd(decoding: Array(bytes[..<count])) }
        }
    }

    @Test func refusalsEndAQueryAsIfItHadBeenHere() {
        let limits = QueryBudget.Limits(samplesMax: 10, seriesMax: 11, bytesMax: 12)
        let thrown = QueryLimitError.exceeded(limit: "query.series_max", allowed: 3)
        #expect(
            ReadRefusal(thrown).ending(limits)
                == .exceeded(limit: "query.series_max", allowed: 11))
        #expect(ReadRefusal(QueryLimitError.timeout).ending(limits) == .timeout)
        #expect(ReadRefusal.busy.ending(limits) == nil)
        #expect(ReadRefusal(EncodingError.truncated(offset: 1)).ending(limits) == nil)
    }

    private static func word(_ number: UInt8) -> [UInt8] { [number, 0, 0, 0, 0, 0, 0, 0] }

    @Test func theQuestionOfVersionOneStays() throws {
        let selector = Selector([
            Matcher("job", equals: "a"), try Matcher("x", .matches, "b"),
        ])
        let filter = LineFilter(
            [.contains([101]), .matches(try RegularExpression("f", foldsCase: true))],
            negated: true)
        var question = ReadQuestion(
            tenant: .standard, shards: [1, 3],
            subject: .lines(
                .init(
                    selector: selector, start: Timestamp(nanos: 8), end: Timestamp(nanos: 9)),
                .init(filters: [filter], order: .backward, limit: 5), plan: [33]))
        question.stalenessMillis = 258
        question.rest.millis = 7
        question.rest.samples = 1
        question.rest.series = 2
        question.rest.bytes = 300
        var bytes: [UInt8] = [1, 7] + Array("default".utf8) + [2, 1, 3, 2, 1, 0, 0, 7, 0, 0, 0]
        bytes += [1, 2, 172, 2, 2]
        bytes += [1, 2, 3] + Array("job".utf8) + [0, 1, 97, 1, 120, 2, 1, 98]
        bytes += Self.word(8) + Self.word(9) + [2, 6]
        bytes += [1, 1, 2, 0, 1, 101, 3, 1, 102, 1, 33]
        #expect(question.encoded() == bytes)
    }

    @Test func theAnswerOfVersionOneStays() throws {
        let column = TimestampColumn([10, 15, 20])
        var parts: [[UInt8]] = []
        var packer = SeriesPiece.Packer { ReadCharges(samples: 1, series: 2, bytes: 3) }
        for number in ["1", "2"] {
            var data = SeriesData(
                id: SeriesID(high: 4, low: 5), labels: Labels([("n", number)]),
                timestamps: column, values: [0, 0, 0])
            data.isRising = number == "1"
            packer.add(data) { parts.append($0) }
        }
        packer.finish { parts.append($0) }
        var bytes: [UInt8] = [1, 2, 1, 2, 3]
        let id = Self.word(4) + Self.word(5)
        let values = [UInt8](repeating: 0, count: 24)
        bytes += id + [4, 1, 110, 1, 49, 2, 1, 3, 1] + Self.word(10) + [5] + values + [0]
        bytes += id + [4, 1, 110, 1, 50, 0, 1] + values + [0]
        #expect(parts == [bytes])
        let end = ReadEnd(
            charges: ReadCharges(samples: 1, series: 2, bytes: 3),
            completeness: Completeness(missing: ["x"]))
        #expect(end.encoded() == [1, 1, 2, 3, 1, 1, 120])
        #expect(
            ReadPart.opening([UnreadShard(shard: 2, reason: "y")])
                == [1, 1, 0, 0, 0, 1, 2, 1, 121])
    }

    /// Through parts and back.
    private static func carry(_ series: [SeriesData]) throws -> ([SeriesData], Int) {
        var parts: [[UInt8]] = []
        var packer = SeriesPiece.Packer { ReadCharges() }
        for data in series { packer.add(data) { parts.append($0) } }
        packer.finish { parts.append($0) }
        var joiner = SeriesJoiner()
        var read: [SeriesData] = []
        for bytes in parts {
            let part = try ReadPart(decoding: bytes, tenant: .standard)
            if case .series(let pieces) = part.content { read += try joiner.add(pieces) }
        }
        #expect(!joiner.isOpen)
        return (read, parts.count)
    }
}
