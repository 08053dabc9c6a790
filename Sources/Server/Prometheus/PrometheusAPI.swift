internal import Model
internal import Query

/// The Prometheus HTTP API, as Grafana's Prometheus data source calls it: GET with a query string
/// or POST with a form. Source: Prometheus documentation, "HTTP API".
struct PrometheusAPI: Sendable {
    let engine: PromQLEngine
    let context: QueryContext

    func addRoutes(to table: inout RouteTable) {
        let both: [HTTPCall.Method] = [.get, .post]
        for prefix in ["/api/v1", "/prometheus/api/v1"] {
            table.add(both, "\(prefix)/query", .query, query)
            table.add(both, "\(prefix)/query_range", .query, queryRange)
            table.add(both, "\(prefix)/series", .query, series)
            table.add(both, "\(prefix)/labels", .query, labels)
            table.add([.get], "\(prefix)/label/{name}/values", .query, labelValues)
            table.add([.get], "\(prefix)/metadata", .query, metadata)
            table.add(both, "\(prefix)/format_query", .quick, formatQuery)
            table.add(both, "\(prefix)/parse_query", .quick, parseQuery)
        }
    }

    func query(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = try call.required("query")
        let time = try call.time("time") ?? context.now()
        let budget = try context.budget(for: call)
        let answer = try await engine(for: call).instant(
            text, at: time, tenant: call.tenant, querier: context.querier, budget: budget)
        return .json(PrometheusJSON.answer(answer.limited(to: try call.count("limit") ?? 0)))
    }

    func queryRange(_ call: HTTPCall) async throws -> HTTPAnswer {
        let text = try call.required("query")
        guard let start = try call.time("start") else {
            throw HTTPFailure.invalid("start", "it is missing")
        }
        guard let end = try call.time("end") else {
            throw HTTPFailure.invalid("end", "it is missing")
        }
        guard end >= start else {
            throw HTTPFailure.invalid("end", "end timestamp must not be before start time")
        }
        guard let step = TimeText.duration(try call.required("step")), step > 0 else {
            throw HTTPFailure.invalid(
                "step", "a duration above zero is expected, like 15s or 15")
        }
        let (span, overflow) = end.nanos.subtractingReportingOverflow(start.nanos)
        guard !overflow, span / step <= context.limits.pointsPerSeriesMax else {
            throw HTTPFailure.badData(
                "exceeded maximum resolution of \(context.limits.pointsPerSeriesMax) points per "
                    + "timeseries. Try decreasing the query resolution (?step=XX)")
        }
        let budget = try context.budget(for: call)
        let answer = try await engine(for: call).range(
            text, start: start, end: end, stepNanos: step, tenant: call.tenant,
            querier: context.querier, budget: budget
        ).limited(to: try call.count("limit") ?? 0)
        // What is to be compressed is compressed as a whole.
        guard PrometheusJSON.isLarge(answer), !call.acceptsGzip else {
            return .json(PrometheusJSON.answer(answer))
        }
        return HTTPAnswer(
            contentType: "application/json",
            body: .stream { write in try await PrometheusJSON.stream(answer, write) })
    }

    func series(_ call: HTTPCall) async throws -> HTTPAnswer {
        let texts = call.parameters.all("match")
        guard !texts.isEmpty else { throw HTTPFailure.badData("no match[] parameter provided") }
        let request = try labelRequest(call)
        return .json(PrometheusJSON.answer(try await context.querier.labelSets(request)))
    }

    func labels(_ call: HTTPCall) async throws -> HTTPAnswer {
        let names = try await context.querier.labelNames(try labelRequest(call))
        return .json(PrometheusJSON.answer(names))
    }

