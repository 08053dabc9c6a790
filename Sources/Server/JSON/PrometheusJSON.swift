internal import Model
package import Query

/// Query results as the Prometheus HTTP API writes them.
/// Source: Prometheus documentation, "HTTP API", expression query result formats.
package enum PrometheusJSON {
    /// `{"status":"success","data":{…}}` with warnings and infos where there are any.
    package static func answer(_ answer: QueryAnswer) -> [UInt8] {
        var json = JSONWriter(reserving: sizeEstimate(answer.value))
        json.raw(head)
        write(answer.value, to: &json)
        end(answer, &json)
        return json.bytes
    }

    /// The same bytes piece by piece, series after series: at no time is the whole text in memory.
    static func stream(
        _ answer: QueryAnswer, _ send: ([UInt8]) async throws -> Void
    ) async throws {
        guard case .matrix(let series) = answer.value else {
            return try await send(self.answer(answer))
        }
        var json = JSONWriter(reserving: pieceBytes)
        json.raw(head)
        json.raw(matrixHead)
        for (index, one) in series.enumerated() {
            if index > 0 { json.comma() }
            write(one, to: &json)
            if json.bytes.count >= pieceBytes { try await send(json.take()) }
        }
        json.raw("]")
        end(answer, &json)
        try await send(json.bytes)
    }

    /// Whether `stream` is worth its while.
    static func isLarge(_ answer: QueryAnswer) -> Bool {
        guard case .matrix = answer.value else { return false }
        return sizeEstimate(answer.value) > 4 * pieceBytes
    }

    private static let head = "{\"status\":\"success\",\"data\":{\"resultType\":"
    private static let matrixHead = "\"matrix\",\"result\":["
    private static let pieceBytes = 256 << 10

    private static func end(_ answer: QueryAnswer, _ json: inout JSONWriter) {
        if let statistics = answer.statistics {
            json.raw(",\"stats\":")
            write(statistics, to: &json)
        }
        json.raw("}")
        finish(&json, warnings: answer.warnings + answer.completeness.missing, infos: answer.infos)
    }

    /// `{"status":"success","data":` + what `body` writes + `}`.
    package static func success(
        warnings: [String] = [], _ body: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":")
        body(&json)
        finish(&json, warnings: warnings, infos: [])
        return json.bytes
    }

    /// Label names or values.
    static func answer(_ answer: LabelAnswer<String>) -> [UInt8] {
        success(warnings: answer.completeness.missing) { $0.array(answer.values) }
    }

    /// Label sets as objects.
    static func answer(_ answer: LabelAnswer<Labels>) -> [UInt8] {
        success(warnings: answer.completeness.missing) { json in
            json.raw("[")
            for (index, labels) in answer.values.enumerated() {
                if index > 0 { json.comma() }
                json.object(labels)
            }
            json.raw("]")
        }
    }

    private static func finish(_ json: inout JSONWriter, warnings: [String], infos: [String]) {
        if !warnings.isEmpty {
            json.raw(",\"warnings\":")
            json.array(warnings)
        }
        if !infos.isEmpty {
            json.raw(",\"infos\":")
            json.array(infos)
        }
        json.raw("}")
    }

    static func write(_ value: QueryValue, to json: inout JSONWriter) {
        switch value {
        case .scalar(let millis, let number):
            json.raw("\"scalar\",\"result\":")
            point(millis, number, to: &json)
        case .string(let millis, let text):
            json.raw("\"string\",\"result\":[")
            json.seconds(millis: millis)
            json.comma()
            json.string(text)
            json.raw("]")
        case .vector(let samples):
            json.raw("\"vector\",\"result\":[")
            for (index, sample) in samples.enumerated() {
                if index > 0 { json.comma() }
                write(sample, to: &json)
            }
            json.raw("]")
        case .matrix(let series):
            json.raw(matrixHead)
            for (index, one) in series.enumerated() {
                if index > 0 { json.comma() }
                write(one, to: &json)
            }
            json.raw("]")
        case .streams(let streams):
            json.raw("\"streams\",\"result\":")
            LokiJSON.write(streams, to: &json)
        }
    }

    private static func write(_ sample: VectorSample, to json: inout JSONWriter) {
        json.raw("{\"metric\":")
        json.object(sample.labels)
        switch sample.value {
        case .float(let number):
            json.raw(",\"value\":")
            point(sample.timestampMillis, number, to: &json)
        case .histogram(let histogram):
            json.raw(",\"histogram\":")
            point(sample.timestampMillis, histogram, to: &json)
        }
        json.raw("}")
    }

    private static func write(_ series: MatrixSeries, to json: inout JSONWriter) {
        json.raw("{\"metric\":")
        json.object(series.labels)
        if !series.values.isEmpty {
            json.raw(",\"values\":[")
            json.points(series.timestampsMillis, series.values)
            json.raw("]")
        }
        if !series.histograms.isEmpty {
            json.raw(",\"histograms\":[")
            for index in series.histograms.indices {
                if index > 0 { json.comma() }
                point(
                    series.histogramTimestampsMillis[index], series.histograms[index], to: &json)
            }
            json.raw("]")
        }
        json.raw("}")
    }

    private static func point(_ millis: Int64, _ value: Double, to json: inout JSONWriter) {
        json.raw("[")
        json.seconds(millis: millis)
        json.comma()
        json.quoted(value)
        json.raw("]")
    }

    private static func point(_ millis: Int64, _ value: Histogram, to json: inout JSONWriter) {
        json.raw("[")
        json.seconds(millis: millis)
        json.raw(",{\"count\":")
        json.quoted(value.count)
        json.raw(",\"sum\":")
        json.quoted(value.sum)
        let buckets = value.allBuckets
        if !buckets.isEmpty {
            json.raw(",\"buckets\":[")
            for (index, bucket) in buckets.enumerated() {
                if index > 0 { json.comma() }
                json.raw("[\(boundaryRule(of: bucket)),")
                json.quoted(bucket.lower)
                json.comma()
                json.quoted(bucket.upper)
                json.comma()
                json.quoted(bucket.count)
                json.raw("]")
            }
            json.raw("]")
        }
        json.raw("}]")
    }

    /// Which bounds belong to a bucket: 0 the upper, 1 the lower, 3 both.
    private static func boundaryRule(of bucket: HistogramBucket) -> Int {
        if bucket.lower < 0, bucket.upper > 0, bucket.lower == -bucket.upper { return 3 }
        return bucket.upper <= 0 && bucket.lower.isFinite ? 1 : 0
    }

    /// Queries do not wait in a queue: those that find no place are refused.
    static func write(_ statistics: QueryStatistics, to json: inout JSONWriter) {
        func seconds(_ name: String, _ nanos: Int64) {
            json.raw("\"\(name)\":")
            json.raw(NumberText.format(Double(nanos) / 1e9))
        }
        json.raw("{\"timings\":{")
        seconds("evalTotalTime", statistics.evaluationNanos)
        json.comma()
        seconds("resultSortTime", statistics.resultSortNanos)
        json.comma()
        seconds("queryPreparationTime", statistics.preparationNanos)
        json.comma()
        seconds("innerEvalTime", statistics.innerEvaluationNanos)
        json.raw(",\"execQueueTime\":0,")
        seconds("execTotalTime", statistics.evaluationNanos)
        json.raw("},\"samples\":{")
        if !statistics.samplesPerStep.isEmpty {
            json.raw("\"totalQueryableSamplesPerStep\":[")
            for (index, step) in statistics.samplesPerStep.enumerated() {
                if index > 0 { json.comma() }
                json.raw("[")
                json.seconds(millis: step.timestampMillis)
                json.raw(",\(step.count)]")
            }
            json.raw("],")
        }
        json.raw("\"totalQueryableSamples\":\(statistics.totalQueryableSamples),")
        json.raw("\"peakSamples\":\(statistics.peakSamples)}}")
    }

    private static func sizeEstimate(_ value: QueryValue) -> Int {
        switch value {
        case .matrix(let series):
            64 + series.reduce(0) { $0 + 2 * $1.labels.bytes.count + 64 + $1.values.count * 26 }
        case .vector(let samples): 64 + samples.reduce(0) { $0 + 2 * $1.labels.bytes.count + 96 }
        default: 256
        }
    }
}
