internal import Encoding
internal import Ingest
internal import Model

/// Syslog, remote write, Influx lines and Loki pushes, from bytes to batches. statsd has a file of
/// its own.
func ingestBench() -> [BenchRow] {
    [syslogRow(), logspoutRow()] + remoteWriteRows() + influxRows() + lokiRows()
}

private let arrival: Int64 = 1_795_521_600_000_000_000

/// Frames and parses a connection's bytes, read by read.
private func syslogSeconds(_ text: [UInt8]) -> (seconds: Double, lineCount: Int) {
    var intake = SyslogIntake(options: SyslogOptions(), seed: 1)
    var lineCount = 0
    let seconds = Stopwatch.best(runs: 5) {
        var framer = SyslogFramer(frameBytesMax: 1 << 18)
        var continuation = SyslogIntake.Continuation()
        lineCount = 0
        for start in stride(from: 0, to: text.count, by: 65_536) {
            framer.append(text[start..<min(start + 65_536, text.count)])
            intake.drain(&framer, &continuation, isOver: false, arrival: arrival)
            if intake.batchBytes > 1 << 20 { lineCount += intake.takeBatch().lines.count }
        }
        lineCount += intake.takeBatch().lines.count
    }
    return (seconds, lineCount)
}

private func syslogRow() -> BenchRow {
    let text = (0..<50_000).map { (index: Int) -> String in
        "<\(index % 192)>1 2026-11-24T11:5\(index % 10):07.123456Z host-\(index % 50)"
            + " app-\(index % 20) \(index) ID47 [meta@32473 seq=\"\(index)\"] request \(index) "
            + "took \(index % 977) ms for GET /api/v1/things/\(index * 7919)\n"
    }.joined()
    let (seconds, lineCount) = syslogSeconds(Array(text.utf8))
    return BenchRow(
        room: "Ingest", name: "syslog RFC 5424, framed, parsed, batched", unit: "M lines/s",
        goal: 1, reached: Double(lineCount) / seconds / 1e6,
        note: "\(text.utf8.count / lineCount) B/line, one SD element, 4,800 streams")
}

private func logspoutRow() -> BenchRow {
    let text = (0..<50_000).map { (index: Int) -> String in
        "<14>1 2026-11-24T11:5\(index % 10):07Z host-\(index % 5) web.\(index % 20) \(index % 97)"
            + " - - request \(index) took \(index % 977) ms for GET /api/v1/\(index * 7919)\n"
    }.joined()
    let (seconds, lineCount) = syslogSeconds(Array(text.utf8))
    return BenchRow(
        room: "Ingest", name: "syslog as logspout sends it", unit: "M lines/s", goal: 1,
        reached: Double(lineCount) / seconds / 1e6,
        note: "\(text.utf8.count / lineCount) B/line, 100 streams")
}

private func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [number << 3 | 2]
    Varint.append(UInt64(content.count), to: &bytes)
    return bytes + content
}

/// Requests of 2,000 series with one sample each, nine labels per series.
private func remoteWriteRequests(seriesCount: Int) -> [[UInt8]] {
    (0..<seriesCount / 2000).map { request in
        var body: [UInt8] = []
        for index in request * 2000..<(request + 1) * 2000 {
            let labels = [
                ("__name__", "node_network_receive_bytes_total"), ("cluster", "prod-eu-1"),
                ("device", "eth\(index % 8)"), ("env", "production"),
                ("instance", "10.0.\(index / 2048).\(index / 8 % 256):9100"),
                ("job", "node-exporter"), ("rack", "r\(index % 40)"), ("team", "platform"),
                ("zone", "eu-1\(["a", "b", "c"][index % 3])"),
            ]
            var series: [UInt8] = []
            for (name, value) in labels {
                series += field(1, field(1, Array(name.utf8)) + field(2, Array(value.utf8)))
            }
            var sample: [UInt8] = [0x09]
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                sample.append(UInt8(truncatingIfNeeded: Double(index).bitPattern >> shift))
            }
            sample.append(0x10)
            Varint.append(1_795_521_600_000, to: &sample)
            body += field(1, series + field(2, sample))
        }
        return body
    }
}

