import Model
import Query
import Server
import Testing

@Suite struct JSONWriterTests {
    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        body(&json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func escapesWhatJSONForbids() {
        #expect(text { $0.string("a\"\\\n\u{1}ü") } == #""a\"\\\n\u0001ü""#)
    }

    @Test func brokenUTF8IsReplaced() {
        #expect(text { $0.string([0x61, 0xFF, 0x62][...]) } == "\"a\u{FFFD}b\"")
    }

    @Test(
        arguments: [
            (0, "0"), (1_435_781_430_781, "1435781430.781"), (1_500, "1.500"), (-1_001, "-1.001"),
            (20, "0.020"),
        ] as [(Int64, String)])
    func secondsHaveThreeDecimals(millis: Int64, expected: String) {
        #expect(text { $0.seconds(millis: millis) } == expected)
    }

    @Test(
        arguments: [
            (1, "1"), (0.5, "0.5"), (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (1e-7, "1e-07"), (1e21, "1e+21"), (123_456_789, "123456789"), (-0.0, "-0"),
        ] as [(Double, String)])
    func floatsAreWrittenAsPrometheusDoes(value: Double, expected: String) {
        #expect(text { $0.quoted(value) } == "\"\(expected)\"")
    }

    @Test func aVectorIsWrittenAsPrometheusDoes() {
        let sample = VectorSample(
            labels: Labels([("__name__", "up"), ("job", "a")]), timestampMillis: 1_000,
            value: .float(1))
        let answer = QueryAnswer(value: .vector([sample]), warnings: ["w"])
        #expect(
            String(decoding: PrometheusJSON.answer(answer), as: UTF8.self)
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":"#
                + #"{"__name__":"up","job":"a"},"value":[1,"1"]}]},"warnings":["w"]}"#)
    }

    @Test func aHistogramHasItsBuckets() {
        var histogram = Histogram(schema: 0, zeroThreshold: 0.5, zeroCount: 1, count: 4, sum: 6)
        histogram.positive = .init(indexes: [1], counts: [2])
        histogram.negative = .init(indexes: [1], counts: [1])
        let answer = QueryAnswer(
            value: .vector([
                VectorSample(labels: .empty, timestampMillis: 0, value: .histogram(histogram))
            ]))
        let json = String(decoding: PrometheusJSON.answer(answer), as: UTF8.self)
        #expect(
            json.contains(
                #""buckets":[[1,"-2","-1","1"],[3,"-0.5","0.5","1"],[0,"1","2","2"]]"#), "\(json)")
    }

    @Test func errorsNameTheirType() {
        let failure = HTTPFailure.invalid("step", "no")
        guard case .bytes(let bytes) = failure.answer.body else {
            Issue.record("not bytes")
            return
        }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"status":"error","errorType":"bad_data","error":"invalid parameter "#
                + #"\"step\": no"}"#)
    }
}
