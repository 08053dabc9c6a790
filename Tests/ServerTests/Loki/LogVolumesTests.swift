import Model
import Query
import Server
import Testing

@Suite struct LogVolumesTests {
    static func question(_ parameters: [(String, String)]) throws -> VolumeQuestion {
        var form = FormParameters()
        for (name, value) in parameters { form.add(name, value) }
        return try VolumeQuestion(HTTPCall(method: .get, path: "/", parameters: form))
    }

    @Test func partsAreToldApartByWhatIsAskedFor() throws {
        let plain = try Self.question([("query", #"{app="a",env=~".+"}"#)])
        #expect(plain.names == ["app", "env"])
        #expect(
            plain.metric(by: plain.names, windowNanos: 5)
                == #"sum by (app,env) (bytes_over_time({app="a",env=~".+"}[5ns]))"#)
        let targets = try Self.question([
            ("query", #"{app="a"}"#), ("targetLabels", "env, app,env"),
        ])
        #expect(targets.names == ["env", "app"])
        #expect(targets.matchers.map(\.name) == ["app", "env"])
        let labels = try Self.question([("query", #"{app="a"}"#), ("aggregateBy", "labels")])
        #expect(labels.isByLabel && labels.names.isEmpty)
        _ = try LogQLQuery(targets.metric(by: targets.names, windowNanos: .max / 2))
    }

    @Test(arguments: [
        [("query", "")], [("query", "nonsense")], [("query", #"{app="a"} |= "x""#)],
        [("query", #"{app="a"}"#), ("aggregateBy", "moon")],
        [("query", #"{app="a"}"#), ("targetLabels", "a) or (b")],
        [("query", #"{app="a"}"#), ("targetLabels", "9")],
    ])
    func whatIsNoQuestionIsRefused(_ parameters: [(String, String)]) {
        #expect(throws: (any Error).self) { try Self.question(parameters) }
    }

    @Test func mostBytesComeFirst() {
        var volumes = LogVolumes(isByLabel: false)
        volumes.add(Labels(["app": "a"]), [1_000], [5])
        volumes.add(Labels(["app": "b"]), [1_000, 2_000], [5, 6])
        #expect(
            String(
                decoding: volumes.answer(limit: 1, isRange: true, warnings: []), as: UTF8.self)
                == #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"app":"b"},"#
                + #""values":[[1,"5"],[2,"6"]]}],"stats":{}}}"#)
    }

    @Test func byLabelEachNameCountsAllItsStreams() {
        var volumes = LogVolumes(isByLabel: true)
        volumes.add(Labels(["app": "a", "env": "x"]), [1_000], [5])
        volumes.add(Labels(["app": "b"]), [1_000], [2])
        #expect(
            String(
                decoding: volumes.answer(limit: 9, isRange: false, warnings: []), as: UTF8.self)
                == #"{"status":"success","data":{"resultType":"vector","result":["#
                + #"{"metric":{"app":""},"value":[1,"7"]},{"metric":{"env":""},"value":[1,"5"]}"#
                + #"],"stats":{}}}"#)
    }

    @Test func linesOfAStreamKeepTheirDistance() {
        let streams = ["a", "b"].map {
            LogStreamLabels(
                labels: Labels([("app", $0)]), stream: Labels([("app", $0)]), metadata: .empty,
                parsed: .empty)
        }
        var batch = LogEntryBatch(streams: streams)
        for (stream, nanos) in [(0, 100), (0, 95), (1, 94), (0, 90), (0, 80)] {
            batch.lines.append(
                streamIndex: UInt32(stream), timestamp: Int64(nanos), line: [0x61])
        }
        var thinning = LineThinning(intervalNanos: 10)
        #expect(thinning.thinned(batch, limit: 3).lines.timestamps == [100, 94, 90])
        #expect(thinning.thinned(batch, limit: 9).lines.timestamps == [100, 90, 80])
    }
}
