internal import Model
internal import Platform
internal import Query

/// What Prometheus' API says of the server itself: `/api/v1/status/…`. Figures of Go's runtime are
/// left out: there is none. Source: Prometheus documentation, "HTTP API", status.
struct StatusAPI: Sendable {
    /// Of the series that count: Prometheus' head block holds up to about as much.
    private static let headNanos: Int64 = 3 * 3_600_000_000_000
    private static let rowsDefault = 10
    private static let rowsMax = 10_000
    /// Series between two looks at the clock.
    private static let seriesPerCheck = 1_024

    let context: QueryContext
    let settings: Adjustable<ShownSettings>
    let started: Timestamp

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1/status", "/prometheus/api/v1/status"] {
            table.add([.get], "\(prefix)/buildinfo", .quick, buildInfo)
            table.add([.get], "\(prefix)/runtimeinfo", .quick, runtimeInfo)
            table.add([.get], "\(prefix)/flags", .quick, flags)
            table.add([.get], "\(prefix)/config", .quick, config)
            table.add([.get], "\(prefix)/tsdb", .query, tsdb)
            table.add([.get], "\(prefix)/walreplay", .quick, walReplay)
        }
    }

    func buildInfo(_ call: HTTPCall) async throws -> HTTPAnswer {
        .json(
            PrometheusJSON.success { json in
                // Clients read the version to know which functions and parameters exist.
                json.raw("{\"version\":\"3.0.0\",\"revision\":")
                json.string(context.version)
                json.raw(",\"branch\":\"varve\",\"buildUser\":\"\",\"buildDate\":\"\",")
                json.raw("\"goVersion\":\"\",\"application\":\"varve\"}")
            })
    }

    func runtimeInfo(_ call: HTTPCall) async throws -> HTTPAnswer {
        let shown = settings.value
        return .json(
            PrometheusJSON.success { json in
                let rows = [
                    ("startTime", TimeText.format(started)),
                    ("CWD", ProcessFacts.workingDirectory), ("hostname", ProcessFacts.hostName),
                    ("serverTime", TimeText.format(context.now())),
                    ("lastConfigTime", TimeText.format(shown.read)),
                    ("storageRetention", shown["retention"] ?? ""),
                ]
                json.raw("{\"reloadConfigSuccess\":true")
                for (name, value) in rows {
                    json.raw(",\"\(name)\":")
                    json.string(value)
                }
                json.raw("}")
            })
    }

    func flags(_ call: HTTPCall) async throws -> HTTPAnswer {
        .json(
            PrometheusJSON.success { json in
                json.raw("{")
                for (index, row) in settings.value.rows.enumerated() {
                    if index > 0 { json.comma() }
                    json.string(row.name)
                    json.raw(":")
                    json.string(row.value)
                }
                json.raw("}")
            })
    }

    /// The settings in force, as YAML.
    func config(_ call: HTTPCall) async throws -> HTTPAnswer {
        let lines = settings.value.rows.map { row in
            var value = JSONWriter()
            value.string(row.value)
            return "\(row.name): \(String(decoding: value.bytes, as: UTF8.self))\n"
        }
        return .json(
            PrometheusJSON.success { json in
                json.raw("{\"yaml\":")
                json.string(lines.joined())
                json.raw("}")
            })
    }

    /// Of a log that is replayed before anybody is answered there is nothing left to tell.
    func walReplay(_ call: HTTPCall) async throws -> HTTPAnswer {
        .json(
            PrometheusJSON.success {
                $0.raw("{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}")
            })
    }

    /// Cardinality of the tenant's series with samples in the last three hours, or from `start` to
    /// `end`; `limit` rows of each kind.
    func tsdb(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try call.count("limit") ?? Self.rowsDefault
        guard (1...Self.rowsMax).contains(limit) else {
            throw HTTPFailure.invalid("limit", "a number from 1 to \(Self.rowsMax) is expected")
        }
        let end = try call.time("end") ?? context.now()
        let start = try call.time("start") ?? end.advanced(byNanos: -Self.headNanos)
        let budget = try context.budget(for: call)
        let answer = try await context.querier.labelSets(
            LabelRequest(
                tenant: call.tenant, signal: .metrics, start: start,
                end: end.advanced(byNanos: 1), budget: budget))
        var cardinality = Cardinality()
        for (index, labels) in answer.values.enumerated() {
            if index.isMultiple(of: Self.seriesPerCheck) { try budget.check() }
            cardinality.add(labels)
        }
        let counted = cardinality
        return .json(
            PrometheusJSON.success(warnings: answer.completeness.missing) { json in
                json.raw("{\"headStats\":{\"numSeries\":\(counted.seriesCount)")
                json.raw(",\"numLabelPairs\":\(counted.pairCount)")
                json.raw(",\"minTime\":\(start.nanos / 1_000_000)")
                json.raw(",\"maxTime\":\(end.nanos / 1_000_000)}")
                for (name, rows) in [
                    ("seriesCountByMetricName", counted.seriesByMetric(limit)),
                    ("labelValueCountByLabelName", counted.valuesByLabel(limit)),
                    ("memoryInBytesByLabelName", counted.bytesByLabel(limit)),
                    ("seriesCountByLabelValuePair", counted.seriesByPair(limit)),
                ] { Self.write(rows, as: name, to: &json) }
                json.raw("}")
            })
    }

    private static func write(
        _ rows: [Cardinality.Row], as name: String, to json: inout JSONWriter
    ) {
        json.raw(",\"\(name)\":[")
        for (index, row) in rows.enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"name\":")
            json.string(row.name)
            json.raw(",\"value\":\(row.count)}")
        }
        json.raw("]")
    }
}

/// The settings in force, as a person gave them.
package struct ShownSettings: Sendable {
    var rows: [(name: String, value: String)] = []
    var read = Timestamp(nanos: 0)

    package init() {}

    /// `readNanos`: when they were read, on the wall clock.
    package init(_ rows: [(name: String, value: String)], readNanos: Int64) {
        self.rows = rows
        read = Timestamp(nanos: readNanos)
    }

    subscript(name: String) -> String? { rows.first { $0.name == name }?.value }
}
