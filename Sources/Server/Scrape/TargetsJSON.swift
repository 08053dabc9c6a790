internal import Ingest
internal import Model

/// Targets as Prometheus' API writes them.
enum TargetsJSON {
    /// What Go writes for no time.
    private static let never = "0001-01-01T00:00:00Z"

    static func writeActive(_ pools: [ScrapePool], to json: inout JSONWriter) {
        json.raw("[")
        var isFirst = true
        for pool in pools {
            for loop in pool.loops {
                if !isFirst { json.comma() }
                isFirst = false
                write(loop.status, of: pool.job.name, to: &json)
            }
        }
        json.raw("]")
    }

    private static func write(
        _ status: TargetStatus, of job: String, to json: inout JSONWriter
    ) {
        let target = status.target
        json.raw("{\"discoveredLabels\":")
        json.object(target.discovered)
        json.raw(",\"labels\":")
        json.object(target.labels)
        let texts = [
            ("scrapePool", job), ("scrapeUrl", target.url), ("globalUrl", target.url),
            ("lastError", status.outcome?.failure ?? ""),
            ("lastScrape", status.outcome.map { TimeText.format($0.at, decimals: 0) } ?? never),
            ("health", status.health),
            ("scrapeInterval", DurationText.format(nanos: target.intervalNanos)),
            ("scrapeTimeout", DurationText.format(nanos: target.timeoutNanos)),
        ]
        for (name, text) in texts {
            json.raw(",\"\(name)\":")
            json.string(text)
        }
        let seconds = Double(status.outcome?.durationNanos ?? 0) / 1e9
        json.raw(",\"lastScrapeDuration\":\(seconds)}")
    }

    static func writeDropped(_ pools: [ScrapePool], to json: inout JSONWriter) {
        json.raw("[")
        var isFirst = true
        for pool in pools {
            for labels in pool.dropped {
                if !isFirst { json.comma() }
                isFirst = false
                json.raw("{\"discoveredLabels\":")
                json.object(labels)
                json.raw(",\"scrapePool\":")
                json.string(pool.job.name)
                json.raw("}")
            }
        }
        json.raw("]")
    }

    /// How many each job dropped, those that were not kept included.
    static func writeCounts(_ pools: [ScrapePool], to json: inout JSONWriter) {
        json.raw("{")
        for (index, pool) in pools.enumerated() {
            if index > 0 { json.comma() }
            json.string(pool.job.name)
            json.raw(":\(pool.droppedCount)")
        }
        json.raw("}")
    }

    /// `isNamed`: the metric is named; it is not where one was asked for.
    static func write(
        _ entry: MetricMetadata, of target: Labels, isNamed: Bool, to json: inout JSONWriter
    ) {
        json.raw("{\"target\":")
        json.object(target)
        if isNamed {
            json.raw(",\"metric\":")
            json.string(entry.metric)
        }
        json.raw(",\"type\":\"\(entry.kind.text)\",\"help\":")
        json.string(entry.help)
        json.raw(",\"unit\":")
        json.string(entry.unit)
        json.raw("}")
    }
}
