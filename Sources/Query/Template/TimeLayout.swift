/// Times written and read by example, as Go does: the layout is how `Mon Jan 2 15:04:05 MST 2006`
/// would be written.
///
/// Source: Go, time/format.go.
enum TimeLayout {
    /// A piece of a layout.
    enum Element: Equatable {
        case literal
        case longMonth, month, numberMonth, zeroMonth
        case longDay, shortDay
        case day, underDay, zeroDay
        case underYearDay, zeroYearDay
        case hour, hour12, zeroHour12
        case minute, zeroMinute, second, zeroSecond
        case longYear, year
        case afternoon, lowerAfternoon
        case zoneName
        /// `-0700` and kin: whether `Z` stands for UTC, with `:`, down to minutes or seconds.
        case zone(isZ: Bool, hasColon: Bool, parts: Int)
        /// `.000` and `.999`; the first byte is the point or comma.
        case fraction(isFixed: Bool, digits: Int)
    }

    /// Longest first where one is the start of another.
    private static func named(_ text: String, _ element: Element) -> ([UInt8], Element) {
        (Array(text.utf8), element)
    }

    private static func zoned(
        _ text: String, isZ: Bool, hasColon: Bool, parts: Int
    ) -> ([UInt8], Element) {
        (Array(text.utf8), .zone(isZ: isZ, hasColon: hasColon, parts: parts))
    }

    private static let zones: [([UInt8], Element)] = [
        zoned("-07:00:00", isZ: false, hasColon: true, parts: 3),
        zoned("-070000", isZ: false, hasColon: false, parts: 3),
        zoned("-07:00", isZ: false, hasColon: true, parts: 2),
        zoned("-0700", isZ: false, hasColon: false, parts: 2),
        zoned("-07", isZ: false, hasColon: false, parts: 1),
        zoned("Z07:00:00", isZ: true, hasColon: true, parts: 3),
        zoned("Z070000", isZ: true, hasColon: false, parts: 3),
        zoned("Z07:00", isZ: true, hasColon: true, parts: 2),
        zoned("Z0700", isZ: true, hasColon: false, parts: 2),
        zoned("Z07", isZ: true, hasColon: false, parts: 1),
    ]

    private static let names: [([UInt8], Element)] = [
        named("January", .longMonth), named("Monday", .longDay), named("MST", .zoneName),
        named("2006", .longYear), named("__2", .underYearDay), named("002", .zeroYearDay),
        named("01", .zeroMonth), named("02", .zeroDay), named("03", .zeroHour12),
        named("04", .zeroMinute), named("05", .zeroSecond), named("06", .year),
        named("15", .hour), named("PM", .afternoon), named("pm", .lowerAfternoon),
        named("_2", .underDay), named("1", .numberMonth), named("2", .day), named("3", .hour12),
        named("4", .minute), named("5", .second),
    ]

    private static let words = zones + names

    /// The pieces of `layout` as ranges of it.
    static func elements(_ layout: [UInt8]) -> [(element: Element, range: Range<Int>)] {
        var result: [(element: Element, range: Range<Int>)] = []
        var literalStart = 0
        var offset = 0
        while offset < layout.count {
            guard let (element, length) = element(layout, at: offset) else {
                offset += 1
                continue
            }
            if offset > literalStart { result.append((.literal, literalStart..<offset)) }
            result.append((element, offset..<offset + length))
            offset += length
            literalStart = offset
        }
        if offset > literalStart { result.append((.literal, literalStart..<offset)) }
        return result
    }

