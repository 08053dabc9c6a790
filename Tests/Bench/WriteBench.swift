import Encoding
import Glibc
import Ingest
import Model
import Platform
import Storage

/// Samples from a request's bytes to compacted files, without the journal: parse, encode, apply,
/// seal every hour, compact at the end. The first request of each series is a row of its own.
func writeBench() -> [BenchRow] {
    let isSmall = unsafe getenv("BENCH_SMALL") != nil
    let hosts = isSmall ? 100 : 1_000
    let steps = isSmall ? 60 : 720
    var rows: [BenchRow] = []
    do {
        let lines = InfluxRequests(hostCount: hosts)
        rows += try WriteLoad(name: "Influx lines", stepCount: steps).measure { step in
            let body = lines.body(step)
            return { (cache: inout SeriesCache) throws in
                try InfluxBody.parse(
                    body, tenant: .standard, now: Timestamp(nanos: 0), limits: IngestLimits(),
                    cache: &cache
                ).batch
            }
        }
        var requests = RemoteWriteRequests(seriesCount: 3 * hosts)
        rows += try WriteLoad(name: "remote write", stepCount: steps).measure { step in
            let body = requests.body(step)
            return { (cache: inout SeriesCache) throws in
                try RemoteWriteBody.parse(
                    body, tenant: .standard, limits: IngestLimits(), cache: &cache
                ).batch
            }
        }
    } catch { print("write bench: \(error)") }
    return rows
}

private struct WriteLoad {
    typealias Parser = (inout SeriesCache) throws -> WriteBatch

    let name: String
    let stepCount: Int

    /// `prepare` makes a step's request, which is not measured; what it returns parses it, which is.
    func measure(_ prepare: (Int) -> Parser) throws -> [BenchRow] {
        let disk = try LocalDisk(root: "/tmp/varve-bench-\(getpid())-write")
        defer { try? disk.removeTree("shard") }
        let shard = try Shard.open(
            disk: disk, directory: "shard", number: 0, telemetry: Telemetry())
        var cache = SeriesCache(seed: 1)
        var index: UInt64 = 0
        var samples = 0
        var spent = (first: 0.0, parse: 0.0, apply: 0.0, seal: 0.0, compact: 0.0)
        for step in 0..<stepCount {
            let parse = prepare(step)
            let start = Stopwatch.cpuSeconds()
            var batch = try parse(&cache)
            if step > 0 { for at in batch.series.indices { batch.series[at].labels = nil } }
            let payload = ShardCommand.payload(ofEncodedBatch: batch.encoded())
            let parsed = Stopwatch.cpuSeconds()
            index += 1
            _ = try shard.apply(index: index, payload: payload)
            let applied = Stopwatch.cpuSeconds()
            if step == 0 {
                spent.first = applied - start
            } else {
                samples += batch.samples.count
                spent.parse += parsed - start
                spent.apply += applied - parsed
            }
            if step % 360 == 359 || step == stepCount - 1 {
                index += 1
                let time = Timestamp(
                    nanos: MetricGenerator.start + Int64(step) * MetricGenerator.stepNanos)
                _ = try shard.apply(index: index, payload: ShardCommand.seal(at: time).encoded())
                try shard.runJobs()
                spent.seal += Stopwatch.cpuSeconds() - applied
            }
        }
        let start = Stopwatch.cpuSeconds()
        index += 1
        let compact = ShardCommand.compact(
            signal: .metrics, inputs: shard.manifest.segments.map(\.name), level: 1,
            dropBefore: .distantPast)
        _ = try shard.apply(index: index, payload: compact.encoded())
        try shard.runJobs()
        spent.compact = Stopwatch.cpuSeconds() - start
        func micros(_ seconds: Double) -> String {
            String(Double(Int(seconds / Double(samples) * 1e10)) / 1e4)
        }
        let all = spent.parse + spent.apply + spent.seal + spent.compact
        let series = shard.seriesCount
        return [
            BenchRow(
                room: "storage", name: "\(name): parse, apply, seal, compact", unit: "µs/sample",
                goal: 0.8, reached: all / Double(samples) * 1e6, higherIsBetter: false,
                note: "\(micros(spent.parse)) + \(micros(spent.apply)) + \(micros(spent.seal))"
                    + " + \(micros(spent.compact)), \(series) series, "
                    + (shard.manifest.segments.first?.name ?? "FAILED")),
            BenchRow(
                room: "storage", name: "\(name): a new series, parsed and applied",
                unit: "µs/series", goal: 10,
                reached: spent.first / Double(series) * 1e6, higherIsBetter: false),
        ]
    }
}

/// One request per step with three fields of every host.
private struct InfluxRequests {
    let hostCount: Int

    func body(_ step: Int) -> [UInt8] {
        let nanos = MetricGenerator.start + Int64(step) * MetricGenerator.stepNanos
        var body: [UInt8] = []
        for host in 0..<hostCount {
            let wave = (host * 7 + step * 13) % 50
            body += Array(
                ("cpu,host=host-\(host),region=eu,zone=a usage_user=\(wave).5,"
                    + "usage_system=\(wave / 3)i,usage_idle=\(100 - wave) \(nanos)\n").utf8)
        }
        return body
    }
}

/// One request per step with a sample of every series: one body whose values and times are put in
/// anew.
private struct RemoteWriteRequests {
    private var bytes: [UInt8] = []
    /// Where the value of each series is; its time is 9 bytes on.
    private var places: [Int] = []

    init(seriesCount: Int) {
        for index in 0..<seriesCount {
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
            var sample: [UInt8] = [0x09] + [UInt8](repeating: 0, count: 8) + [0x10]
            Varint.append(UInt64(MetricGenerator.start / 1_000_000), to: &sample)
            bytes += field(1, series + field(2, sample))
            places.append(bytes.count - sample.count + 1)
        }
    }

    mutating func body(_ step: Int) -> [UInt8] {
        let nanos = MetricGenerator.start + Int64(step) * MetricGenerator.stepNanos
        var time: [UInt8] = []
        Varint.append(UInt64(nanos / 1_000_000), to: &time)
        for (index, place) in places.enumerated() {
            let value = Double(step * (40 + index % 20) + (step * 31 + index * 17) % 13)
            for byte in 0..<8 {
                bytes[place + byte] = UInt8(truncatingIfNeeded: value.bitPattern >> (8 * byte))
            }
            bytes.replaceSubrange(place + 9..<place + 9 + time.count, with: time)
        }
        return bytes
    }

    private func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        var bytes = [number << 3 | 2]
        Varint.append(UInt64(content.count), to: &bytes)
        return bytes + content
    }
}
