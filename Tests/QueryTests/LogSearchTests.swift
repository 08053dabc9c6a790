import Query
import Testing

@Suite struct LogSearchTests {
    @Test(arguments: [
        ("failed payment", "{} |= \"failed\" |= \"payment\""),
        ("  failed\tpayment ", "{} |= \"failed\" |= \"payment\""),
        ("\"failed payment\" 4711", "{} |= \"failed payment\" |= \"4711\""),
        ("say\"hi there", "{} |= \"sayhi there\""),
        ("", "{}"),
        ("rate", "{} |= \"rate\""),
        ("sum of it", "{} |= \"sum\" |= \"of\" |= \"it\""),
        ("{a=\"b\"} |= \"c\"", "{a=\"b\"} |= \"c\""),
        ("  {a=\"b\"}", "{a=\"b\"}"),
        ("count_over_time({}[5m])", "count_over_time({} [5m])"),
    ])
    func wordsBecomeFilters(_ text: String, _ query: String) throws {
        #expect(try LogSearch.compile(text).description == query)
    }

    @Test func ignoringCaseMakesFoldedFilters() throws {
        let query = try LogSearch.compile("Failed a.b", ignoresCase: true)
        #expect(query.description == "{} |~ \"(?i)Failed\" |~ \"(?i)a\\\\.b\"")
    }

    @Test func brokenLogQLIsReported() {
        #expect(throws: QueryError.self) { try LogSearch.compile("{a=") }
    }
}