private func remoteWriteRows() -> [BenchRow] {
    [2000, 100_000].map { seriesCount in
        let requests = remoteWriteRequests(seriesCount: seriesCount)
        var cache = SeriesCache(seed: 1)
        var sampleCount = 0
        let seconds = Stopwatch.best(runs: 5) {
            sampleCount = 0
            for request in requests {
                do {
                    sampleCount += try RemoteWriteBody.parse(
                        request, tenant: .standard, limits: IngestLimits(), cache: &cache
                    ).batch.samples.count
                } catch {
                    preconditionFailure("BUG: \(error)")
                }
            }
        }
        return BenchRow(
            room: "Ingest", name: "remote write, one sample per series", unit: "ns/sample",
            goal: 250, reached: seconds / Double(sampleCount) * 1e9, higherIsBetter: false,
            note: "\(seriesCount) known series, nine labels, after snappy")
    }
}

private func influxRows() -> [BenchRow] {
    [1000, 50_000].map { hostCount in
        let text = (0..<50_000).map { (index: Int) -> String in
            "cpu,host=host-\(index % hostCount),region=eu,zone=a usage_user=\(index % 100).5,"
                + "usage_system=\(index % 50)i,usage_idle=\(index % 10) "
                + "1795521600000000\(index % 1000)"
        }.joined(separator: "\n")
        let body = Array(text.utf8)
        var cache = SeriesCache(seed: 1)
        let seconds = Stopwatch.best(runs: 5) {
            do {
                let parsed = try InfluxBody.parse(
                    body, tenant: .standard, now: Timestamp(nanos: 0), limits: IngestLimits(),
                    cache: &cache)
                precondition(parsed.batch.samples.count == 150_000)
            } catch {
                preconditionFailure("BUG: \(error)")
            }
        }
        return BenchRow(
            room: "Ingest", name: "Influx lines of three fields, \(hostCount) hosts",
            unit: "M lines/s", goal: 2, reached: 0.05 / seconds,
            note: "\(body.count / 50_000) B/line")
    }
}

private func lokiRows() -> [BenchRow] {
    let plain = (0..<20_000).map { (index: Int) -> String in
        "[\"17955216000000\(10_000 + index)\",\"request \(index) took \(index % 977) ms for GET "
            + "/api/v1/things/\(index * 7919) from 10.0.0.\(index % 9)\",{\"trace\":\"\(index)\"}]"
    }
    let escaped = (0..<20_000).map { (index: Int) -> String in
        "[\"17955216000000\(10_000 + index)\",\"{\\\"msg\\\":\\\"request\\\",\\\"id\\\":\(index),"
            + "\\\"path\\\":\\\"/api/v1/things\\\",\\\"took\\\":\(index % 977)}\"]"
    }
    return [("plain lines", plain), ("JSON in JSON", escaped)].map { name, values in
        let body = Array(
            ("{\"streams\":[{\"stream\":{\"app\":\"web\"},\"values\":["
                + values.joined(separator: ",") + "]}]}").utf8)
        var cache = SeriesCache(seed: 1)
        let seconds = Stopwatch.best(runs: 5) {
            do {
                let parsed = try LokiBody.parseJSON(
                    body, tenant: .standard, limits: IngestLimits(), cache: &cache)
                precondition(parsed.batch.lines.count == 20_000)
            } catch {
                preconditionFailure("BUG: \(error)")
            }
        }
        return BenchRow(
            room: "Ingest", name: "Loki push JSON, \(name)", unit: "MB/s", goal: nil,
            reached: Double(body.count) / seconds / 1e6,
            note: "\(body.count / 20_000) B/line")
    }
}
