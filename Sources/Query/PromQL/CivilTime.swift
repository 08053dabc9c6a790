/// `max(low, min(high, value))` where a NaN wins.
enum Clamp {
    static func apply(_ value: Double, _ low: Double, _ high: Double) -> Double {
        if value.isNaN || low.isNaN || high.isNaN { return .nan }
        return max(low, min(high, value))
    }
}

/// Parts of a time in UTC, proleptic Gregorian.
enum CivilTime {
    /// NaN when `seconds` is not a time that can be said.
    static func field(_ field: DateField, atSeconds seconds: Double) -> Double {
        guard seconds.magnitude < 1e14 else { return .nan }
        let whole = Int64(seconds)
        let days = whole >= 0 ? whole / 86_400 : (whole - 86_399) / 86_400
        let secondOfDay = whole - days * 86_400
        let date = civil(days)
        return switch field {
        case .minute: Double(secondOfDay / 60 % 60)
        case .hour: Double(secondOfDay / 3600)
        case .dayOfWeek: Double(((days + 4) % 7 + 7) % 7)
        case .dayOfMonth: Double(date.day)
        case .month: Double(date.month)
        case .year: Double(date.year)
        case .dayOfYear: Double(days - daysTo(year: date.year) + 1)
        case .daysInMonth: Double(daysIn(month: date.month, year: date.year))
        }
    }

    private static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    private static func daysIn(month: Int64, year: Int64) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from the epoch to 1 January.
    private static func daysTo(year: Int64) -> Int64 {
        let y = year - 1
        let leaps = floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400)
        return y * 365 + leaps - 719_162
    }

    private static func floorDiv(_ a: Int64, _ b: Int64) -> Int64 {
        a >= 0 ? a / b : (a - b + 1) / b
    }

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        var year = 1970 + floorDiv(days, 365)
        while daysTo(year: year) > days { year -= 1 + max(0, (daysTo(year: year) - days) / 366) }
        while daysTo(year: year + 1) <= days { year += 1 }
        var rest = Int(days - daysTo(year: year))
        var month: Int64 = 1
        while rest >= daysIn(month: month, year: year) {
            rest -= daysIn(month: month, year: year)
            month += 1
        }
        return (year, month, Int64(rest) + 1)
    }
}
