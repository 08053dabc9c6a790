package import Model

/// The result of a query, ready to be written as JSON or drawn in a terminal.
package enum QueryValue: Sendable, Equatable {
    case scalar(timestampMillis: Int64, value: Double)
    case string(timestampMillis: Int64, value: String)
    /// In the order in which it is to be written.
    case vector([VectorSample])
    /// Ascending by labels.
    case matrix([MatrixSeries])
    /// Log lines. Ascending by labels, lines in the order asked for.
    case streams([StreamLines])

    package static func == (a: QueryValue, b: QueryValue) -> Bool {
        switch (a, b) {
        case (.scalar(let t, let v), .scalar(let u, let w)):
            t == u && v.bitPattern == w.bitPattern
        case (.string(let t, let v), .string(let u, let w)): t == u && v == w
        case (.vector(let v), .vector(let w)): v == w
        case (.matrix(let v), .matrix(let w)): v == w
        case (.streams(let v), .streams(let w)): v == w
        default: false
        }
    }
}

/// A number or a distribution. NaNs are compared by their bits.
package enum SampleValue: Sendable, Equatable {
    case float(Double)
    case histogram(Histogram)

    package static func == (a: SampleValue, b: SampleValue) -> Bool {
        switch (a, b) {
        case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
        case (.histogram(let x), .histogram(let y)): x == y
        default: false
        }
    }
}

/// One element of a vector.
package struct VectorSample: Sendable, Equatable {
    package var labels: Labels
    package var timestampMillis: Int64
    package var value: SampleValue

    package init(labels: Labels, timestampMillis: Int64, value: SampleValue) {
        self.labels = labels
        self.timestampMillis = timestampMillis
        self.value = value
    }
}

/// One series of a matrix. Series of a range query that have a point at every step share the
/// storage of `timestampsMillis`.
package struct MatrixSeries: Sendable, Equatable {
    package var labels: Labels
    /// Of `values`, as many; ascending.
    package var timestampsMillis: [Int64]
    package var values: [Double]
    /// Of `histograms`, as many; ascending.
    package var histogramTimestampsMillis: [Int64]
    package var histograms: [Histogram]

    package init(
        labels: Labels, timestampsMillis: [Int64], values: [Double],
        histogramTimestampsMillis: [Int64] = [], histograms: [Histogram] = []
    ) {
        self.labels = labels
        self.timestampsMillis = timestampsMillis
        self.values = values
        self.histogramTimestampsMillis = histogramTimestampsMillis
        self.histograms = histograms
    }

    /// NaNs are compared by their bits.
    package static func == (a: MatrixSeries, b: MatrixSeries) -> Bool {
        a.labels == b.labels && a.timestampsMillis == b.timestampsMillis
            && a.values.elementsEqual(b.values) { $0.bitPattern == $1.bitPattern }
            && a.histogramTimestampsMillis == b.histogramTimestampsMillis
            && a.histograms == b.histograms
    }
}

/// The lines of one stream. `lines.streamIndexes` carry no meaning here.
package struct StreamLines: Sendable, Equatable {
    package var labels: Labels
    package var lines: LineColumns

    package init(labels: Labels, lines: LineColumns) {
        self.labels = labels
        self.lines = lines
    }
}

/// A result with what its reader has to know beside it.
package struct QueryAnswer: Sendable {
    package var value: QueryValue
    /// Sentences: the result may not be what was meant.
    package var warnings: [String]
    /// Sentences: the query could be written better.
    package var infos: [String]
    /// What could not be read; to be shown as warnings too.
    package var completeness: Completeness
    /// Nil when they were not asked for.
    package var statistics: QueryStatistics?

    package init(
        value: QueryValue, warnings: [String] = [], infos: [String] = [],
        completeness: Completeness = Completeness(), statistics: QueryStatistics? = nil
    ) {
        self.statistics = statistics
        self.value = value
        self.warnings = warnings
        self.infos = infos
        self.completeness = completeness
    }
}
