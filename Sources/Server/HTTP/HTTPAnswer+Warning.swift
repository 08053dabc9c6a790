internal import Model

extension HTTPAnswer {
    /// Says what an answer lacks where its format has no place for it.
    mutating func warn(_ completeness: Completeness) {
        headers += completeness.missing.map {
            ("Warning", "199 varve \(HTTPAnswer.quoted($0))")
        }
    }

    /// As a quoted-string of HTTP, which has no place for controls. Source: RFC 9110, 5.6.4.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return quoted + "\""
    }
}
