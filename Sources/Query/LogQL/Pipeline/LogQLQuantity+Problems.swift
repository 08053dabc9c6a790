/// Why a text is not the quantity that a label filter or `unwrap` takes it for, in the words of
/// Go's strconv and time and of go-humanize, which people know from Loki.
extension LogQLQuantity {
    static func numberProblem(_ text: ArraySlice<UInt8>) -> String {
        "strconv.ParseFloat: parsing \(quoted(text)): invalid syntax"
    }

    static func durationProblem(_ text: ArraySlice<UInt8>) -> String {
        var rest = text
        if let first = rest.first, first == 0x2B || first == 0x2D { rest = rest.dropFirst() }
        while true {
            let figure = rest.prefix(while: isFigure)
            guard figure.contains(where: { $0 != 0x2E }) else {
                return "time: invalid duration \(quoted(text))"
            }
            let unit = rest.dropFirst(figure.count).prefix { !isFigure($0) }
            if unit.isEmpty { return "time: missing unit in duration \(quoted(text))" }
            guard durationNanos([0x31] + unit) != nil else {
                return "time: unknown unit \(quoted(unit)) in duration \(quoted(text))"
            }
            rest = rest.dropFirst(figure.count + unit.count)
            if rest.isEmpty { return "time: invalid duration \(quoted(text))" }
        }
    }

    static func byteCountProblem(_ text: ArraySlice<UInt8>) -> String {
        let figure = text.prefix { isFigure($0) || $0 == 0x2C }
        let number = figure.filter { $0 != 0x2C }
        if self.number(number[...]) == nil { return numberProblem(number[...]) }
        let unit = String(decoding: text.dropFirst(figure.count), as: UTF8.self)
        let name = unit.lowercased().drop { $0 == " " }
        return "unhandled size name: \(name)"
    }

    private static func isFigure(_ byte: UInt8) -> Bool { 0x30...0x39 ~= byte || byte == 0x2E }

    private static func quoted(_ text: ArraySlice<UInt8>) -> String {
        LogQLText.quoted(String(decoding: text, as: UTF8.self))
    }
}
