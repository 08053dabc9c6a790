internal import Model

/// The rule by which a zone's clocks change each year, `CET-1CEST,M3.5.0,M10.5.0/3`.
/// Source: POSIX.1, "Environment Variables", TZ; RFC 8536, section 3.3.1.
struct PosixTimeZone: Sendable {
    /// A day of each year, and a time of it.
    private struct Change: Sendable {
        enum Day: Sendable {
            /// The weekday (0: Sunday) of a week of a month; week 5 is the last.
            case weekday(month: Int, week: Int, day: Int)
            /// 1 to 365; 29 February is never counted.
            case julian(Int)
            /// 0 to 365.
            case ofYear(Int)
        }

        var day: Day
        /// From midnight, local; may lie outside of the day.
        var seconds: Int

        /// Seconds since 1970, as if local time were UTC.
        func localSeconds(in year: Int) -> Int64 {
            let first = CivilDay(year: year, month: 1, day: 1).number
            let number: Int
            switch day {
            case .weekday(let month, let week, let weekday):
                let start = CivilDay(year: year, month: month, day: 1)
                let length = CivilDay.count(year: year, month: month)
                var inMonth = (weekday - start.ofWeek + 7) % 7 + 7 * (week - 1)
                if inMonth >= length { inMonth -= 7 }
                number = start.number + inMonth
            case .julian(let day):
                let isLeap = CivilDay.count(year: year, month: 2) == 29
                number = first + day - 1 + (isLeap && day > 59 ? 1 : 0)
            case .ofYear(let day):
                number = first + day
            }
            return Int64(number) * 86_400 + Int64(seconds)
        }
    }

    private let standard: TimeZoneRules.Kind
    private let daylight: TimeZoneRules.Kind?
    /// Of daylight saving time; without meaning where there is none.
    private var start = Change(day: .ofYear(0), seconds: 0)
    private var end = Change(day: .ofYear(0), seconds: 0)

    /// Nil for text that follows no such rule.
    init?(_ text: ArraySlice<UInt8>) {
        var reader = Reader(rest: text)
        guard let name = reader.name(), let west = reader.time() else { return nil }
        standard = TimeZoneRules.Kind(offset: -west, name: name)
        guard !reader.rest.isEmpty else {
            daylight = nil
            return
        }
        guard let name = reader.name() else { return nil }
        var offset = standard.offset + 3_600
        if reader.rest.first != UInt8(ascii: ",") {
            guard let west = reader.time() else { return nil }
            offset = -west
        }
        daylight = TimeZoneRules.Kind(offset: offset, name: name)
        guard let start = reader.change(), let end = reader.change(), reader.rest.isEmpty else {
            return nil
        }
        self.start = start
        self.end = end
    }

    /// What clocks show at `seconds` since 1970 in UTC.
    func kind(at seconds: Int64) -> TimeZoneRules.Kind {
        guard let daylight else { return standard }
        let local = seconds + Int64(standard.offset)
        let year = CivilDay(number: Int((local - ((local % 86_400) + 86_400) % 86_400) / 86_400))
            .year
        let from = start.localSeconds(in: year) - Int64(standard.offset)
        let to = end.localSeconds(in: year) - Int64(daylight.offset)
        let isDaylight =
            from < to ? seconds >= from && seconds < to : seconds < to || seconds >= from
        return isDaylight ? daylight : standard
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character.asciiValue else { return false }
            rest.removeFirst()
            return true
        }

        /// Letters, or anything between `<` and `>`.
        mutating func name() -> String? {
            let isQuoted = take("<")
            let name = rest.prefix {
                isQuoted
                    ? $0 != UInt8(ascii: ">") : 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0
            }
            rest = rest.dropFirst(name.count)
            guard name.count >= 3, !isQuoted || take(">") else { return nil }
            return String(decoding: name, as: UTF8.self)
        }

        mutating func number() -> Int? {
            let digits = rest.prefix { 0x30...0x39 ~= $0 }
            guard (1...4).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time() -> Int? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard let hours = number(), hours <= 167 else { return nil }
            var seconds = hours * 3_600
            for unit in [60, 1] where take(":") {
                guard let part = number(), part < 60 else { return nil }
                seconds += part * unit
            }
            return isNegative ? -seconds : seconds
        }

        /// `,M3.5.0/2`, `,J60` or `,59`.
        mutating func change() -> Change? {
            guard take(",") else { return nil }
            let day: Change.Day
            if take("M") {
                guard let month = number(), (1...12).contains(month), take("."),
                    let week = number(), (1...5).contains(week), take("."),
                    let weekday = number(), weekday < 7
                else { return nil }
                day = .weekday(month: month, week: week, day: weekday)
            } else if take("J") {
                guard let number = number(), (1...365).contains(number) else { return nil }
                day = .julian(number)
            } else {
                guard let number = number(), number <= 365 else { return nil }
                day = .ofYear(number)
            }
            guard take("/") else { return Change(day: day, seconds: 7_200) }
            return time().map { Change(day: day, seconds: $0) }
        }
    }
}
