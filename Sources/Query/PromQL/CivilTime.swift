internal import Model

/// Parts of a time in UTC, proleptic Gregorian.
enum CivilTime {
    /// NaN when `seconds` is not a time that can be said.
    static func field(_ field: DateField, atSeconds seconds: Double) -> Double {
        guard seconds.magnitude < 1e14 else { return .nan }
        let whole = Int64(seconds)
        let days = whole >= 0 ? whole / 86_400 : (whole - 86_399) / 86_400
        let secondOfDay = whole - days * 86_400
        let date = CivilDay(number: Int(days))
        return switch field {
        case .minute: Double(secondOfDay / 60 % 60)
        case .hour: Double(secondOfDay / 3600)
        case .dayOfWeek: Double(date.ofWeek)
        case .dayOfMonth: Double(date.day)
        case .month: Double(date.month)
        case .year: Double(date.year)
        case .dayOfYear: Double(date.ofYear)
        case .daysInMonth: Double(CivilDay.count(year: date.year, month: date.month))
        }
    }
}
