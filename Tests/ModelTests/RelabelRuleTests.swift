import Model
import Testing

/// Every action on labels, and the rules that are none.
@Suite struct RelabelRuleTests {
    /// A rule by its fields in the order of the documentation; nil: not written.
    private static func rule(
        _ action: RelabelRule.Action, from sources: [String] = [], separator: String? = nil,
        regex: String? = nil, modulus: UInt64 = 0, to target: String = "",
        replacement: String? = nil
    ) throws -> RelabelRule {
        var fields = RelabelRule.Fields()
        fields.action = action
        fields.sourceLabels = sources
        fields.separator = separator ?? fields.separator
        fields.regex = regex ?? fields.regex
        fields.modulus = modulus
        fields.targetLabel = target
        fields.replacement = replacement ?? fields.replacement
        return try RelabelRule(fields)
    }

    private static let labels = Labels(["a": "foo", "b": "bar", "c": "baz"])

    /// What becomes of `labels`; nil when they are dropped.
    private static func apply(
        _ rules: [RelabelRule], to labels: Labels = labels
    ) -> [String: String]? {
        var changed = MutableLabels(labels)
        guard rules.apply(to: &changed) else { return nil }
        return Dictionary(uniqueKeysWithValues: changed.labels.pairs.map { ($0.name, $0.value) })
    }

    @Test func replaces() throws {
        #expect(
            Self.apply([
                try Self.rule(
                    .replace, from: ["a"], regex: "f(.*)", to: "d", replacement: "ch${1}-ch${1}")
            ]) == ["a": "foo", "b": "bar", "c": "baz", "d": "choo-choo"])
        // The whole value has to match.
        #expect(
            Self.apply([try Self.rule(.replace, from: ["a"], regex: "f", to: "b")])
                == ["a": "foo", "b": "bar", "c": "baz"])
        // Sources are joined; no source is an empty value, which the default takes.
        #expect(
            Self.apply([
                try Self.rule(.replace, from: ["a", "x", "b"], separator: "|", to: "a")
            ])?["a"] == "foo||bar")
        #expect(Self.apply([try Self.rule(.replace, to: "d", replacement: "x")])?["d"] == "x")
        // An empty outcome takes the label away; so does a group that is not there.
        let gone = ["b": "bar", "c": "baz"]
        #expect(
            Self.apply([try Self.rule(.replace, from: ["b"], to: "a", replacement: "")]) == gone)
        #expect(
            Self.apply([try Self.rule(.replace, from: ["b"], to: "a", replacement: "$7")]) == gone)
    }

    @Test func expandsNamesOfLabels() throws {
        let rule = try Self.rule(
            .replace, from: ["a"], regex: "(?P<first>f)(o+)", to: "${first}x$2",
            replacement: "$$${2}$first")
        #expect(Self.apply([rule])?["fxoo"] == "$oof")
        // No name, no label.
        let nameless = try Self.rule(.replace, from: ["a"], to: "$9", replacement: "v")
        #expect(Self.apply([nameless]) == ["a": "foo", "b": "bar", "c": "baz"])
    }

    @Test func keepsAndDrops() throws {
        #expect(Self.apply([try Self.rule(.keep, from: ["a"], regex: "foo|x")]) != nil)
        #expect(Self.apply([try Self.rule(.keep, from: ["a"], regex: "fo")]) == nil)
        #expect(Self.apply([try Self.rule(.drop, from: ["a", "b"], regex: "foo;b.*")]) == nil)
        #expect(Self.apply([try Self.rule(.drop, from: ["a"], regex: "fo")]) != nil)
        // A dot takes a line break too.
        let broken = Labels(["a": "x\ny"])
        #expect(Self.apply([try Self.rule(.drop, from: ["a"], regex: "x.y")], to: broken) == nil)
    }

    @Test func comparesLabels() throws {
        let same = Labels(["a": "v", "b": "v", "c": "w"])
        #expect(Self.apply([try Self.rule(.keepequal, from: ["a"], to: "b")], to: same) != nil)
        #expect(Self.apply([try Self.rule(.keepequal, from: ["a"], to: "c")], to: same) == nil)
        #expect(Self.apply([try Self.rule(.dropequal, from: ["a"], to: "b")], to: same) == nil)
        #expect(Self.apply([try Self.rule(.dropequal, from: ["a"], to: "c")], to: same) != nil)
    }

    /// Values as Prometheus has them: last eight bytes of MD5.
    @Test(arguments: [("baz", UInt64(1000), "976"), ("foo", 1000, "696"), ("", 4, "2")])
    func spreadsByHash(value: String, modulus: UInt64, want: String) throws {
        let rule = try Self.rule(.hashmod, from: ["a"], modulus: modulus, to: "d")
        #expect(Self.apply([rule], to: Labels([("a", value)]))?["d"] == want)
    }

    @Test func changesCase() throws {
        let mixed = Labels(["a": "FooÄ"])
        #expect(
            Self.apply([try Self.rule(.lowercase, from: ["a"], to: "d")], to: mixed)?["d"]
                == "fooä")
        #expect(
            Self.apply([try Self.rule(.uppercase, from: ["a"], to: "a")], to: mixed)?["a"]
                == "FOOÄ")
    }

    @Test func choosesLabelsByName() throws {
        let meta = Labels(["__meta_x_env": "prod", "__meta_x_os": "bsd", "job": "n"])
        #expect(
            Self.apply(
                [
                    try Self.rule(.labelmap, regex: "__meta_x_(.+)", replacement: "x_$1"),
                    try Self.rule(.labeldrop, regex: "__meta_.*"),
                ], to: meta) == ["x_env": "prod", "x_os": "bsd", "job": "n"])
        #expect(
            Self.apply([try Self.rule(.labelkeep, regex: "job|__meta_x_os")], to: meta)
                == ["__meta_x_os": "bsd", "job": "n"])
    }

    @Test func laterRulesSeeWhatEarlierOnesDid() throws {
        let rules = [
            try Self.rule(.replace, from: ["a"], to: "t", replacement: "$1-1"),
            try Self.rule(.keep, from: ["t"], regex: "foo-1"),
            try Self.rule(.labeldrop, regex: "a|b|c"),
        ]
        #expect(Self.apply(rules) == ["t": "foo-1"])
    }

    @Test(arguments: [
        ("regex", RelabelRule.Action.keep, "(", "", UInt64(0), "$1"),
        ("target_label", .replace, "(.*)", "", 0, "$1"),
        ("target_label", .hashmod, "(.*)", "", 8, "$1"),
        ("modulus", .hashmod, "(.*)", "t", 0, "$1"),
        ("target_label", .lowercase, "(.*)", "", 0, "$1"),
        ("replacement", .uppercase, "(.*)", "t", 0, "x"),
        ("regex", .keepequal, "x", "t", 0, "$1"),
        ("target_label", .labeldrop, "x", "t", 0, "$1"),
        ("replacement", .labelkeep, "x", "", 0, "x"),
        ("replacement", .labelmap, "x", "", 0, ""),
    ])
    func refuses(
        field: String, action: RelabelRule.Action, regex: String, target: String,
        modulus: UInt64, replacement: String
    ) {
        let problem = #expect(throws: RelabelProblem.self) {
            try Self.rule(
                action, regex: regex, modulus: modulus, to: target, replacement: replacement)
        }
        #expect(problem?.field == field)
    }
}
