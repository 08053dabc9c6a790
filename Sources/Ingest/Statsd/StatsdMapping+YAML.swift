internal import Model
internal import Yams

/// What is wrong with a mapping file, as one line for a person.
package struct StatsdMappingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As `mappings[3].labels.job`; empty for the file as a whole.
    package let key: String
    /// What is wrong, with what is allowed.
    package let problem: String

    package var description: String {
        "statsd mapping: " + (key.isEmpty ? problem : "\(key): \(problem)")
    }
}

/// Reads the YAML of statsd_exporter's mapping files.
///
/// Understood: `defaults` with `match_type` and `ttl`; `mappings` with `match`, `match_type`,
/// `match_metric_type`, `name`, `labels`, `action`, `honor_labels`, `scale`, `ttl`. Accepted and of
/// no effect, because timers are native histograms here and rules are always tried in order:
/// `help`, `observer_type`, `timer_type`, `histogram_options`, `summary_options`, `buckets`,
/// `quantiles`, `glob_disable_ordering`. Any other key is an error that names it.
extension StatsdMapping {
    private static let defaultKeys: Set<String> = [
        "match_type", "ttl", "observer_type", "timer_type", "histogram_options",
        "summary_options", "buckets", "quantiles", "glob_disable_ordering",
    ]
    private static let ruleKeys: Set<String> = [
        "match", "match_type", "match_metric_type", "name", "labels", "action", "honor_labels",
        "scale", "ttl", "help", "observer_type", "timer_type", "histogram_options",
        "summary_options", "buckets", "quantiles",
    ]

    /// The rules in `text`; none for an empty file.
    package init(yaml text: String) throws(StatsdMappingError) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw StatsdMappingError(key: "", problem: "not YAML: \(error)")
        }
        rules = []
        guard let root, root.null == nil else { return }
        let file = try MappingSection(root, path: "", allowed: ["defaults", "mappings"])
        var isGlob = true
        var timeToLive: Int64?
        if let node = file["defaults"] {
            let defaults = try MappingSection(node, path: "defaults", allowed: Self.defaultKeys)
            isGlob = try defaults.isGlob() ?? true
            timeToLive = try defaults.duration("ttl")
        }
        guard let node = file["mappings"] else { return }
        guard let list = node.sequence else {
            throw StatsdMappingError(key: "mappings", problem: "has to be a list of rules")
        }
        guard list.count <= StatsdMapping.ruleCountMax else {
            throw StatsdMappingError(
                key: "mappings",
                problem: "\(list.count) rules; \(StatsdMapping.ruleCountMax) are allowed")
        }
        for (index, node) in list.enumerated() {
            let section = try MappingSection(
                node, path: "mappings[\(index)]", allowed: Self.ruleKeys)
            rules.append(try Rule(section, isGlob: isGlob, timeToLive: timeToLive))
        }
    }
}

extension StatsdMapping.Rule {
    fileprivate init(
        _ section: MappingSection, isGlob: Bool, timeToLive: Int64?
    ) throws(StatsdMappingError) {
        guard let match = try section.text("match"), !match.isEmpty else {
            throw section.error("match", "is missing: a glob as a.*.c, or a regular expression")
        }
        let pattern = try section.isGlob() ?? isGlob ? Self.pattern(glob: match) : match
        do {
            self.pattern = try RegularExpression(pattern)
        } catch {
            throw section.error("match", "\(error)")
        }
        kind = try section.kind()
        drops = try section.drops()
        let name = try section.text("name") ?? ""
        guard drops || !name.isEmpty else {
            throw section.error("name", "is missing: what the metric is to be called")
        }
        self.name = StatsdTemplate(name)
        try section.check(self.name, "name", groupCount: self.pattern.groupCount)
        for (label, value) in try section.labels() {
            let template = StatsdTemplate(value)
            try section.check(template, "labels.\(label)", groupCount: self.pattern.groupCount)
            labels.append((label, template))
        }
        honorsLabels = try section.flag("honor_labels") ?? false
        scale = try section.number("scale") ?? 1
        timeToLiveNanos = try section.duration("ttl") ?? timeToLive
    }

    /// The expression of a glob: `*` is one part between dots, all else is itself.
    private static func pattern(glob: String) -> String {
        var pattern = "^"
        for character in glob {
            if character == "*" {
                pattern += "([^.]*)"
            } else if character.isLetter || character.isNumber || character == "_" {
                pattern.append(character)
            } else {
                pattern += "\\\(character)"
            }
        }
        return pattern + "$"
    }
}

