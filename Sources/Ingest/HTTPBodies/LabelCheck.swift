internal import Encoding
internal import Model

/// Collects the labels of one series or stream and checks them against `IngestLimits`: the one
/// place where label rules of all HTTP bodies stand. Reusable.
struct LabelCheck {
    private let limits: IngestLimits
    private var names: [UInt8] = []
    private var ends: [Int] = []
    private var builder = LabelsBuilder()
    private(set) var hasMetricName = false

    init(limits: IngestLimits) { self.limits = limits }

    mutating func removeAll() {
        builder.removeAll()
        names.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        hasMetricName = false
    }

    /// Adds a pair; an empty value means that there is no such label. The reason when it is
    /// refused. With `repeatsWin`, the later of two values of one name counts, as in a JSON object.
    mutating func add(
        _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, repeatsWin: Bool = false
    ) -> SkipReason? {
        guard !name.isEmpty, UTF8Check.isValid(name) else { return .badLabelName }
        guard UTF8Check.isValid(value) else { return .badLabelValue }
        guard name.count <= limits.labelNameBytesMax else { return .longLabelName }
        guard value.count <= limits.labelValueBytesMax else { return .longLabelValue }
        guard ends.count < limits.labelCountMax else { return .tooManyLabels }
        if isKnown(name) {
            guard repeatsWin else { return .duplicateLabel }
            builder.set(name, value)
            return nil
        }
        names.append(contentsOf: name)
        ends.append(names.count)
        if value.isEmpty, !repeatsWin { return nil }
        builder.set(name, value)
        if name.elementsEqual("__name__".utf8) { hasMetricName = true }
        return nil
    }

    mutating func labels() -> Labels { builder.build() }

    /// Whether the name was added, be it with an empty value.
    func isKnown(_ name: ArraySlice<UInt8>) -> Bool {
        var start = 0
        for end in ends {
            if end - start == name.count, names[start..<end] == name { return true }
            start = end
        }
        return false
    }
}
