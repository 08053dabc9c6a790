internal import Model

/// Reads a time by its layout.
///
/// Source: Go, time/format.go, `parse`.
struct TimeLayoutReader {
    private var rest: ArraySlice<UInt8>
    private var year = 0
    private var month: Int?
    private var day: Int?
    private var dayOfYear: Int?
    private var hour = 0
    private var minute = 0
    private var second = 0
    private var nanos: Int64 = 0
    private var isAfternoon: Bool?
    private var zoneSeconds: Int?
    private var zoneName = ""

    private init(_ text: [UInt8]) { rest = text[...] }

    /// The time in `zone`, nil for UTC, unless the text says otherwise. Nil when it does not follow the
    /// layout.
    static func time(
        _ text: [UInt8], _ layout: [UInt8], in zone: TimeZoneRules? = nil
    ) -> TemplateTime? {
        var reader = TimeLayoutReader(text)
        let elements = TimeLayout.elements(layout)
        for (index, (element, range)) in elements.enumerated() {
            let next = index + 1 < elements.count ? elements[index + 1].element : nil
            guard reader.read(element, layout[range], next: next) else { return nil }
        }
        guard reader.rest.isEmpty else { return nil }
        return reader.result(in: zone)
    }

    private func result(in rules: TimeZoneRules?) -> TemplateTime? {
        var hour = hour
        if let isAfternoon {
            if isAfternoon, hour < 12 { hour += 12 }
            if !isAfternoon, hour == 12 { hour = 0 }
        }
        var date = CivilDay(year: year, month: month ?? 1, day: day ?? 1)
        if let dayOfYear {
            date = CivilDay(number: CivilDay(year: year, month: 1, day: 1).number + dayOfYear - 1)
            guard dayOfYear > 0, date.year == year else { return nil }
        }
        guard date.exists else { return nil }
        let local = Int64(date.number * 86_400 + hour * 3600 + minute * 60 + second)
        if let rules, zoneSeconds == nil {
            let kind = rules.kind(ofLocal: local)
            let offset =
                zoneName.isEmpty ? kind.offset : rules.offset(named: zoneName, ofLocal: local)
            if let offset {
                return TemplateTime(
                    seconds: local - Int64(offset), nanos: nanos, zoneSeconds: offset,
                    zoneName: zoneName.isEmpty ? kind.name : zoneName)
            }
        }
        let zone = zoneSeconds ?? 0
        let isUTC = zone == 0 && (zoneName.isEmpty || zoneName == "UTC")
        return TemplateTime(
            seconds: local - Int64(zone), nanos: nanos, zoneSeconds: zone,
            zoneName: isUTC ? "UTC" : zoneName)
    }

    /// False when the text does not go on so.
    private mutating func read(
        _ element: TimeLayout.Element, _ text: ArraySlice<UInt8>, next: TimeLayout.Element?
    ) -> Bool {
        switch element {
        case .literal: return skip(text)
        case .longMonth: return take(CivilDate.monthNames) { $0.month = $1 + 1 }
        case .month:
            return take(CivilDate.monthNames.map { String($0.prefix(3)) }) { $0.month = $1 + 1 }
        case .numberMonth, .zeroMonth:
            return number(1...12, isFixed: element == .zeroMonth) { $0.month = $1 }
        case .longDay: return take(CivilDate.dayNames) { _, _ in }
        case .shortDay: return take(CivilDate.dayNames.map { String($0.prefix(3)) }) { _, _ in }
        case .day, .underDay, .zeroDay:
            if element == .underDay, rest.first == 0x20 { rest.removeFirst() }
            return number(0...99, isFixed: element == .zeroDay) { $0.day = $1 }
        case .underYearDay, .zeroYearDay:
            if element == .underYearDay {
                for _ in 0..<2 where rest.first == 0x20 { rest.removeFirst() }
            }
            return digits(1...3) { $0.dayOfYear = $1 }
        case .hour: return number(0...23, isFixed: false) { $0.hour = $1 }
        case .hour12, .zeroHour12:
            return number(0...12, isFixed: element == .zeroHour12) { $0.hour = $1 }
        case .minute, .zeroMinute:
            return number(0...59, isFixed: element == .zeroMinute) { $0.minute = $1 }
        case .second, .zeroSecond:
            guard number(0...59, isFixed: element == .zeroSecond, { $0.second = $1 }) else {
                return false
            }
            // A fraction may stand there without being in the layout.
            if case .fraction = next { return true }
            return fraction(digits: nil)
        case .longYear: return digits(4...4) { $0.year = $1 }
        case .year: return digits(2...2) { $0.year = $1 >= 69 ? 1900 + $1 : 2000 + $1 }
        case .afternoon, .lowerAfternoon:
            let names = element == .afternoon ? ["AM", "PM"] : ["am", "pm"]
            guard let found = names.firstIndex(where: { rest.starts(with: $0.utf8) }) else {
                return false
            }
            isAfternoon = found == 1
            rest = rest.dropFirst(2)
            return true
        case .zoneName: return readZoneName()
        case .zone(let isZ, let hasColon, let parts):
            return readZone(isZ: isZ, hasColon: hasColon, parts: parts)
        case .fraction(let isFixed, let count): return fraction(digits: isFixed ? count : nil)
        }
    }

