internal import Model
internal import Query

/// What can be asked of logs besides their labels: `detected_labels`, `detected_fields` and
/// `detected_field/{name}/values`, as Logs Drilldown calls them.
/// Source: Grafana Loki documentation, "HTTP API".
extension LokiAPI {
    /// Lines that are looked at, the newest first; Loki's standard and bound.
    private static let fieldLinesStandard = 1_000
    private static let fieldLinesMax = 5_000
    private static let fieldsStandard = 1_000
    private static let fieldsMax = 10_000
    /// Labels that are always worth showing.
    private static let placeLabels: Set<String> = ["cluster", "namespace", "instance", "pod"]

    /// Parameters: `query`, a selector, may be missing; `start`, `end`, `since`. Labels whose
    /// values are all ids or numbers are left out.
    func detectedLabels(_ call: HTTPCall) async throws -> HTTPAnswer {
        let answer = try await context.querier.labelSets(try labelRequest(call))
        var values: [String: Set<String>] = [:]
        for labels in answer.values {
            for pair in labels.pairs { values[pair.name, default: []].insert(pair.value) }
        }
        let kept = values.filter { name, values in
            LokiAPI.placeLabels.contains(name) || !values.allSatisfy(LokiAPI.isID)
        }
        var json = JSONWriter()
        json.raw("{\"detectedLabels\":[")
        for (index, (name, values)) in kept.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { json.comma() }
            json.raw("{\"label\":")
            json.string(name)
            json.raw(",\"cardinality\":\(values.count)}")
        }
        json.raw("]}")
        return .json(json.bytes)
    }

    /// Parameters: `query`; `start`, `end`, `since`; `line_limit`; `limit`, of fields.
    func detectedFields(_ call: HTTPCall) async throws -> HTTPAnswer {
        .json(try await detect(call, fieldCountMax: try fieldLimit(call)).answer)
    }

    /// As `detected_fields`; `limit` is of values.
    func detectedValues(_ call: HTTPCall) async throws -> HTTPAnswer {
        let limit = try fieldLimit(call)
        let found = try await detect(call, fieldCountMax: LokiAPI.fieldsMax)
        let values = found.fields[call.pathValues["name"] ?? ""]?.values.sorted() ?? []
        var json = JSONWriter()
        json.raw("{\"values\":")
        json.array(Array(values.prefix(limit)))
        json.raw(",\"limit\":\(limit)}")
        return .json(json.bytes)
    }

    private func detect(
        _ call: HTTPCall, fieldCountMax: Int
    ) async throws -> DetectedFields {
        let query = try LogQLQuery(try call.required("query"))
        guard query.kind == .lines else {
            throw HTTPFailure.invalid("query", "it is about numbers, not lines")
        }
        let lineLimit = try call.count("line_limit") ?? LokiAPI.fieldLinesStandard
        guard 1...LokiAPI.fieldLinesMax ~= lineLimit else {
            throw HTTPFailure.invalid("line_limit", "1 to \(LokiAPI.fieldLinesMax) is expected")
        }
        let (start, end) = try span(call)
        let request = LogQLRequest(
            tenant: call.tenant, query: query, start: start, end: end, limit: lineLimit,
            direction: .backward, budget: try context.budget(for: call))
        var fields = try DetectedFields(fieldCountMax: fieldCountMax)
        _ = try await engine.stream(request) { batch in
            fields.add(batch)
            return true
        }
        return fields
    }

    private func fieldLimit(_ call: HTTPCall) throws(HTTPFailure) -> Int {
        let name = call.parameters["field_limit"] == nil ? "limit" : "field_limit"
        let limit = try call.count(name) ?? LokiAPI.fieldsStandard
        guard 1...LokiAPI.fieldsMax ~= limit else {
            throw HTTPFailure.invalid(name, "1 to \(LokiAPI.fieldsMax) is expected")
        }
        return limit
    }

    /// A number or a UUID.
    private static func isID(_ value: String) -> Bool {
        if Double(value) != nil { return true }
        let bytes = Array(value.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.indices.allSatisfy { place in
            [8, 13, 18, 23].contains(place)
                ? bytes[place] == UInt8(ascii: "-")
                : Character(UnicodeScalar(bytes[place])).isHexDigit
        }
    }
}
