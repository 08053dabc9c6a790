import Ingest
import Model
import Testing

/// What each line of the protocol means, row by row of the table of dialects and of the checklist.
/// Every row goes through the fast and the slow path, twice in one interval for the cached form.
@Suite("statsd protocol")
struct StatsdProtocolTests {
    typealias Row = (input: String, series: [String], reasons: [StatsdReason: Int])

    static func check(
        _ row: Row, _ options: StatsdOptions = StatsdOptions(),
        _ location: SourceLocation = #_sourceLocation
    ) {
        for isSlow in [false, true] {
            let outcome = StatsdFixture.run(row.input, options, isSlow: isSlow)
            #expect(
                outcome == .init(series: row.series, reasons: row.reasons),
                "\(row.input.debugDescription), slow: \(isSlow)", sourceLocation: location)
        }
    }

    static let divergences: [Row] = [
        ("a:1:2|c", ["a += 3.0"], [:]),
        ("a:1|c:2|c", ["a += 3.0"], [:]),
        ("a:-10|g", ["a ±= -10.0"], [:]),
        ("a:5|g\na:-10|g", ["a = -5.0"], [:]),
        ("a:-10|g\na:5|g", ["a = 5.0"], [:]),
        ("a:+3|g\na:-1|g", ["a ±= 2.0"], [:]),
        ("a:1|x", [], [.unknownType: 1]),
        ("a:1|c|@0", ["a += 1.0"], [.badRate: 1]),
        ("a:1|c|@2e-1", ["a += 5.0"], [:]),
        ("a:1|c|@+0.5", ["a += 2.0"], [:]),
        ("a:1|c|#t:v|@0.5", ["a{t=\"v\"} += 2.0"], [:]),
        ("a:0.5|c", ["a += 0.5"], [:]),
        ("a:NaN|g", [], [.badNumber: 1]),
        ("a:Infinity|g", [], [.badNumber: 1]),
        ("a:0x10|c", [], [.badNumber: 1]),
        ("a:-1|ms", ["a h5 n=1.0 sum=-1.0 zero=0.0 [][] -[0][1.0]"], [:]),
        ("a:abc:def|s\na:abc:def|s", ["a set 1 [\(member("abc:def"))] 0"], [:]),
        ("a:10|ms|@0.1", ["a h5 n=10.0 sum=100.0 zero=0.0 [107][10.0]"], [:]),
        ("x:1|c\r", ["x += 1.0"], [:]),
        ("x:1|c|c:ci-7f0e,in-42", ["x += 1.0"], [:]),
        ("x:1|c|e:it-false|card:low|Z", ["x += 1.0"], [:]),
        ("\u{0}:1|c", ["_ += 1.0"], [:]),
        (":1|c", [], [.emptyName: 1]),
        ("  :1|c", [], [.emptyName: 1]),
    ]

    static func member(_ text: String) -> UInt64 { StatsdHash.member(text) }

    @Test("the dialects' differences are decided", arguments: divergences.indices)
    func divergence(index: Int) { Self.check(Self.divergences[index]) }

    static let numbers: [Row] = [
        ("a:+5|c", ["a += 5.0"], [:]), ("a:-5|c", ["a += -5.0"], [:]),
        ("a:.5|c", ["a += 0.5"], [:]), ("a:5.|c", ["a += 5.0"], [:]),
        ("a:1e3|c", ["a += 1000.0"], [:]), ("a:1E-5|c", ["a += 1e-05"], [:]),
        ("a:1e400|c", [], [.badNumber: 1]), ("a:-0.0|g", ["a ±= 0.0"], [:]),
        ("a:1_000|c", [], [.badNumber: 1]), ("a:1,5|c", [], [.badNumber: 1]),
        ("a:١|c", [], [.badNumber: 1]),
        ("a:18446744073709551615|g", ["a = 1.8446744073709552e+19"], [:]),
        ("a:9007199254740993|g", ["a = 9007199254740992.0"], [:]),
        ("a: 7 |c", ["a += 7.0"], [:]), ("a:.|c", [], [.badNumber: 1]),
        ("a:-|c", [], [.badNumber: 1]), ("a:e5|c", [], [.badNumber: 1]),
        ("a:1e|c", [], [.badNumber: 1]), ("a:|c", [], [.noValue: 1]), ("a::|c", [], [.noValue: 1]),
        ("a::1|c", ["a += 1.0"], [:]), ("a:1:|c", ["a += 1.0"], [:]),
        ("a:1::2|c", ["a += 3.0"], [:]), ("a:1:x:2|c", ["a += 3.0"], [.badNumber: 1]),
        ("a:9007199254740992|c\na:1|c\na:1|c", ["a += 9007199254740992.0"], [:]),
        ("a:nan|ms", [], [.badNumber: 1]), ("a:-inf|d", [], [.badNumber: 1]),
    ]

    @Test("numbers", arguments: numbers.indices)
    func number(index: Int) { Self.check(Self.numbers[index]) }

    static let rates: [Row] = [
        ("a:1|c|@", ["a += 1.0"], [.badRate: 1]), ("a:1|c|@.", ["a += 1.0"], [.badRate: 1]),
        ("a:1|c|@.1.", ["a += 1.0"], [.badRate: 1]), ("a:1|c|@-1", ["a += 1.0"], [.badRate: 1]),
        ("a:1|c|@1.5", ["a += 1.0"], [.badRate: 1]), ("a:1|c|@nan", ["a += 1.0"], [.badRate: 1]),
        ("a:1|c|@1e-400", ["a += 1.0"], [.badRate: 1]),
        ("a:1|c|@1", ["a += 1.0"], [:]), ("a:1|c|@.1", ["a += 10.0"], [:]),
        ("a:1|c|@0.5|#x:y", ["a{x=\"y\"} += 2.0"], [:]),
        ("a:1|g|@0.1", ["a = 1.0"], [:]), ("a:1|g|@nonsense", ["a = 1.0"], [:]),
        ("a:u|s|@0.1", ["a set 1 [\(member("u"))] 0"], [:]),
        ("a:1|c|@0.5:2|c|@0.1", ["a += 22.0"], [:]),
        ("a:1:2|c|@0.5", ["a += 6.0"], [:]),
    ]

    @Test("sample rates", arguments: rates.indices)
    func rate(index: Int) { Self.check(Self.rates[index]) }

    static let shapes: [Row] = [
        ("", [], [:]), ("\n\n", [], [:]), ("\r\n \n\t\r\n", [], [:]),
        ("a:1|c\n", ["a += 1.0"], [:]), ("a:1|c\r\nb:2|c\r\n", ["a += 1.0", "b += 2.0"], [:]),
        ("a", [], [.noValue: 1]), ("a:1", [], [.noType: 1]), ("a:1|", [], [.noType: 1]),
        ("a|b:1|c", [], [.badName: 1]), ("a:1|C", [], [.unknownType: 1]),
        ("a:1|c:", ["a += 1.0"], [:]), ("a:1|c:5", ["a += 1.0"], [.noType: 1]),
        ("a:1|c||", ["a += 1.0"], [:]), (" a : 1 | c ", ["a += 1.0"], [:]),
        ("a.b-c/d e=f:1|c", ["a_b_c_d_e_f += 1.0"], [:]), ("9lives:1|c", ["_9lives += 1.0"], [:]),
        ("größe:1|c", ["gr__e += 1.0"], [:]), ("a:1|c\na:1|g", ["a += 1.0"], [.typeConflict: 1]),
        ("a:|s", [], [.noValue: 1]), ("a:ü|s", ["a set 1 [\(member("ü"))] 0"], [:]),
        ("a:1|h\na:1|d\na:1|ms", ["a h5 n=3.0 sum=3.0 zero=0.0 [0][3.0]"], [:]),
        ("a:0|ms", ["a h5 n=1.0 sum=0.0 zero=1.0 [][]"], [:]),
        (
            "a:1:2:4|d|#k:v", ["a{k=\"v\"} h5 n=3.0 sum=7.0 zero=0.0 [0, 32, 64][1.0, 1.0, 1.0]"],
            [:]
        ),
        ("a:1|g:+2|g", ["a = 3.0"], [:]), ("a:1|c:2|g", ["a += 1.0"], [.typeConflict: 1]),
    ]

    @Test("shapes of lines", arguments: shapes.indices)
    func shape(index: Int) { Self.check(Self.shapes[index]) }

    static let tags: [Row] = [
        ("a:1|c|#bare", ["a{bare=\"true\"} += 1.0"], [:]),
        ("a:1|c|#k:v:w", ["a{k=\"v:w\"} += 1.0"], [:]), ("a:1|c|#", ["a += 1.0"], [:]),
        ("a:1|c|#,,", ["a += 1.0"], [:]), ("a:1|c|#k:", ["a += 1.0"], [:]),
        ("a:1|c|#:v", ["a += 1.0"], [.badTag: 1]),
        ("a:1|c|#k:1,k:2", ["a{k=\"2\"} += 1.0"], [:]),
        ("a:1|c|##k:v", ["a{_k=\"v\"} += 1.0"], [:]),
        ("a:1|c|#x:1|#y:2", ["a{x=\"1\", y=\"2\"} += 1.0"], [:]),
        ("a:1|c|#b:1,a:2\na:1|c|#a:2,b:1", ["a{a=\"2\", b=\"1\"} += 2.0"], [:]),
        ("a:1|c|#__name__:b", ["a += 1.0"], [.badTag: 1]),
        ("a:1|c|#a.b-c:1,2x:3", ["a{_2x=\"3\", a_b_c=\"1\"} += 1.0"], [:]),
        ("a,k=v,l=w:1|c", ["a{k=\"v\", l=\"w\"} += 1.0"], [:]),
        ("a#k=v,l=w:1|c", ["a{k=\"v\", l=\"w\"} += 1.0"], [:]),
        ("a[k=v,l=w]b:1|c", ["ab{k=\"v\", l=\"w\"} += 1.0"], [:]),
        ("a;k=v;l=w:1|c", ["a{k=\"v\", l=\"w\"} += 1.0"], [:]),
        ("a;k=v,x:1|c", ["a{k=\"v,x\"} += 1.0"], [:]),
        ("a,k=v:1|c|#l:w", [], [.mixedTags: 1]), ("a;k=v:1|c|#l", [], [.mixedTags: 1]),
        ("a,k=v[l=w]:1|c", [], [.mixedTags: 1]), ("a[k=v:1|c", ["a_k_v += 1.0"], [:]),
        ("a]k=v:1|c", ["a_k_v += 1.0"], [:]), ("a[0]:1|c", ["a_0_ += 1.0"], [:]),
        ("a,b:1|c", ["a_b += 1.0"], [:]), ("a;b#c:1|c", ["a_b_c += 1.0"], [:]),
        (",k=v:1|c", [], [.emptyName: 1]), ("a,k=v,=w:1|c", ["a{k=\"v\"} += 1.0"], [.badTag: 1]),
        ("a,k=v:1|c|#", ["a{k=\"v\"} += 1.0"], [:]),
    ]

    @Test("tags in all styles", arguments: tags.indices)
    func tag(index: Int) { Self.check(Self.tags[index]) }

    static let timestamps: [Row] = [
        ("a:7|g|T1700000000", ["a sample 7.0 @1700000000000000000"], [:]),
        ("a:7|c|@0.5|T1700000000|#k:v", ["a{k=\"v\"} += 14.0 @1700000000000000000"], [:]),
        ("a:-7|g|T1700000000", ["a ±= -7.0 @1700000000000000000"], [:]),
        (
            "a:1:2|c|T1700000000",
            ["a += 1.0 @1700000000000000000", "a += 2.0 @1700000000000000000"], [:]
        ),
        ("a:2|c\na:7|c|T1700000000", ["a += 2.0", "a += 7.0 @1700000000000000000"], [:]),
        ("a:1|ms|T1700000000", ["a h5 n=1.0 sum=1.0 zero=0.0 [0][1.0]"], [:]),
        ("a:7|g|T0", [], [.badTimestamp: 1]), ("a:7|g|T-5", [], [.badTimestamp: 1]),
        ("a:7|g|T", [], [.badTimestamp: 1]), ("a:7|g|T1.5", [], [.badTimestamp: 1]),
        ("a:7|g|T99999999999999999999", [], [.badTimestamp: 1]),
    ]

    @Test("timestamps bypass aggregation", arguments: timestamps.indices)
    func timestamp(index: Int) { Self.check(Self.timestamps[index]) }

    @Test("the listener's options change the meaning")
    func options() {
        let absolute = StatsdFixture.options { $0.gaugeSign = .absolute }
        Self.check(("a:5|g\na:-10|g", ["a = -10.0"], [:]), absolute)
        Self.check(("a:+5|g", ["a = 5.0"], [:]), absolute)
        let compat = StatsdFixture.options { $0.unknownTypes = .compat }
        Self.check(("a:1|x\na:2|m", ["a += 3.0"], [:]), compat)
        let verbatim = StatsdFixture.options { $0.names = .verbatim }
        Self.check(
            ("a.b/ü:1|c|#k.x:v", ["a.b/ü{k.x=\"v\"} += 1.0"], [:]), verbatim)
    }

    @Test("bytes that are not UTF-8 are refused in names and tags, not in members")
    func invalidText() {
        for isSlow in [false, true] {
            var options = StatsdOptions()
            options.names = .verbatim
            let bytes: [[UInt8]] = [
                [0xFF] + Array("a:1|c".utf8), Array("a:1|c|#k:".utf8) + [0xC3],
                Array("s:".utf8) + [0xFF] + Array("|s".utf8),
                Array("s:".utf8) + [0xFE] + Array("|s".utf8),
            ]
            let outcome = StatsdFixture.run(bytes, options, isSlow: isSlow)
            #expect(outcome.reasons == [.invalidText: 2])
            #expect(outcome.series.count == 1 && outcome.series[0].hasPrefix("s set 2 "))
        }
    }

    @Test("limits refuse and count")
    func limits() {
        let options = StatsdFixture.options {
            $0.limits.nameBytesMax = 10
            $0.limits.tagCountMax = 2
            $0.limits.tagNameBytesMax = 5
            $0.limits.tagValueBytesMax = 5
            $0.limits.lineBytesMax = 40
        }
        Self.check(("abcdefghijk:1|c", [], [.nameTooLong: 1]), options)
        Self.check(("a:1|c|#a,b,c", [], [.tooManyTags: 1]), options)
        Self.check(("a:1|c|#abcdef", [], [.tagTooLong: 1]), options)
        Self.check(("a:1|c|#k:abcdef", [], [.tagTooLong: 1]), options)
        let long = "a:1|c\na:" + String(repeating: "1:", count: 30) + "|c"
        Self.check((long, ["a += 1.0"], [.lineTooLong: 1]), options)
    }

    @Test("cAdvisor's datagrams arrive")
    func cAdvisor() {
        let line = "cadvisor./docker/1f2e.cpu_usage_total:18446744073709551615|g"
        Self.check((line, ["cadvisor__docker_1f2e_cpu_usage_total = 1.8446744073709552e+19"], [:]))
    }
}
