import Server
import Testing

@Suite struct FormParametersTests {
    @Test func decodesAndKeepsRepeatedNames() throws {
        var form = FormParameters()
        try form.add(
            encoded: "query=up%7Ba%3D%22b%22%7D+%2B+1&match[]=a&match%5B%5D=b&empty&x=".utf8)
        #expect(form["query"] == "up{a=\"b\"} + 1")
        #expect(form.all("match") == ["a", "b"])
        #expect(form["empty"] == "")
        #expect(form["x"] == "")
        #expect(form["nothing"] == nil)
    }

    @Test(arguments: ["%", "%4", "%zz", "a%", "%%%"])
    func brokenEscapesStay(text: String) {
        #expect(FormParameters.decoded(text.utf8) == text)
    }

    @Test(arguments: ["", "a b&c=d", "ü/?#%+", "{app=\"x\"} |= `y`"])
    func encodingIsUndone(text: String) {
        #expect(FormParameters.decoded(FormParameters.encoded(text).utf8) == text)
    }

    @Test func manyParametersAreRefused() {
        var form = FormParameters()
        let text = String(repeating: "a&", count: FormParameters.countMax + 1)
        #expect(throws: HTTPFailure.self) { try form.add(encoded: text.utf8) }
    }
}