/// One mapping of the YAML file, with the path to it for errors.
private struct MappingSection {
    private let path: String
    private var nodes: [String: Node] = [:]

    init(_ node: Node, path: String, allowed: Set<String>) throws(StatsdMappingError) {
        self.path = path
        guard let mapping = node.mapping else {
            throw StatsdMappingError(key: path, problem: "has to be keys with values")
        }
        for (key, value) in mapping {
            guard let name = key.string, allowed.contains(name) else {
                let names = allowed.sorted().joined(separator: ", ")
                throw error(key.string ?? "?", "is no key of this place; there are \(names)")
            }
            nodes[name] = value
        }
    }

    subscript(key: String) -> Node? { nodes[key] }

    func error(_ key: String, _ problem: String) -> StatsdMappingError {
        StatsdMappingError(key: path.isEmpty ? key : "\(path).\(key)", problem: problem)
    }

    func text(_ key: String) throws(StatsdMappingError) -> String? {
        guard let node = nodes[key] else { return nil }
        guard let text = node.string else { throw error(key, "has to be a text") }
        return text
    }

    func flag(_ key: String) throws(StatsdMappingError) -> Bool? {
        guard let node = nodes[key] else { return nil }
        guard let flag = node.bool else { throw error(key, "has to be true or false") }
        return flag
    }

    func number(_ key: String) throws(StatsdMappingError) -> Double? {
        guard let node = nodes[key] else { return nil }
        guard let number = node.float, number.isFinite else {
            throw error(key, "has to be a number")
        }
        return number
    }

    func isGlob() throws(StatsdMappingError) -> Bool? {
        switch try text("match_type") {
        case nil: nil
        case "glob": true
        case "regex": false
        case .some(let other):
            throw error("match_type", "\"\(other)\" is not one of glob, regex")
        }
    }

    func kind() throws(StatsdMappingError) -> StatsdKind? {
        switch try text("match_metric_type") {
        case nil: nil
        case "counter": .counter
        case "gauge": .gauge
        case "observer", "timer": .histogram
        case "set": .set
        case .some(let other):
            throw error(
                "match_metric_type",
                "\"\(other)\" is not one of counter, gauge, observer, timer, set")
        }
    }

    func drops() throws(StatsdMappingError) -> Bool {
        switch try text("action") {
        case nil, "", "map": false
        case "drop": true
        case .some(let other): throw error("action", "\"\(other)\" is not one of map, drop")
        }
    }

    /// In the order of the file.
    func labels() throws(StatsdMappingError) -> [(String, String)] {
        guard let node = nodes["labels"] else { return [] }
        guard let mapping = node.mapping else {
            throw error("labels", "has to be label names with values")
        }
        var labels: [(String, String)] = []
        for (key, value) in mapping {
            guard let name = key.string, let text = value.string else {
                throw error("labels", "has to be label names with texts")
            }
            guard
                StatsdText.underscored(Array(name.utf8)[...], allowsColon: false)
                    .elementsEqual(name.utf8), !name.isEmpty, name != "__name__"
            else { throw error("labels.\(name)", "is no label name") }
            labels.append((name, text))
        }
        return labels
    }

    func check(
        _ template: StatsdTemplate, _ key: String, groupCount: Int
    ) throws(StatsdMappingError) {
        guard template.groupMax <= groupCount else {
            throw error(
                key, "names $\(template.groupMax), but the match has \(groupCount) groups")
        }
    }

    /// `90s`, `10m`, `1h30m` in ns; 0 is none.
    func duration(_ key: String) throws(StatsdMappingError) -> Int64? {
        guard let text = try text(key) else { return nil }
        if text == "0" { return nil }
        let units: [(String, Double)] = [
            ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86_400e9),
        ]
        var total = 0.0
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            guard let number = Double(digits),
                let unit = units.first(where: { rest.hasPrefix($0.0) })
            else { throw error(key, "\"\(text)\" is no duration as 90s, 10m or 1h30m") }
            rest = rest.dropFirst(unit.0.count)
            total += number * unit.1
        }
        guard total < 1e18 else { throw error(key, "\"\(text)\" is too long") }
        return total > 0 ? Int64(total) : nil
    }
}
