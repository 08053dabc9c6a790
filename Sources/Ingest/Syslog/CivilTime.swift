/// Dates and times of day to nanoseconds since 1970, in the proleptic Gregorian calendar. A second
/// of 60 is the first of the next minute, as POSIX has it.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
struct CivilTime: Equatable {
    var year = 1970
    var month = 1
    var day = 1
    var hour = 0
    var minute = 0
    var second = 0
    var nanos = 0
    /// Seconds east of UTC.
    var offsetSeconds = 0

    /// Nanoseconds since 1970, or nil for a date or time that does not exist or that 64 bits of
    /// nanoseconds cannot say.
    var epochNanos: Int64? {
        guard year >= 1678, year <= 2261, month >= 1, month <= 12, day >= 1,
            day <= CivilTime.dayCount(year, month), hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = CivilTime.days(year, month, day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds
        return Int64(seconds) * 1_000_000_000 + Int64(nanos)
    }

    /// Days since 1970-01-01.
    static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The year in which `epochNanos` falls.
    static func year(of epochNanos: Int64) -> Int {
        let seconds = epochNanos / 1_000_000_000
        let days = Int(seconds / 86_400) - (seconds % 86_400 < 0 ? 1 : 0)
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // The years of this count begin in March.
        return yearOfEra + era * 400 + (dayOfYear >= 306 ? 1 : 0)
    }

    static func dayCount(_ year: Int, _ month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
