import Model
import Testing

struct RequiredLiteralsTests {
    static func literal(_ text: String, folded: Bool = false) -> RequiredLiterals {
        .literal(Array(text.utf8), ignoresCase: folded)
    }

    static let cases: [(String, RequiredLiterals)] = [
        ("error", literal("error")),
        ("", .anything),
        (".*", .anything),
        ("foo.*bar", .all([literal("foo"), literal("bar")])),
        ("foo|bar", .either([literal("foo"), literal("bar")])),
        ("foo|", .anything),
        ("a(b|c)d", .all([literal("a"), .either([literal("b"), literal("c")]), literal("d")])),
        ("ab(cd)ef", literal("abcdef")),
        ("ab(cd)?ef", .all([literal("ab"), literal("ef")])),
        ("ab(cd)+ef", .all([literal("ab"), literal("cd"), literal("ef")])),
        ("colou?r", .all([literal("colo"), literal("r")])),
        ("ab*", literal("a")),
        ("ab{0,3}c", .all([literal("a"), literal("c")])),
        ("ab{2}c", .all([literal("a"), literal("b"), literal("c")])),
        ("a{x", literal("a{x")),
        ("(?i)Error", literal("error", folded: true)),
        ("(?i)task", literal("ta", folded: true)),
        ("(?i:Web)Server", .all([literal("web", folded: true), literal("Server")])),
        ("a(?i)B", .all([literal("a"), literal("b", folded: true)])),
        ("(?i)é", .anything),
        ("naïve", literal("naïve")),
        ("[a-z]+x", literal("x")),
        ("[]a]b", literal("b")),
        ("[[:alpha:]]b", literal("b")),
        ("[x[:^a]bc|y", .either([literal("bc"), literal("y")])),
        ("[\\]]b", literal("b")),
        ("\\d+ms", literal("ms")),
        ("1\\.2", literal("1.2")),
        ("\\Qa.b\\E", literal("a.b")),
        ("\\Qab\\E*c", literal("c")),
        ("\\x41", .anything),
        ("\\pLx", literal("x")),
        ("\\p{Greek}x", literal("x")),
        ("^abc$", literal("abc")),
        ("(?P<name>ab)c", literal("abc")),
        ("(?:ab|cd){2}", .either([literal("ab"), literal("cd")])),
        ("(?:ab|cd)*", .anything),
        ("a\\nb", literal("a\nb")),
    ]

    @Test(arguments: cases.indices)
    func saysWhatEveryMatchHolds(number: Int) throws {
        let (pattern, expected) = RequiredLiteralsTests.cases[number]
        #expect(try RegularExpression(pattern).requiredLiterals == expected, "\(pattern)")
    }

    @Test func knowsFoldingOfTheWholeExpression() throws {
        let expression = try RegularExpression("ABC", foldsCase: true)
        #expect(expression.requiredLiterals == RequiredLiteralsTests.literal("abc", folded: true))
    }
}