    /// Any number of blanks stands for any number of blanks.
    private mutating func skip(_ literal: ArraySlice<UInt8>) -> Bool {
        var literal = literal
        while let first = literal.first {
            if first == 0x20 {
                if let next = rest.first, next != 0x20 { return false }
                literal = literal.drop { $0 == 0x20 }
                rest = rest.drop { $0 == 0x20 }
                continue
            }
            guard rest.first == first else { return false }
            literal.removeFirst()
            rest.removeFirst()
        }
        return true
    }

    private mutating func take(
        _ names: [String], _ set: (inout TimeLayoutReader, Int) -> Void
    ) -> Bool {
        for (index, name) in names.enumerated() {
            let head = rest.prefix(name.utf8.count).map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
            guard head.elementsEqual(name.lowercased().utf8) else { continue }
            rest = rest.dropFirst(head.count)
            set(&self, index)
            return true
        }
        return false
    }

    /// One digit or two.
    private mutating func number(
        _ range: ClosedRange<Int>, isFixed: Bool, _ set: (inout TimeLayoutReader, Int) -> Void
    ) -> Bool {
        var value: Int?
        guard digits((isFixed ? 2 : 1)...2, { value = $1 }), let value, range.contains(value)
        else { return false }
        set(&self, value)
        return true
    }

    private mutating func digits(
        _ count: ClosedRange<Int>, _ set: (inout TimeLayoutReader, Int) -> Void
    ) -> Bool {
        let found = rest.prefix(count.upperBound).prefix { 0x30...0x39 ~= $0 }
        guard found.count >= count.lowerBound else { return false }
        rest = rest.dropFirst(found.count)
        set(&self, found.reduce(0) { $0 * 10 + Int($1 - 0x30) })
        return true
    }

    /// `.` or `,` and so many digits; as many as there are, or nothing at all, for nil.
    private mutating func fraction(digits: Int?) -> Bool {
        let isPoint = rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ",")
        let found = rest.dropFirst().prefix { 0x30...0x39 ~= $0 }
        guard isPoint, !found.isEmpty else { return digits == nil }
        let count = digits ?? found.count
        guard found.count >= count else { return false }
        rest = rest.dropFirst(1 + count)
        var value: Int64 = 0
        for place in 0..<9 {
            let digit = place < count ? found[found.startIndex + place] - 0x30 : 0
            value = value * 10 + Int64(digit)
        }
        nanos = value
        return true
    }

    private mutating func readZone(isZ: Bool, hasColon: Bool, parts: Int) -> Bool {
        if isZ, rest.first == UInt8(ascii: "Z") {
            rest.removeFirst()
            zoneSeconds = 0
            zoneName = "UTC"
            return true
        }
        guard let sign = rest.first, sign == 0x2B || sign == 0x2D else { return false }
        rest.removeFirst()
        var total = 0
        for (part, unit) in [3600, 60, 1].prefix(parts).enumerated() {
            if part > 0, hasColon {
                guard rest.first == UInt8(ascii: ":") else { return false }
                rest.removeFirst()
            }
            guard
                digits(
                    2...2,
                    {
                        total += $1 * unit; _ = $0
                    })
            else { return false }
        }
        zoneSeconds = sign == 0x2D ? -total : total
        return true
    }

    /// Three to five capitals. A name that the zone has not is taken for UTC under that name.
    private mutating func readZoneName() -> Bool {
        let name = rest.prefix { 0x41...0x5A ~= $0 }
        guard (3...5).contains(name.count) else { return false }
        rest = rest.dropFirst(name.count)
        zoneName = String(decoding: name, as: UTF8.self)
        return true
    }
}