    private static func element(_ layout: [UInt8], at offset: Int) -> (Element, Int)? {
        let rest = layout[offset...]
        for word in words where rest.starts(with: word.0) {
            // `_2006` is a year behind a `_`.
            if word.1 == .underDay, rest.starts(with: Array("_2006".utf8)) { return nil }
            return (word.1, word.0.count)
        }
        for (text, element) in [("Jan", Element.month), ("Mon", .shortDay)]
        where rest.starts(with: text.utf8) {
            // Not the start of another word.
            if rest.count > 3, 0x61...0x7A ~= rest[offset + 3] { return nil }
            return (element, 3)
        }
        let isPoint = rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ",")
        if isPoint, rest.count > 1 {
            let digit = rest[offset + 1]
            guard digit == 0x30 || digit == 0x39 else { return nil }
            let count = rest.dropFirst().prefix { $0 == digit }.count
            let next = offset + 1 + count
            if next < layout.count, 0x30...0x39 ~= layout[next] { return nil }
            return (.fraction(isFixed: digit == 0x30, digits: count), 1 + count)
        }
        return nil
    }

    static func format(_ time: TemplateTime, _ layout: [UInt8]) -> [UInt8] {
        let date = time.civil
        var result: [UInt8] = []
        for (element, range) in elements(layout) {
            append(element, layout[range], time, date, to: &result)
        }
        return result
    }

    private static func append(
        _ element: Element, _ text: ArraySlice<UInt8>, _ time: TemplateTime, _ date: CivilDate,
        to result: inout [UInt8]
    ) {
        let hour12 = date.hour % 12 == 0 ? 12 : date.hour % 12
        switch element {
        case .literal: result += text
        case .longMonth: result += Array(CivilDate.monthNames[date.month - 1].utf8)
        case .month: result += Array(CivilDate.monthNames[date.month - 1].utf8.prefix(3))
        case .numberMonth: result += digits(date.month, 1)
        case .zeroMonth: result += digits(date.month, 2)
        case .longDay: result += Array(CivilDate.dayNames[date.dayOfWeek].utf8)
        case .shortDay: result += Array(CivilDate.dayNames[date.dayOfWeek].utf8.prefix(3))
        case .day: result += digits(date.day, 1)
        case .underDay: result += digits(date.day, 2, pad: 0x20)
        case .zeroDay: result += digits(date.day, 2)
        case .underYearDay: result += digits(date.dayOfYear, 3, pad: 0x20)
        case .zeroYearDay: result += digits(date.dayOfYear, 3)
        case .hour: result += digits(date.hour, 2)
        case .hour12: result += digits(hour12, 1)
        case .zeroHour12: result += digits(hour12, 2)
        case .minute: result += digits(date.minute, 1)
        case .zeroMinute: result += digits(date.minute, 2)
        case .second: result += digits(date.second, 1)
        case .zeroSecond: result += digits(date.second, 2)
        case .longYear:
            if date.year < 0 { result.append(UInt8(ascii: "-")) }
            result += digits(Int(date.year.magnitude), 4)
        case .year: result += digits(Int(date.year.magnitude % 100), 2)
        case .afternoon: result += Array((date.hour >= 12 ? "PM" : "AM").utf8)
        case .lowerAfternoon: result += Array((date.hour >= 12 ? "pm" : "am").utf8)
        case .zoneName:
            if !time.zoneName.isEmpty {
                result += Array(time.zoneName.utf8)
            } else {
                result += zone(time.zoneSeconds, hasColon: false, parts: 2)
            }
        case .zone(let isZ, let hasColon, let parts):
            if isZ, time.zoneSeconds == 0 {
                result.append(UInt8(ascii: "Z"))
            } else {
                result += zone(time.zoneSeconds, hasColon: hasColon, parts: parts)
            }
        case .fraction(let isFixed, let count):
            var fraction = Array(digits(Int(time.nanos), 9).prefix(count))
            while fraction.count < count { fraction.append(0x30) }
            if !isFixed {
                while fraction.last == 0x30 { fraction.removeLast() }
                if fraction.isEmpty { return }
            }
            result += text.prefix(1) + fraction
        }
    }

    private static func zone(_ seconds: Int, hasColon: Bool, parts: Int) -> [UInt8] {
        let size = abs(seconds)
        let all = [size / 3600, size / 60 % 60, size % 60].prefix(parts).map { digits($0, 2) }
        return [UInt8(ascii: seconds < 0 ? "-" : "+")]
            + Array(all.joined(separator: hasColon ? [UInt8(ascii: ":")] : []))
    }

    private static func digits(_ value: Int, _ width: Int, pad: UInt8 = 0x30) -> [UInt8] {
        let text = Array(String(value).utf8)
        return [UInt8](repeating: pad, count: max(0, width - text.count)) + text
    }
}
