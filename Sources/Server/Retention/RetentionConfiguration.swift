internal import Model
internal import Query

/// Which data goes earlier than all other: rules of a file, each for itself, so that the strictest
/// counts where several select the same.
///
///     rules:
///     - logs: '{app="debug"}'
///       age: 24h
///     - logs: '{app=~"web.*"}'
///       bytes: 10GB
///       tenant: shop
///     - metrics: 'build_info'
///       age: 30d
package struct RetentionConfiguration: Sendable, Hashable {
    private(set) var rules: [RetentionRule] = []

    package init() {}

    /// Reads the file's text. Throws everything that is wrong; then nothing has changed.
    package mutating func setFile(path: String, text: String) throws(FileFaults) {
        let notes = YAMLSection.Notes(path: path)
        var read: [RetentionRule] = []
        if let file = YAMLSection(text: text, allowed: ["rules"], notes: notes) {
            for (node, key) in file.list("rules") {
                let keys = ["logs", "metrics", "tenant", "age", "bytes"]
                if let section = YAMLSection(node, key: key, allowed: keys, notes: notes),
                    let rule = RetentionRule(section)
                {
                    read.append(rule)
                }
            }
        }
        guard notes.faults.isEmpty else { throw FileFaults(notes.faults) }
        rules = read
    }
}

/// What is selected and how much of it stays.
struct RetentionRule: Sendable, Hashable {
    /// The selector as it was written.
    var text: String
    var tenant: Tenant
    var signal: SignalKind
    var matchers: [Matcher]
    /// Data older than that goes, ns.
    var ageNanos: Int64?
    /// Of the lines' text, before compression: the oldest go when there are more.
    var bytesMax: Int?

    /// The shortest age that is taken, ns.
    static let ageNanosMin: Int64 = 1_000_000_000

    /// Nil when something is wrong, which is noted.
    init?(_ section: YAMLSection) {
        let (logs, metrics) = (section.text("logs"), section.text("metrics"))
        guard let text = logs ?? metrics, logs == nil || metrics == nil else {
            section.note("logs", "either a selector of logs or one of metrics is expected")
            return nil
        }
        self.text = text
        signal = logs == nil ? .metrics : .logs
        tenant = .standard
        if let name = section.text("tenant") {
            guard let named = Tenant(name) else {
                section.note("tenant", "\"\(name)\" is no tenant")
                return nil
            }
            tenant = named
        }
        let name = logs == nil ? "metrics" : "logs"
        do throws(QueryError) {
            if logs == nil {
                matchers = try PromQLEngine.parseSelector(text)
            } else {
                let (found, filters) = try LogQLQuery.parseLineSelection(text)
                guard filters.isEmpty else {
                    section.note(name, "a selector without filters is expected")
                    return nil
                }
                matchers = found
            }
        } catch {
            section.note(name, "\(error)")
            return nil
        }
        guard !matchers.isEmpty else {
            section.note(name, "it selects everything: that is what --retention is for")
            return nil
        }
        ageNanos = section.duration("age")
        if let age = ageNanos, age < RetentionRule.ageNanosMin {
            section.note("age", "a second or more is expected")
            return nil
        }
        if let size = section.text("bytes") {
            guard let count = ByteCountText.parse(size), count > 0, signal == .logs else {
                section.note("bytes", "a size like 10GB is expected, and only of logs")
                return nil
            }
            bytesMax = count
        }
        guard ageNanos != nil || bytesMax != nil else {
            section.note("age", "an age or a number of bytes is expected")
            return nil
        }
    }
}