    func labelValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        let name = LabelNameText.decoded(call.pathValues["name"] ?? "")
        guard !name.isEmpty else { throw HTTPFailure.badData("invalid label name: \"\"") }
        let values = try await context.querier.labelValues(name, try labelRequest(call))
        return .json(PrometheusJSON.answer(values))
    }

    func metadata(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try call.count("limit") ?? Int.max
        let entries = try await context.querier.metadata(
            tenant: call.tenant, metric: call.parameters["metric"])
        return .json(
            PrometheusJSON.success { json in
                json.raw("{")
                var previous: String?
                var metricCount = 0
                for entry in entries {
                    if entry.metric == previous {
                        json.comma()
                    } else {
                        guard metricCount < limit else { break }
                        if previous != nil { json.raw("],") }
                        metricCount += 1
                        json.string(entry.metric)
                        json.raw(":[")
                        previous = entry.metric
                    }
                    write(entry, to: &json)
                }
                json.raw(previous == nil ? "}" : "]}")
            })
    }

    func formatQuery(_ call: HTTPCall) async throws -> HTTPAnswer {
        let expression = try PromQLEngine.parseOnly(try call.required("query"))
        return .json(PrometheusJSON.success { $0.string(String(describing: expression)) })
    }

    func parseQuery(_ call: HTTPCall) async throws -> HTTPAnswer {
        let expression = try PromQLEngine.parseOnly(try call.required("query"))
        return .json(PrometheusJSON.success { SyntaxTreeJSON.write(expression, to: &$0) })
    }

    /// With what `lookback_delta` and `stats` say.
    private func engine(for call: HTTPCall) throws(HTTPFailure) -> PromQLEngine {
        var options = engine.options
        if let text = call.parameters["lookback_delta"], !text.isEmpty {
            guard let nanos = TimeText.duration(text), nanos > 0 else {
                throw HTTPFailure.invalid("lookback_delta", "a duration above zero is expected")
            }
            options.lookbackNanos = nanos
        }
        if let text = call.parameters["stats"], !text.isEmpty {
            options.statistics = text == "all" ? .perStep : .totals
        }
        return PromQLEngine(options: options, clock: engine.clock)
    }

    private func labelRequest(_ call: HTTPCall) throws -> LabelRequest {
        var alternatives: [[Matcher]] = []
        for text in call.parameters.all("match") {
            alternatives.append(try PromQLEngine.parseSelector(text))
        }
        let end = try call.time("end")
        return LabelRequest(
            tenant: call.tenant, signal: .metrics,
            selector: alternatives.isEmpty
                ? .everything : Selector(alternatives: alternatives),
            start: try call.time("start") ?? .distantPast,
            end: end.map { $0.advanced(byNanos: 1) } ?? .distantFuture,
            limit: try call.count("limit").flatMap { $0 == 0 ? nil : $0 },
            budget: try context.budget(for: call))
    }

    private func write(_ entry: MetricMetadata, to json: inout JSONWriter) {
        json.raw("{\"type\":")
        json.string(entry.kind.text)
        json.raw(",\"help\":")
        json.string(entry.help)
        json.raw(",\"unit\":")
        json.string(entry.unit)
        json.raw("}")
    }
}

extension QueryAnswer {
    /// The first `seriesMax` series of a vector or matrix, and a warning when there were more; 0: all.
    func limited(to seriesMax: Int) -> QueryAnswer {
        var limited = self
        switch value {
        case .vector(let samples) where seriesMax > 0 && samples.count > seriesMax:
            limited.value = .vector(Array(samples.prefix(seriesMax)))
        case .matrix(let series) where seriesMax > 0 && series.count > seriesMax:
            limited.value = .matrix(Array(series.prefix(seriesMax)))
        default: return self
        }
        limited.warnings.append("results truncated due to limit")
        return limited
    }
}

extension MetricMetadata.Kind {
    /// As in the exposition format's TYPE line.
    package var text: String {
        switch self {
        case .unknown: "unknown"
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .gaugeHistogram: "gaugehistogram"
        case .summary: "summary"
        case .info: "info"
        case .stateSet: "stateset"
        }
    }
}

/// Label names in paths: names beyond `[a-zA-Z0-9_:]` are escaped as `U__…` there.
/// Source: Prometheus, "UTF-8 in Prometheus", values escaping scheme.
enum LabelNameText {
    static func decoded(_ name: String) -> String {
        guard name.hasPrefix("U__") else { return name }
        var result = ""
        var rest = name.dropFirst(3)
        while let character = rest.popFirst() {
            guard character == "_" else {
                result.append(character)
                continue
            }
            if rest.first == "_" {
                rest.removeFirst()
                result.append("_")
                continue
            }
            guard let end = rest.firstIndex(of: "_"),
                let code = UInt32(rest[..<end], radix: 16), let scalar = Unicode.Scalar(code)
            else { return name }
            result.unicodeScalars.append(scalar)
            rest = rest[rest.index(after: end)...]
        }
        return result
    }
}
