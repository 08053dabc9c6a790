import Model
import Testing

@Suite struct MatcherTests {
    static let labels = Labels([("__name__", "up"), ("env", "prod"), ("zone", "eu\n1")])

    @Test(arguments: [
        ("env", Matcher.Operation.equal, "prod", true), ("env", .equal, "pro", false),
        ("env", .notEqual, "prod", false), ("none", .equal, "", true),
        ("none", .notEqual, "x", true), ("none", .notEqual, "", false),
        ("env", .matches, "pr.*", true), ("env", .matches, "r", false),
        ("env", .matches, "stage|prod", true), ("env", .notMatches, "stage|prod", false),
        ("none", .matches, ".*", true), ("none", .matches, ".+", false),
        ("zone", .matches, "eu.1", true), ("env", .matches, "(?i)PROD", true),
    ])
    func matches(
        name: String, operation: Matcher.Operation, value: String, expected: Bool
    ) throws {
        let matcher = try Matcher(name, operation, value)
        #expect(matcher.matches(Self.labels) == expected)
    }

    @Test func aBadExpressionSaysWhatIsWrong() {
        #expect(throws: ModelError.self) { try Matcher("a", .matches, "a(b") }
        do {
            _ = try Matcher("a", .matches, "a(b")
        } catch {
            #expect("\(error)".contains("missing )"), "\(error)")
        }
    }

    @Test func aSelectorTakesAnyAlternative() throws {
        let selector = Selector(alternatives: [
            [try Matcher("env", .equal, "stage")], [try Matcher("__name__", .equal, "up")],
        ])
        #expect(selector.matches(Self.labels))
        #expect(Selector.everything.matches(Self.labels))
        #expect(!Selector(alternatives: []).matches(Self.labels))
    }
}

@Suite struct RegularExpressionTests {
    @Test func findsGroupsInASlice() throws {
        let expression = try RegularExpression("(?P<key>[a-z]+)=(\\d+)|(nothing)")
        let text = Array("..abc=42..".utf8)[1...]
        let match = try #require(expression.firstMatch(in: text))
        #expect(match[0] == 2..<8)
        #expect(match[1] == 2..<5)
        #expect(match[2] == 6..<8)
        #expect(match[3] == nil)
        #expect(expression.groupNames == ["key", nil, nil])
        #expect(expression.firstMatch(in: text, from: 8) == nil)
    }

    @Test func emptyTextAndEmptyPattern() throws {
        let expression = try RegularExpression("")
        #expect(expression.matchesWhole([]))
        #expect(!expression.matchesWhole("a"))
        #expect(expression.matches(in: ArraySlice("a".utf8)))
    }

    @Test func aRangeBoundsWhatCanMatch() throws {
        let range = try #require(try RegularExpression("web-1[0-9]").matchRange())
        #expect(range.low == Array("web-10".utf8))
        #expect(String(decoding: range.high, as: UTF8.self) >= "web-19")
    }

    @Test func hugePatternsAreRefused() {
        #expect(throws: ModelError.self) {
            try RegularExpression(String(repeating: "a", count: 20_000))
        }
        #expect(throws: ModelError.self) { try RegularExpression("((a{1000}){1000}){1000}") }
    }
}
