import Foundation
import Model
import Query

/// A behaviour script: data, queries and what they answer, in a text that any engine can run.
///
///     load 1m                          samples at 0, 1m, 2m …, added to what is there
///         m{a="b"} 0+10x5 _ stale NaN  v, start+stepxcount, vxcount, nothing, stale, {{histogram}}
///     clear                            forgets all samples
///     eval 5m rate(m[5m])              an instant query; rows in any order
///         {a="b"} 0.1
///     ordered 5m sort(m)               the same, rows in this order
///     range 0 10m 5m m                 a range query: one value or _ per step
///         m{a="b"} 0 _ 30
///     fail 5m m + on(a) m              an error whose words contain the line below
///         many-to-many
///
/// Among the rows: `scalar 5`, `string "x"`, `! words` of a warning, `? words` of an info. Without
/// a `!` or `?` row there must be none.
struct BehaviourScript {
    enum Query {
        case instant(at: Int64, isOrdered: Bool)
        case range(start: Int64, end: Int64, step: Int64)
        case failure(at: Int64)
    }

    struct Step {
        var line: Int
        var query: Query
        var text: String
        var rows: [String]
        /// Everything loaded before.
        var store: PromQLMemoryStore
    }

    private(set) var steps: [Step] = []

    private struct Samples {
        var floats: [(Int64, Double)] = []
        var histograms: [(Int64, Histogram)] = []
    }

    init(text: String) throws {
        var data: [String: (Labels, Samples)] = [:]
        var store = PromQLMemoryStore([])
        var loadStep: Int64?
        for (number, raw) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let line = raw.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if raw.hasPrefix(" ") {
                if let loadStep {
                    try Self.load(line, every: loadStep, into: &data)
                    store = Self.store(data)
                } else {
                    steps[steps.count - 1].rows.append(line)
                }
                continue
            }
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            loadStep = nil
            switch words[0] {
            case "load": loadStep = try Self.nanos(words[1])
            case "clear":
                data = [:]
                store = PromQLMemoryStore([])
            default:
                let (query, text) = try Self.query(words[0], words[1])
                steps.append(
                    Step(line: number + 1, query: query, text: text, rows: [], store: store))
            }
        }
    }

    private static func query(_ word: String, _ rest: String) throws -> (Query, String) {
        let count = word == "range" ? 4 : 2
        let parts = rest.split(separator: " ", maxSplits: count - 1).map(String.init)
        guard parts.count == count else { throw ScriptProblem(text: rest) }
        switch word {
        case "eval": return (.instant(at: try nanos(parts[0]), isOrdered: false), parts[1])
        case "ordered": return (.instant(at: try nanos(parts[0]), isOrdered: true), parts[1])
        case "fail": return (.failure(at: try nanos(parts[0])), parts[1])
        case "range":
            return (
                .range(
                    start: try nanos(parts[0]), end: try nanos(parts[1]),
                    step: try nanos(parts[2])), parts[3]
            )
        default: throw ScriptProblem(text: word)
        }
    }

    /// A duration, or seconds.
    static func nanos(_ text: String) throws -> Int64 {
        if let seconds = Double(text) { return Int64((seconds * 1e9).rounded()) }
        let isNegative = text.hasPrefix("-")
        var total = 0.0
        var number = ""
        var unit = ""
        func add() throws {
            let units = ["ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86_400e9]
            guard let value = Double(number), let scale = units[unit] else {
                throw ScriptProblem(text: text)
            }
            total += value * scale
            number = ""
            unit = ""
        }
        for character in text.drop(while: { $0 == "-" }) {
            if character.isNumber {
                if !unit.isEmpty { try add() }
                number.append(character)
            } else {
                unit.append(character)
            }
        }
        try add()
        return Int64(isNegative ? -total : total)
    }

    // MARK: Series

    private static func load(
        _ line: String, every step: Int64, into data: inout [String: (Labels, Samples)]
    ) throws {
        let (labels, rest) = try series(line)
        var (_, samples) = data[labels.description] ?? (labels, Samples())
        var place: Int64 = 0
        for item in try SampleText.values(rest) {
            switch item {
            case .float(let value)?: samples.floats.append((place * step, value))
            case .histogram(let value)?: samples.histograms.append((place * step, value))
            case nil: break
            }
            place += 1
        }
        data[labels.description] = (labels, samples)
    }

    private static func store(_ data: [String: (Labels, Samples)]) -> PromQLMemoryStore {
        PromQLMemoryStore(
            data.values.sorted { $0.0 < $1.0 }.map { labels, samples in
                let floats = samples.floats.sorted { $0.0 < $1.0 }
                let histograms = samples.histograms.sorted { $0.0 < $1.0 }
                return SeriesData(
                    id: SeriesID(tenant: .standard, labels: labels), labels: labels,
                    timestamps: TimestampColumn(floats.map(\.0)), values: floats.map(\.1),
                    histogramTimestamps: TimestampColumn(histograms.map(\.0)),
                    histograms: histograms.map(\.1))
            })
    }

    /// The labels in front of a row and what is behind them.
    static func series(_ line: String) throws -> (Labels, String) {
        var pairs: [(String, String)] = []
        var rest = Substring(line)
        let name = rest.prefix { $0 != "{" && $0 != " " }
        if !name.isEmpty { pairs.append(("__name__", String(name))) }
        rest = rest.dropFirst(name.count)
        if rest.first == "{", !rest.hasPrefix("{{") {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let key = rest.prefix { $0 != "=" }
                rest = rest.dropFirst(key.count + 2)
                let value = rest.prefix { $0 != "\"" }
                rest = rest.dropFirst(value.count + 1)
                guard !rest.isEmpty else { throw ScriptProblem(text: line) }
                pairs.append((key.trimmingCharacters(in: .whitespaces), String(value)))
                if rest.first == "," { rest = rest.dropFirst() }
            }
            rest = rest.dropFirst()
        }
        return (Labels(pairs), rest.trimmingCharacters(in: .whitespaces))
    }
}

struct ScriptProblem: Error {
    var text: String
}
