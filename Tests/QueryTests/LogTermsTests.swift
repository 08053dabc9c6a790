import Query
import Testing

/// Grep's habits as LogQL.
@Suite struct LogTermsTests {
    private func text(
        _ words: [String] = [], patterns: [String] = [],
        _ change: (inout LogTerms) -> Void = { _ in }
    ) throws -> String {
        var terms = LogTerms()
        terms.words = words
        terms.patterns = patterns
        change(&terms)
        return try terms.query().description
    }

    @Test func wordsAreAllWanted() throws {
        #expect(try text([]) == "{}")
        #expect(try text(["payment", "failed"]) == #"{} |= "payment" |= "failed""#)
        #expect(try text(["payment failed"]) == #"{} |= "payment failed""#)
        #expect(try text([#"a "b c""#]) == #"{} |= "a" |= "b c""#)
        #expect(try text(["a.b"]) { $0.ignoresCase = true } == #"{} |~ "(?i)a\\.b""#)
        #expect(try text(["a"]) { $0.areWhole = true } == #"{} |~ "\\b(?:a)\\b""#)
    }

    @Test func patternsAreAlternatives() throws {
        #expect(try text(patterns: ["a+", "b"]) == #"{} |~ "a+" or "b""#)
        #expect(try text(patterns: ["a+", "b"]) { $0.areFixed = true } == #"{} |= "a+" or "b""#)
        #expect(
            try text(["x"], patterns: ["a|b"]) {
                $0.areWhole = true
                $0.ignoresCase = true
            } == #"{} |~ "(?i)\\b(?:x)\\b" |~ "(?i)\\b(?:a|b)\\b""#)
    }

    @Test func invertedIsNoneOfThem() throws {
        #expect(
            try text(["x"], patterns: ["a", "b"]) { $0.isInverted = true }
                == #"{} != "x" !~ "a" !~ "b""#)
    }

    @Test func wordsFollowASelector() throws {
        #expect(try text([#"{app="shop"}"#, "timeout"]) == #"{app="shop"} |= "timeout""#)
        // What reads as a query is one.
        #expect(try text([#"{app="shop"} | json"#, "x"]) == #"{app="shop"} | json x="x""#)
        #expect(try text([#"{app="shop"}"#, "|=", #""x""#]) == #"{app="shop"} |= "x""#)
        #expect(try text([#"{app="a"}"#], patterns: ["b"]) == #"{app="a"} |~ "b""#)
    }

    @Test func whatIsWrongIsSaid() throws {
        #expect(throws: QueryError.self) { try text(["{app="]) }
        #expect(throws: QueryError.self) { try text(["{app=", "x"]) }
        #expect(throws: QueryError.self) { try text(patterns: ["("]) }
        #expect(throws: QueryError.self) { try text(["{}"]) { $0.isInverted = true } }
        #expect(throws: QueryError.self) {
            try text(["count_over_time({}[5m])"], patterns: ["x"])
        }
    }

    @Test func marksAreWhereItMatches() throws {
        func marked(_ query: String, _ line: String) throws -> [String] {
            let bytes = Array(line.utf8)
            return LogMarks(try LogQLQuery(query)).ranges(in: bytes).map {
                String(decoding: bytes[$0], as: UTF8.self)
            }
        }
        #expect(try marked(#"{} |= "a.b" != "x""#, "a.b axb a.b") == ["a.b", "a.b"])
        #expect(try marked(#"{} |~ "(?i)err(or)?""#, "ERR error") == ["ERR", "error"])
        #expect(try marked(#"{} |= "ab" |= "bc""#, "xabcx") == ["abc"], "one, where they touch")
        #expect(try marked(#"{} |~ "b*""#, "aabba") == ["bb"])
        #expect(try marked(#"{} !~ "b""#, "aabba").isEmpty)
        #expect(try LogMarks(LogQLQuery("{}")).isEmpty)
    }
}
