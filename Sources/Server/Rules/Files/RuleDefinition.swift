internal import Model

/// What a rule is to do, as its file says: read once, compared when the file is read again.
struct RuleDefinition: Sendable, Hashable {
    /// What becomes of the answer to its query.
    enum Kind: Sendable, Hashable {
        case record
        /// Fires when it has been pending for `holdNanos`, and goes on for `keepNanos` after its
        /// condition was last true.
        case alert(holdNanos: Int64, keepNanos: Int64, annotations: [RulePair])
    }

    var kind: Kind
    /// Of the metric that it writes, or of the alert.
    var name: String
    var query: RuleQuery
    /// Its own and its group's, by name. An empty value takes the label away.
    var labels: [RulePair]
    /// Where it stands in its file, from 1.
    var line: Int

    var isAlert: Bool { if case .alert = kind { true } else { false } }

    /// Where it stands is no part of what it is.
    static func == (a: RuleDefinition, b: RuleDefinition) -> Bool {
        a.kind == b.kind && a.name == b.name && a.query == b.query && a.labels == b.labels
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(name)
        hasher.combine(query)
        hasher.combine(labels)
    }
}

/// A name with a text: a label, or an annotation, whose text may be empty.
struct RulePair: Sendable, Hashable {
    var name: String
    var value: String
}

extension [RulePair] {
    /// As labels are compared and written; what is empty is left out.
    var labels: Labels { Labels(map { ($0.name, $0.value) }) }
}

/// Rules that are evaluated one after the other, each seeing what those before it wrote.
struct RuleGroupDefinition: Sendable, Hashable {
    var name: String
    /// Path of the file that it stands in.
    var file: String
    var intervalNanos: Int64
    /// So long before its time each rule's query looks.
    var queryOffsetNanos: Int64
    /// Most series or alerts of one rule; 0: any number.
    var limit: Int
    var rules: [RuleDefinition]

    /// Which group it is, also after it was changed.
    var key: Key { Key(file: file, name: name) }

    /// A group's place: names are unique within a file only.
    struct Key: Hashable, Comparable, Sendable {
        var file: String
        var name: String

        static func < (a: Key, b: Key) -> Bool {
            a.file != b.file
                ? a.file.utf8.lexicographicallyPrecedes(b.file.utf8)
                : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
        }

        /// As figures are labelled.
        var text: String { "\(file);\(name)" }
    }
}

/// A rule's query, in its canonical text.
struct RuleQuery: Sendable, Hashable {
    /// A group's `type`.
    enum Language: String, Sendable, Hashable, CaseIterable {
        case promql, logql
    }

    var language: Language
    var text: String
}
