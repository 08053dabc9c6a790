import Encoding
import Ingest
import Model
import Testing

@Suite struct PushBodiesTests {
    let bodies = PushBodies(caches: SeriesCaches(seed: 1, count: 2))

    @Test func remoteWriteIsSnappyUnlessSaidOtherwise() throws {
        let body = RemoteWriteBodyTests.example
        for (bytes, coding) in [
            (SnappyBlock.compress(body), nil), (SnappyBlock.compress(body), "snappy"),
            (body, "identity"), (Gzip.compress(body), "gzip"),
        ] {
            let parsed = try bodies.remoteWrite(
                bytes, contentType: "application/x-protobuf", contentEncoding: coding,
                version: "0.1.0", tenant: .standard)
            #expect(parsed.batch.samples.count == 3)
        }
        do {
            _ = try bodies.remoteWrite(
                body, contentType: nil, contentEncoding: "br", version: nil, tenant: .standard)
            Issue.record("brotli is not spoken")
        } catch {
            #expect(error.httpStatus == 415)
        }
        do {
            _ = try bodies.remoteWrite(
                body, contentType: nil, contentEncoding: nil, version: nil, tenant: .standard)
            Issue.record("that was not snappy")
        } catch {
            #expect(error.httpStatus == 400)
        }
    }

    @Test func lokiTellsJSONFromProtobuf() throws {
        let json = Array(LokiBodyTests.good[2].body.utf8)
        let parsed = try bodies.loki(
            Gzip.compress(json), contentType: "application/json; charset=utf-8",
            contentEncoding: "gzip", tenant: .standard)
        #expect(parsed.batch.lines.count == 2)
        let pushed = try bodies.loki(
            SnappyBlock.compress(LokiBodyTests.push), contentType: "application/x-protobuf",
            contentEncoding: nil, tenant: .standard)
        #expect(pushed.batch.lines.count == 2)
    }

    @Test func textAndInflux() throws {
        let now = Timestamp(nanos: 5)
        let text = try bodies.prometheusText(
            Array("up 1\n".utf8), contentType: "text/plain", contentEncoding: nil,
            tenant: .standard, now: now)
        #expect(text.batch.samples.timestamps == [5])
        let influx = try bodies.influx(
            Gzip.compress(Array("up value=1\n".utf8)), options: .init(), contentEncoding: "gzip",
            tenant: .standard, now: now)
        #expect(influx.batch.series == text.batch.series)
    }
}
