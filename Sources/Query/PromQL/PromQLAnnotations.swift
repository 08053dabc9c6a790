/// What a query's reader should know beside the result, each sentence once, in order of discovery.
/// Belongs to one evaluation.
final class PromQLAnnotations {
    /// At most so many of each kind; one more sentence says how many were left out.
    static let countMax = 10

    private let text: [UInt8]
    private var seen: Set<String> = []
    private var warningList: [String] = []
    private var infoList: [String] = []

    init(text: [UInt8]) { self.text = text }

    func warn(_ sentence: String, at range: Range<Int>) {
        add("PromQL warning: " + sentence, range, to: &warningList)
    }

    func inform(_ sentence: String, at range: Range<Int>) {
        add("PromQL info: " + sentence, range, to: &infoList)
    }

    var warnings: [String] { capped(warningList, "warning") }
    var infos: [String] { capped(infoList, "info") }

    private func add(_ sentence: String, _ range: Range<Int>, to list: inout [String]) {
        let position = QueryPosition(offset: range.lowerBound, in: text)
        let whole = "\(sentence) (\(position.line):\(position.column))"
        if seen.insert(whole).inserted { list.append(whole) }
    }

    private func capped(_ list: [String], _ kind: String) -> [String] {
        guard list.count > PromQLAnnotations.countMax else { return list }
        let left = list.count - PromQLAnnotations.countMax
        return list.prefix(PromQLAnnotations.countMax)
            + ["\(left) more \(kind) annotations omitted"]
    }
}

extension PromQLAnnotations {
    func mixedFloatsAndHistograms(_ metric: String, at range: Range<Int>) {
        warn(
            "encountered a mix of histograms and floats for metric name "
                + QuotedText.quote(metric), at: range)
    }

    func mixedInAggregation(at range: Range<Int>) {
        warn("encountered a mix of histograms and floats for aggregation", at: range)
    }

    func histogramIgnored(in aggregation: String, at range: Range<Int>) {
        inform("ignored histogram in \(aggregation) aggregation", at: range)
    }

    func histogramsIgnoredInRange(_ metric: String, at range: Range<Int>) {
        inform(
            "ignored histograms in a range containing both floats and histograms for metric name "
                + QuotedText.quote(metric), at: range)
    }

    func mixedSchemas(_ metric: String, at range: Range<Int>) {
        warn(
            "vector contains a mix of histograms with exponential and custom buckets schemas for "
                + "metric name \(QuotedText.quote(metric))", at: range)
    }

    func notCounter(_ metric: String, at range: Range<Int>) {
        warn(
            "this native histogram metric is not a counter: \(QuotedText.quote(metric))",
            at: range)
    }

    func notGauge(_ metric: String, at range: Range<Int>) {
        warn(
            "this native histogram metric is not a gauge: \(QuotedText.quote(metric))", at: range)
    }

    func quantileOutOfRange(_ quantile: Double, at range: Range<Int>) {
        let shown = NumberText.format(quantile)
        warn("quantile value should be between 0 and 1, got \(shown)", at: range)
    }

    func incompatibleTypes(
        _ left: String, _ operation: String, _ right: String, at range: Range<Int>
    ) {
        inform(
            "incompatible sample types encountered for binary operator "
                + "\(QuotedText.quote(operation)): \(left) \(operation) \(right)", at: range)
    }

    func reconciledBounds(in operation: String, at range: Range<Int>) {
        inform("mismatched custom buckets were reconciled during \(operation)", at: range)
    }

    func possiblyNoCounter(_ metric: String, at range: Range<Int>) {
        inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                + QuotedText.quote(metric), at: range)
    }

    func resetCollision(in operation: String, at range: Range<Int>) {
        warn(
            "conflicting counter resets during histogram \(operation)", at: range)
    }
}
